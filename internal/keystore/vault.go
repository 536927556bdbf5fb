package keystore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/paths"
)

// Options say where a vault is and what it may use. Only Path is required.
type Options struct {
	Path   string           // of vault.json; its directory should be the user's alone
	Slots  []KeySlot        // in order of preference for a new vault; also those that open an existing one
	Now    func() time.Time // nil: time.Now
	Rand   io.Reader        // nil: crypto/rand
	FS     FS               // nil: the operating system's
	Argon2 Argon2Params     // zero: DefaultArgon2
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.FS == nil {
		o.FS = osFS{}
	}
	if o.Argon2 == (Argon2Params{}) {
		o.Argon2 = DefaultArgon2()
	}
	return o
}

// Record is one record's part that can be read while the vault is locked. It is
// authenticated once the vault is open.
type Record struct {
	ID, Kind  string          // letters, digits and -_.:/@, at most 128
	Public    json.RawMessage // one JSON value; not to be changed in place
	HasSecret bool            // ignored by Tx.Put, which looks at the secret
}

// Vault is a sealed file and, while it is open, its key. It is safe for concurrent use.
type Vault struct {
	opt   Options
	slots slotSet
	inMemory

	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	working  sync.WaitGroup
	changing chan struct{} // holds one token: the right to change the file
	store    *store        // what it remembers is guarded by changing

	marking sync.Mutex // held while the marker of Lock is written or removed
	flight  *flight    // attempt to open that is under way; guarded by mu
}

// inMemory is the generation in memory and, while the vault is open, its key.
type inMemory struct {
	path string // of the vault, for errors

	mu         sync.RWMutex // guards what follows; never held over I/O
	closed     bool
	f          *file             // nil: absent or unusable
	unusable   *credential.Error // why the file cannot be used
	keys       *keys             // nil: locked
	userLocked bool              // until Unlock
	epoch      int               // counts Lock, Close and changes of f other than by a commit
	failure    *failure          // of the last attempt to open without a person
	notice     string            // something went wrong while the vault stayed open
}

// stamp tells whether somebody else changed the file.
type stamp struct {
	size  int64
	mtime time.Time
}

func stampOf(path string) stamp {
	info, err := os.Lstat(path)
	if err != nil {
		return stamp{size: -1}
	}
	return stamp{info.Size(), info.ModTime()}
}

// Open reads the vault file, if there is one. It asks nobody for a key. A damaged file or
// one of a newer format gives a Vault that says so in State. The error is VaultBusy when
// another process has the vault and keeps it for a second; Open fails for nothing else.
//
// On a read-only or full disk a vault can still be opened and read; changes report
// CannotWrite.
func Open(opt Options) (*Vault, error) {
	opt = opt.withDefaults()
	v := &Vault{
		opt: opt, slots: slotSet{opt}, inMemory: inMemory{path: opt.Path}, changing: make(chan struct{}, 1),
		store: &store{fs: opt.FS, path: opt.Path, random: opt.Rand, now: opt.Now},
	}
	if err := v.store.awaitWriter(); credential.VaultBusy.Is(err) {
		return nil, err
	}
	if v.store.writer != nil {
		v.store.clean()
	}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	_, err := os.Lstat(v.store.marker())
	v.userLocked = err == nil
	v.load()
	return v, nil
}

// How long and how often Open tries to take the vault over from another process. One that
// was killed keeps its locks for as long as it waits for the disk.
const (
	busyWait = time.Second
	busyPoll = 5 * time.Millisecond
)

// awaitWriter takes the writer lock, from a process that is ending too.
func (s *store) awaitWriter() error {
	for deadline := time.Now().Add(busyWait); ; time.Sleep(busyPoll) {
		if err := s.takeWriter(); !credential.VaultBusy.Is(err) || time.Now().After(deadline) {
			return err
		}
	}
}

// takeWriter takes the writer lock unless it is held already.
func (s *store) takeWriter() error {
	if s.writer != nil {
		return nil
	}
	if err := paths.MakeDir(filepath.Dir(s.path)); err != nil {
		return cannotWrite(s.path, err)
	}
	f, err := takeWriterLock(s.lockFile())
	if errors.Is(err, errHeld) {
		return fail(credential.VaultBusy, "stop the other zend: zen daemon stop", "another zend holds "+
			"the vault %s", s.path)
	}
	if err != nil {
		return cannotWrite(s.path, err)
	}
	s.writer = f
	return nil
}

