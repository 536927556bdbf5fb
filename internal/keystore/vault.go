package keystore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"iter"
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

// Record is one record's part that can be read while the vault is locked. It is authenticated once the vault is open.
type Record struct {
	ID, Kind  string          // letters, digits and -_.:/@, at most 128
	Public    json.RawMessage // one JSON value; not to be changed in place
	HasSecret bool            // ignored by Tx.Put, which looks at the secret
}

// Vault is a sealed file and, while it is open, its key. It is safe for concurrent use.
type Vault struct {
	opt   Options
	store *store

	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	working  sync.WaitGroup
	changing chan struct{} // holds one token: the right to change the file

	// Guarded by changing.
	writer  *os.File // writer lock; nil if it could not be taken yet
	seen    stamp    // the file as it was last read or written
	retired *retired // key slots that only vault.json.prev names; nil: not looked up yet

	marking sync.Mutex // held while the marker of Lock is written or removed

	mu         sync.RWMutex // guards what follows; never held over I/O
	closed     bool
	f          *file             // nil: absent or unusable
	unusable   *credential.Error // why the file cannot be used
	keys       *keys             // nil: locked
	userLocked bool              // until Unlock
	epoch      int               // counts Lock, Close and changes of f other than by a commit
	failure    *failure          // of the last attempt to open without a person
	notice     string            // something went wrong while the vault stayed open
	flight     *flight           // attempt to open that is under way
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

// Open reads the vault file, if there is one. It asks nobody for a key. A damaged file or one of a newer format gives a Vault
// that says so in State. The error is VaultBusy when another process has the vault and keeps it for a second; Open fails for nothing
// else.
//
// On a read-only or full disk a vault can still be opened and read; changes report CannotWrite.
func Open(opt Options) (*Vault, error) {
	v := &Vault{opt: opt.withDefaults(), changing: make(chan struct{}, 1)}
	v.store = &store{fs: v.opt.FS, path: v.opt.Path, random: v.opt.Rand}
	if err := v.awaitWriter(); credential.VaultBusy.Is(err) {
		return nil, err
	}
	if v.writer != nil {
		v.store.clean()
	}
	v.ctx, v.cancel = context.WithCancel(context.Background())
	_, err := os.Lstat(v.store.marker())
	v.userLocked = err == nil
	v.load()
	return v, nil
}

// How long and how often Open tries to take the vault over from another process. One that was killed keeps its locks for as long
// as it waits for the disk.
const (
	busyWait = time.Second
	busyPoll = 5 * time.Millisecond
)

// awaitWriter takes the writer lock, from a process that is ending too.
func (v *Vault) awaitWriter() error {
	for deadline := time.Now().Add(busyWait); ; time.Sleep(busyPoll) {
		if err := v.takeWriter(); !credential.VaultBusy.Is(err) || time.Now().After(deadline) {
			return err
		}
	}
}

// takeWriter takes the writer lock unless it is held already.
func (v *Vault) takeWriter() error {
	if v.writer != nil {
		return nil
	}
	if err := paths.MakeDir(filepath.Dir(v.opt.Path)); err != nil {
		return cannotWrite(v.opt.Path, err)
	}
	f, err := takeWriterLock(v.store.lockFile())
	if errors.Is(err, errHeld) {
		return fail(credential.VaultBusy, "stop the other zend: zen daemon stop", "another zend holds the vault %s", v.opt.Path)
	}
	if err != nil {
		return cannotWrite(v.opt.Path, err)
	}
	v.writer = f
	return nil
}

// load reads the file from the disk. The caller has the vault to itself, or holds changing.
func (v *Vault) load() {
	v.seen = stampOf(v.opt.Path)
	f, err := v.read(v.opt.Path)
	_, prevErr := os.Lstat(v.store.prev())
	hasPrev := prevErr == nil
	v.mu.Lock()
	defer v.mu.Unlock()
	v.f, v.unusable, v.failure, v.retired = f, nil, nil, nil
	v.wipe()
	absent := errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) // a parent is a file: the first write says so
	switch {
	case absent && hasPrev:
		v.unusable = fail(credential.VaultDamaged, hintRestore, "%s is missing, but its previous generation is there", v.opt.Path)
	case absent:
		v.userLocked = false
	case err != nil:
		v.unusable = unreadable(v.opt.Path, err, hasPrev)
	}
}

