package keystore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

// Limits of one record, in bytes.
const (
	MaxPublic = 1 << 20
	MaxSecret = 4 << 20
)

// Tx collects the changes of one Commit. It must not be used after the function it was
// passed to returns.
type Tx struct {
	v       *Vault
	base    *file
	keys    *keys
	changes map[string]*record // nil: delete
}

// Put adds or replaces a record. A nil secret keeps the one the record has, an empty one
// removes it. The secret is sealed before Put returns; it stays the caller's.
func (tx *Tx) Put(rec Record, secret *credential.Secret) error {
	public, err := checkRecord(rec, secret)
	if err != nil {
		return err
	}
	r := &record{id: rec.ID, kind: rec.Kind, public: public}
	if secret != nil {
		r.secret = !secret.IsEmpty()
		return tx.seal(r, secret.Reveal())
	}
	return tx.keep(r)
}

// checkRecord checks what can be written, and returns the public part on one line.
func checkRecord(rec Record, secret *credential.Secret) ([]byte, error) {
	if !validName(rec.ID) || !validName(rec.Kind) {
		return nil, fail(credential.InvalidInput, "", "a record needs an id and a kind of letters, "+
			"digits and -_.:/@")
	}
	if len(rec.Public) > MaxPublic {
		return nil, fail(credential.TooLarge, "", "the public part of %s %s has %d bytes, more than %d",
			rec.Kind, rec.ID, len(rec.Public), MaxPublic)
	}
	if secret != nil && secret.Len() > MaxSecret {
		return nil, fail(credential.TooLarge, "", "the secret of %s %s has %d bytes, more than %d",
			rec.Kind, rec.ID, secret.Len(), MaxSecret)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, rec.Public); err != nil || !safejson.Compact(line.Bytes()) {
		return nil, fail(credential.InvalidInput, "", "the public part of %s %s is not JSON in UTF-8, at "+
			"most %d deep",
			rec.Kind, rec.ID, safejson.MaxDepth)
	}
	return line.Bytes(), nil
}

// keep puts r with the secret that its id has now.
func (tx *Tx) keep(r *record) error {
	old := tx.find(r.id)
	switch {
	case old == nil:
		return tx.seal(r, nil)
	case old.kind == r.kind && bytes.Equal(old.public, r.public):
		return nil
	case !old.secret:
		return tx.seal(r, nil)
	}
	secret, err := tx.keys.openRecord(tx.base.vault, old)
	defer clear(secret)
	if err != nil {
		return tx.v.explain(err, "record "+r.id)
	}
	r.secret = true
	return tx.seal(r, secret)
}

func (tx *Tx) seal(r *record, secret []byte) error {
	if err := tx.keys.sealRecord(tx.v.opt.Rand, tx.base.vault, r, secret); err != nil {
		return tx.v.explain(err, "record "+r.id)
	}
	tx.changes[r.id] = r
	return nil
}

// find returns a record as the transaction sees it.
func (tx *Tx) find(id string) *record {
	if r, ok := tx.changes[id]; ok {
		return r
	}
	return tx.base.find(id)
}

// Delete removes a record; that there is none is not an error.
func (tx *Tx) Delete(id string) {
	if tx.base.find(id) == nil {
		delete(tx.changes, id)
		return
	}
	tx.changes[id] = nil
}