// load reads the file from the disk. The caller has the vault to itself, or holds
// changing.
func (v *Vault) load() {
	v.store.seen = stampOf(v.opt.Path)
	f, err := v.store.read(v.opt.Path)
	_, prevErr := os.Lstat(v.store.prev())
	hasPrev := prevErr == nil
	v.mu.Lock()
	defer v.mu.Unlock()
	v.f, v.unusable, v.failure, v.store.retired = f, nil, nil, nil
	v.wipe()
	// a parent is a file: the first write says so
	absent := errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
	switch {
	case absent && hasPrev:
		v.unusable = fail(credential.VaultDamaged, hintRestore, "%s is missing, but its previous "+
			"generation is there", v.opt.Path)
	case absent:
		v.userLocked = false
	case err != nil:
		v.unusable = unreadable(v.opt.Path, err, hasPrev)
	}
}

// read returns a file's content, nil after any error.
func (s *store) read(path string) (*file, error) {
	b, err := readFile(s.fs, path, maxFile)
	if err != nil {
		return nil, err
	}
	return parse(b)
}

// Close wipes the key, waits for attempts to open, and gives the vault to the next
// process.
func (v *Vault) Close() error {
	v.cancel()
	v.changing <- struct{}{}
	defer func() { <-v.changing }()
	v.mu.Lock()
	v.closed = true
	v.wipe()
	v.mu.Unlock()
	v.working.Wait()
	if v.store.writer == nil {
		return nil
	}
	err := v.store.writer.Close()
	v.store.writer = nil
	return err
}

// wipe forgets the key. The caller holds mu.
func (m *inMemory) wipe() {
	m.epoch++
	if m.keys != nil {
		m.keys.destroy()
		m.keys = nil
	}
}

// Records returns all records in order of their ids; none when the vault is absent or
// cannot be used. While the vault is locked they are as the file has them: checked for
// damage, not for tampering.
func (m *inMemory) Records() []Record {
	f := m.current()
	if f == nil {
		return nil
	}
	records := make([]Record, len(f.records))
	for i, r := range f.records {
		records[i] = Record{ID: r.id, Kind: r.kind, Public: r.public, HasSecret: r.secret}
	}
	return records
}

// LargeSecret is the size in bytes beyond which a secret is large.
const LargeSecret = 16 << 10

// Secret decrypts a record's secret; the caller wipes it. It does not open the vault: see
// EnsureOpen. A record without a secret gives an empty one.
func (m *inMemory) Secret(id string) (credential.Secret, error) {
	return m.SecretWhen(id, func() error { return nil })
}

// SecretWhen is Secret, but calls large, once, before it takes memory for a large secret,
// and gives up when that fails.
func (m *inMemory) SecretWhen(id string, large func() error) (credential.Secret, error) {
	for asked := false; ; {
		m.mu.RLock()
		f, k, err := m.f, m.keys, m.blocked()
		m.mu.RUnlock()
		if err != nil {
			return credential.Secret{}, err
		}
		var r *record
		if f != nil {
			r = f.find(id)
		}
		if r == nil {
			return credential.Secret{}, noRecord(id)
		}
		if !asked && len(r.blob) > LargeSecret+overhead {
			if err := large(); err != nil {
				return credential.Secret{}, err
			}
			asked = true
			continue // who knows how long that took
		}
		b, err := k.openRecord(f.vault, r)
		if errors.Is(err, errGone) {
			continue // locked meanwhile, which is said above, or sealed anew with other keys
		}
		if err != nil {
			return credential.Secret{}, m.explain(err, "record "+id)
		}
		return credential.NewSecret(b), nil
	}
}

func noRecord(id string) error {
	return fail(credential.NoSuchEntity, "", "the vault has no record %s", id)
}

// explain turns an error of the cryptography into one for a person.
func (m *inMemory) explain(err error, what string) error {
	switch {
	case errors.Is(err, errGone):
		return fail(credential.Locked, hintUnlock, "the vault was locked meanwhile")
	case errors.Is(err, errSealed):
		return fail(credential.VaultDamaged, hintRestore, "%s in %s was changed by something other than "+
			"zen", what, m.path)
	}
	return err
}

// blocked says why the content of the vault cannot be used now; nil when it is open or
// absent. The caller holds mu.
func (m *inMemory) blocked() error {
	if _, err := m.condition(); err != nil {
		return err
	}
	return nil
}

// find returns the record of an id, nil if there is none.
func (f *file) find(id string) *record {
	i, ok := slices.BinarySearchFunc(
		f.records,
		id,
		func(r record, id string) int { return strings.Compare(r.id, id) },
	)
	if !ok {
		return nil
	}
	return &f.records[i]
}