// read returns a file's content, nil after any error.
func (v *Vault) read(path string) (*file, error) {
	b, err := readFile(v.store.fs, path, maxFile)
	if err != nil {
		return nil, err
	}
	return parse(b)
}

// Close wipes the key, waits for attempts to open, and gives the vault to the next process.
func (v *Vault) Close() error {
	v.cancel()
	v.changing <- struct{}{}
	defer func() { <-v.changing }()
	v.mu.Lock()
	v.closed = true
	v.wipe()
	v.mu.Unlock()
	v.working.Wait()
	if v.writer == nil {
		return nil
	}
	err := v.writer.Close()
	v.writer = nil
	return err
}

// wipe forgets the key. The caller holds mu.
func (v *Vault) wipe() {
	v.epoch++
	if v.keys != nil {
		v.keys.destroy()
		v.keys = nil
	}
}

// Records returns all records in order of their ids; none when the vault is absent or cannot be used. While the vault is
// locked they are as the file has them: checked for damage, not for tampering.
func (v *Vault) Records() []Record {
	_, all := v.All()
	return slices.Collect(all)
}

// All is Records for those who need no list of them: how many there are, and each of them.
func (v *Vault) All() (n int, records iter.Seq[Record]) {
	f := v.current()
	if f == nil {
		f = &file{}
	}
	return len(f.records), func(yield func(Record) bool) {
		for i := range f.records {
			r := &f.records[i]
			if !yield(Record{ID: r.id, Kind: r.kind, Public: r.public, HasSecret: r.secret}) {
				return
			}
		}
	}
}

// LargeSecret is the size in bytes beyond which a secret is large.
const LargeSecret = 16 << 10

// Secret decrypts a record's secret; the caller wipes it. It does not open the vault: see EnsureOpen. A record without a
// secret gives an empty one.
func (v *Vault) Secret(id string) (credential.Secret, error) {
	return v.SecretWhen(id, func() error { return nil })
}

// SecretWhen is Secret, but calls large, once, before it takes memory for a large secret, and gives up when that fails.
func (v *Vault) SecretWhen(id string, large func() error) (credential.Secret, error) {
	for asked := false; ; {
		v.mu.RLock()
		f, k, err := v.f, v.keys, v.blocked()
		v.mu.RUnlock()
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
			return credential.Secret{}, v.explain(err, "record "+id)
		}
		return credential.NewSecret(b), nil
	}
}

func noRecord(id string) error {
	return fail(credential.NoSuchEntity, "", "the vault has no record %s", id)
}

// explain turns an error of the cryptography into one for a person.
func (v *Vault) explain(err error, what string) error {
	switch {
	case errors.Is(err, errGone):
		return fail(credential.Locked, hintUnlock, "the vault was locked meanwhile")
	case errors.Is(err, errSealed):
		return fail(credential.VaultDamaged, hintRestore, "%s in %s was changed by something other than zen", what, v.opt.Path)
	}
	return err
}

// blocked says why the content of the vault cannot be used now; nil when it is open or absent. The caller holds mu.
func (v *Vault) blocked() error {
	if _, err := v.condition(); err != nil {
		return err
	}
	return nil
}

// find returns the record of an id, nil if there is none.
func (f *file) find(id string) *record {
	i, ok := slices.BinarySearchFunc(f.records, id, func(r record, id string) int { return strings.Compare(r.id, id) })
	if !ok {
		return nil
	}
	return &f.records[i]
}
