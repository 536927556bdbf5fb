package keystore

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/zen-agent/zen/internal/credential"
)

// keptLost is how many files of vaults whose key is lost are kept aside.
const keptLost = 3

// Restore puts vault.json.prev back in place of a damaged or missing vault.json, after
// checking it, and keeps the damaged file as vault.json.damaged-<time>. The vault is
// locked afterwards: see EnsureOpen. It is refused while the vault is not damaged, as it
// would undo the last change.
func (v *Vault) Restore(ctx context.Context) error {
	if err := v.begin(ctx); err != nil {
		return err
	}
	defer v.end()
	if v.State().State != StateDamaged {
		return fail(credential.InvalidInput, hintStatus, "the vault is not damaged: there is nothing to "+
			"restore")
	}
	if err := v.store.takeWriter(); err != nil {
		return err
	}
	if err := v.store.checkPrev(); err != nil {
		return err
	}
	err := v.store.swapBack()
	if err != nil && v.store.broken() {
		return cannotWrite(v.opt.Path, err)
	}
	v.load()
	if err != nil {
		return mayNotLast(v.opt.Path, err)
	}
	return nil
}

// broken reports whether vault.json is, still, not a vault.
func (s *store) broken() bool {
	f, err := s.read(s.path)
	if err != nil {
		return true
	}
	prev, err := s.read(s.prev())
	return err != nil || f.digest != prev.digest // of a file that was edited only the key knows
}

// checkPrev makes sure that the previous generation is one.
func (s *store) checkPrev() error {
	_, err := s.read(s.prev())
	if err == nil {
		return nil
	}
	text := plainDamage(err)
	if os.IsNotExist(err) {
		text = "there is none"
	}
	path := s.path
	return because(err, fail(credential.VaultDamaged,
		"restore "+path+" from a backup, or start over: mv "+path+" "+path+".bad; rm -f "+s.prev(),
		"cannot go back to the previous generation %s: %s", s.prev(), text))
}

// swapBack keeps the damaged file under another name and renames the previous generation
// over it; at no time is there nothing at all.
func (s *store) swapBack() error {
	if _, err := os.Lstat(s.path); err == nil {
		if err := s.put(s.path, s.aside("damaged")); err != nil {
			return err
		}
	}
	if err := s.copy(s.prev(), s.path); err != nil { // two files: what befalls one leaves the other
		return err
	}
	return syncDir(s.fs, filepath.Dir(s.path))
}

// StartAnew sets aside a vault whose key is lost, as vault.json.lost-<time>, so that the
// next Commit makes a new one. What was in it cannot be opened by anybody, unless its key
// comes back. It is refused in any other state. The broker calls it at the next change by
// itself only when EndedWithSession.
func (v *Vault) StartAnew(ctx context.Context) error {
	if err := v.begin(ctx); err != nil {
		return err
	}
	defer v.end()
	if v.State().State != StateKeyLost {
		return fail(credential.InvalidInput, hintStatus, "the vault's key is not lost: the vault stays "+
			"as it is")
	}
	if err := v.store.takeWriter(); err != nil {
		return err
	}
	err := v.store.setAside()
	if _, missing := os.Lstat(v.opt.Path); err != nil && missing == nil {
		return cannotWrite(v.opt.Path, err)
	}
	v.load()
	if err != nil {
		return mayNotLast(v.opt.Path, err)
	}
	return nil
}

// setAside removes the previous generation first, so that a stop in between does not look
// like a missing vault.
func (s *store) setAside() error {
	if err := s.fs.Remove(s.prev()); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := s.fs.Rename(s.path, s.aside("lost")); err != nil {
		return err
	}
	_ = s.fs.Remove(s.marker()) // an absent vault is not locked, whatever the marker says
	s.prune()
	return syncDir(s.fs, filepath.Dir(s.path))
}

// prune keeps the newest few of the files set aside by StartAnew: their names sort by
// time.
func (s *store) prune() {
	names, err := filepath.Glob(s.path + ".lost-*")
	if err != nil {
		return
	}
	slices.Sort(names)
	for _, name := range names[:max(0, len(names)-keptLost)] {
		_ = s.fs.Remove(name)
	}
}
