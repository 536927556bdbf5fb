package keystore

import (
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// States of a vault, as State reports them.
const (
	StateAbsent   = "absent"   // nothing was ever stored: the first Commit makes the vault
	StateUnlocked = "unlocked" // open
	StateLocked   = "locked"   // not open; EnsureOpen or Unlock may open it
	StateKeyLost  = "key lost" // its key slots work and none has its key: nobody can open it
	StateDamaged  = "damaged"  // see Restore
	StateTooNew   = "too new"  // a newer zen wrote it
)

// State describes the vault for a person. It asks nobody and reads nothing.
func (v *Vault) State() api.VaultStatus {
	v.mu.RLock()
	defer v.mu.RUnlock()
	state, err := v.condition()
	s := api.VaultStatus{File: v.opt.Path, State: state}
	switch {
	case err != nil && err != errNotAsked:
		s.Problem, s.Hint = err.Message, err.HintText()
	case state == StateUnlocked:
		s.Problem = v.notice
	}
	if v.f != nil {
		s.ID, s.Format, s.Generation, s.Records = v.f.vault, Format, v.f.generation, len(v.f.records)
		s.Slots = v.slotStatus()
	}
	return s
}

// errNotAsked is not a problem: nobody needed the vault so far.
var errNotAsked = credential.NewError(credential.Locked, "the vault is not open yet", hintUnlock)

// condition names the state, and says why the content cannot be used now; nil when the
// vault is open or absent. The caller holds mu.
func (m *inMemory) condition() (string, *credential.Error) {
	switch {
	case m.unusable != nil && m.unusable.Reason == credential.VaultTooNew:
		return StateTooNew, m.unusable
	case m.unusable != nil:
		return StateDamaged, m.unusable
	case m.f == nil:
		return StateAbsent, nil
	case m.keys != nil:
		return StateUnlocked, nil
	case m.closed:
		return StateLocked, errStopping
	case m.failure != nil && m.failure.lost:
		return StateKeyLost, m.failure.err
	case m.userLocked:
		return StateLocked, fail(credential.Locked, hintUnlock, "the vault was locked with zen lock")
	case m.failure != nil:
		return StateLocked, m.failure.err
	}
	return StateLocked, errNotAsked
}

func (v *Vault) slotStatus() []api.VaultSlot {
	out := make([]api.VaultSlot, 0, len(v.f.slots))
	for _, s := range v.f.slots {
		out = append(
			out,
			api.VaultSlot{ID: s.ID, Kind: s.Kind, Detail: v.slots.detail(s), Created: s.Created},
		)
	}
	return out
}

func (set slotSet) detail(s slotEntry) string {
	text := "not usable by this zen"
	if slot, err := set.candidate(s.Kind); err == nil {
		text = slot.Detail()
	}
	if s.Kind == KindPassphrase {
		text = detailPassphrase
	}
	if s.Note != "" {
		text += " (" + s.Note + ")"
	}
	return text
}

// EndedWithSession reports whether the key is lost because it was only ever meant to last
// for a session: then nothing that could still be opened is lost by StartAnew.
func (m *inMemory) EndedWithSession() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if state, _ := m.condition(); state != StateKeyLost {
		return false
	}
	for _, s := range m.f.slots {
		if !endsWithSession(s.Kind) {
			return false
		}
	}
	return true
}