// merged returns the records after the changes, in order of id.
func (tx *Tx) merged() []record {
	out := make([]record, 0, len(tx.base.records)+len(tx.changes))
	for _, r := range tx.base.records {
		if _, changed := tx.changes[r.id]; !changed {
			out = append(out, r)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(tx.changes)) {
		if r := tx.changes[id]; r != nil {
			out = append(out, *r)
		}
	}
	slices.SortFunc(out, func(a, b record) int { return strings.Compare(a.id, b.id) })
	return out
}

// Commit makes all changes of one function durable at once, or none. It opens the vault
// as EnsureOpen does; the first Commit makes the vault and chooses its key slot (see
// Options.Slots). A key that is lost is an error: see StartAnew.
//
// When Commit fails, Records are what the disk holds: all but always the state before.
func (v *Vault) Commit(ctx context.Context, change func(*Tx) error) error {
	if err := v.begin(ctx); err != nil {
		return err
	}
	defer v.end()
	base, k, err := v.base(ctx)
	if err != nil {
		return err
	}
	defer v.release(k)
	tx := &Tx{v: v, base: base, keys: k, changes: make(map[string]*record)}
	if err := change(tx); err != nil || len(tx.changes) == 0 {
		return err
	}
	next := base.next()
	next.records = tx.merged()
	return v.writeChosen(ctx, next, k)
}

// begin waits for the right to change the file; nobody has it after Close.
func (v *Vault) begin(ctx context.Context) error {
	select {
	case v.changing <- struct{}{}:
	case <-ctx.Done():
		return because(context.Cause(ctx), fail(credential.Timeout, "", "another change of the vault "+
			"takes too long"))
	}
	if v.ctx.Err() != nil {
		v.end()
		return errStopping
	}
	return nil
}

func (v *Vault) end() { <-v.changing }

// base is what a change starts from: the open vault, or a new one with fresh keys and no
// slot. The caller holds changing and calls release with the keys at the end.
func (v *Vault) base(ctx context.Context) (*file, *keys, error) {
	if err := v.EnsureOpen(ctx); err != nil {
		return nil, nil, err
	}
	v.mu.RLock()
	f, k, err := v.f, v.keys, v.blocked()
	v.mu.RUnlock()
	if err != nil || f != nil {
		return f, k, err
	}
	id, err := uuid.NewRandomFromReader(v.opt.Rand)
	if err != nil {
		return nil, nil, err
	}
	f = &file{vault: id.String()}
	k, err = generateKeys(v.opt.Rand, f.vault)
	return f, k, err
}

// release destroys keys that did not become the vault's.
func (m *inMemory) release(k *keys) {
	m.mu.RLock()
	mine := m.keys == k
	m.mu.RUnlock()
	if !mine {
		k.destroy()
	}
}

// next begins the generation after f, with the same content.
func (f *file) next() *file {
	return &file{
		vault:      f.vault,
		generation: f.generation + 1,
		slots:      slices.Clone(f.slots),
		records:    f.records,
	}
}

// writeChosen writes a generation; one that has no slot yet gets the first that works,
// and takes it back on failure.
func (v *Vault) writeChosen(ctx context.Context, next *file, k *keys) error {
	if len(next.slots) > 0 {
		return v.write(ctx, next, k)
	}
	entry, err := v.slots.choose(ctx, next.vault, k)
	if err != nil {
		return err
	}
	next.slots = []slotEntry{entry}
	return v.writeArmed(ctx, next, k, entry)
}

// writeArmed writes a generation with slots that were armed for it. On failure their keys
// are discarded, unless the disk has that generation nevertheless, or does not say: a key
// too many harms nobody.
func (v *Vault) writeArmed(ctx context.Context, next *file, k *keys, armed ...slotEntry) error {
	err := v.write(ctx, next, k)
	if err == nil {
		return nil
	}
	switch f, readErr := v.store.read(v.opt.Path); {
	case readErr == nil:
		v.slots.discardAll(ctx, next.vault, without(armed, f.slots))
	case errors.Is(readErr, os.ErrNotExist):
		v.slots.discardAll(ctx, next.vault, armed)
	}
	return err
}

func (set slotSet) discardAll(ctx context.Context, vaultID string, slots []slotEntry) {
	for _, s := range slots {
		if slot, err := set.candidate(s.Kind); err == nil {
			set.discard(ctx, slot, keyID(vaultID, s.ID))
		}
	}
}

func (m *inMemory) current() *file {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.f
}

// write makes next, sealed with k, the vault's generation on the disk and then in memory.
// The caller holds changing.
func (v *Vault) write(ctx context.Context, next *file, k *keys) error {
	if err := v.store.takeWriter(); err != nil {
		return err
	}
	if stampOf(v.opt.Path) != v.store.seen {
		return fail(credential.VaultDamaged, "have zend read it again: zen daemon restart",
			"%s was changed or removed by something other than zen while zend was running; nothing was "+
				"written", v.opt.Path)
	}
	data, err := next.encode(k.mac)
	if err != nil {
		return v.explain(err, "the vault")
	}
	present := v.current()
	v.store.lookUpRetired(present)
	if err := v.store.replace(present != nil, data); err != nil {
		return v.settle(next, k, data, err)
	}
	v.install(next, k)
	v.forget(ctx, present, next)
	return nil
}

// settle makes memory agree with the disk after a failed write, where the disk decides,
// and explains the failure.
func (v *Vault) settle(next *file, k *keys, data []byte, cause error) error {
	have, err := readFile(v.store.fs, v.opt.Path, maxFile)
	v.store.seen = stampOf(v.opt.Path)
	v.store.retired = nil
	switch {
	case err == nil && bytes.Equal(have, data):
		v.install(next, k)
		return mayNotLast(v.opt.Path, cause)
	case err == nil || errors.Is(err, os.ErrNotExist):
		return cannotWrite(v.opt.Path, cause)
	}
	return neitherReadNorWritten(v.opt.Path, cause)
}

// install makes a written generation the one in memory; keys come with it unless the
// vault was locked meanwhile.
func (v *Vault) install(next *file, k *keys) {
	v.store.seen = stampOf(v.opt.Path)
	v.mu.Lock()
	defer v.mu.Unlock()
	fresh := v.f == nil
	old := v.keys
	v.f, v.notice = next, ""
	switch {
	case old == k, old == nil && !fresh, v.closed:
	default:
		v.keys = k
		if old != nil {
			old.destroy()
		}
	}
}

// retired are key slots that only the previous generation names.
type retired struct{ slots []slotEntry }

// lookUpRetired finds out which slots vault.json.prev has that the present generation has
// not.
func (s *store) lookUpRetired(present *file) {
	if s.retired != nil {
		return
	}
	s.retired = &retired{}
	prev, err := s.read(s.prev())
	if err == nil && present != nil && prev.vault == present.vault {
		s.retired.slots = without(prev.slots, present.slots)
	}
}

// forget deletes the keys of slots that no generation on the disk names any more. That
// happens only after the file was written, so that a kill at any time leaves every
// generation with its keys.
func (v *Vault) forget(ctx context.Context, present, next *file) {
	if present == nil {
		return
	}
	v.slots.discardAll(ctx, next.vault, without(v.store.retired.slots, next.slots))
	v.store.retired.slots = without(present.slots, next.slots)
}

// without returns the slots of a that b does not have.
func without(a, b []slotEntry) (out []slotEntry) {
	for _, s := range a {
		if !slices.ContainsFunc(b, func(o slotEntry) bool { return o.ID == s.ID }) {
			out = append(out, s)
		}
	}
	return out
}
