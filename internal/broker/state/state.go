// Package state is what the parts of the broker share: the catalog of entities, in
// memory, over the vault, on the disk. A change is one atomic write, after which both say
// the same.
package state

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/tokencache"
)

// HostIndex receives the addresses that have a login, whenever they change, so that
// docker-credential-zen can tell unknown hosts from known ones while zend is down, and
// zend itself while it cannot read the vault.
type HostIndex interface {
	Write(addresses []address.Address) error
	Read() ([]address.Address, error)
}

// Settings are the parts of the configuration that the broker obeys; they may change
// while it runs.
type Settings struct {
	// which logins list names: "all", "static" (docker login's and static connectors') or
	// "none"
	ListPolicy string
	LoginTTL   time.Duration // default time limit of a login; 0 is none
	Misses     bool          // what nobody is logged in to is recorded
	AutoLock   time.Duration // the vault is locked when it was not used for this long; 0 is never
}

// State is shared by the parts of one broker. It is safe for concurrent use.
type State struct {
	Vault  *keystore.Vault
	Engine *tokencache.Cache
	Door   *door.Door
	Index  HostIndex // nil: nobody needs them
	Log    *slog.Logger
	Now    func() time.Time
	Owner  string // user name shown as owner of entities

	Kinds map[string]connector.Kind // of this machine, by type
	Types []api.ConnectorType       // their descriptions, in the order in which they are listed

	Changing sync.Mutex // one change at a time; held over the vault's write, never by a reader
	indexing sync.Mutex // held while the index is written

	mu       sync.RWMutex // guards what follows; never held over I/O
	catalog  *catalog.Catalog
	broken   error // the vault's records make no sense: the catalog is empty
	settings Settings
	lastUse  time.Time // of the vault, by a person or a client
}

// Start reads the vault, which is opened, though not necessarily unlocked.
func (s *State) Start() error {
	s.Touch()
	err := s.load()
	if err != nil {
		s.catalog, err = catalog.Load(nil)
	}
	return err
}

// Touch notes that the vault was of use.
func (s *State) Touch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastUse = s.Now().Round(0)
}

// LastUse is when the vault was last of use to somebody: a credential was asked for,
// something was changed, or it was unlocked; when zend started if that was later.
func (s *State) LastUse() time.Time {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.lastUse
}

// Reload is load for a vault that was changed by other means than change.
func (s *State) Reload() error {
	err := s.load()
	if err == nil {
		s.WriteIndex()
	}
	return err
}

// load reads the catalog from the vault's public records. Records that make no sense do
// not end it: zend has to answer for hosts that nobody logged in to, and to say what is
// wrong.
func (s *State) load() error {
	var list []catalog.Record
	for _, r := range s.Vault.Records() {
		list = append(list, catalog.Record{ID: r.ID, Kind: catalog.Kind(r.Kind), Public: r.Public})
	}
	c, err := catalog.Load(list)
	if err != nil {
		err = &credential.Error{
			Reason: credential.VaultDamaged, Message: fmt.Sprintf("the vault holds something that this "+
				"zen does not understand: %v", err), Cause: err,
		}
		s.Log.Error("Cannot use the vault", "error", err)
	}
	s.mu.Lock()
	s.broken = err
	if err == nil {
		s.catalog = c
	}
	s.mu.Unlock()
	return err
}

// SetSettings replaces the settings, after the configuration was edited.
func (s *State) SetSettings(to Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings = to
}

// Settings are the present ones.
func (s *State) Settings() Settings {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.settings
}

// Read runs f on the catalog under the read lock; f must not keep the catalog.
func (s *State) Read(f func(c *catalog.Catalog)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f(s.catalog)
}

// Edit is one change of the catalog and of the secrets that go with its records.
type Edit struct {
	catalog.Change
	Secrets map[string]credential.Secret // record id -> new sealed blob; absent: keep the present one
}

// Change computes an Edit on the catalog, commits it to the vault in one atomic write,
// then applies it: readers see the old state or the new one, and memory never runs ahead
// of the disk.
func (s *State) Change(ctx context.Context, compute func(c *catalog.Catalog) (Edit, error)) error {
	s.Changing.Lock()
	defer s.Changing.Unlock()
	if err := s.OpenForChange(ctx); err != nil {
		return err
	}
	var e Edit
	var err error
	s.Read(func(c *catalog.Catalog) {
		if e, err = compute(c); err == nil {
			e.Change = c.Servers.WithoutUnusedRemotes(e.Change)
		}
	})
	defer e.wipe()
	if err != nil || (len(e.Put) == 0 && len(e.Delete) == 0) {
		return err
	}
	if err := s.Vault.Commit(ctx, e.apply); err != nil {
		return err
	}
	s.mu.Lock()
	err = s.catalog.Apply(e.Change)
	s.lastUse = s.Now().Round(0)
	s.mu.Unlock()
	s.WriteIndex()
	return err
}

// OpenForChange makes sure the vault can be written. A session vault whose key died with
// the last boot holds nothing that anybody can still open, so a change starts anew; the
// old file is kept aside.
func (s *State) OpenForChange(ctx context.Context) error {
	if err := s.Unreadable(ctx); err != nil {
		return err
	}
	err := s.Vault.EnsureOpen(ctx)
	if err == nil || !credential.KeyLost.Is(err) || !s.Vault.EndedWithSession() {
		return err
	}
	if err := s.Vault.StartAnew(ctx); err != nil {
		return err
	}
	s.Log.Warn("Started a new vault: the key of the old one ended with the session")
	s.Engine.Wipe()
	return s.Reload()
}

func (e Edit) apply(tx *keystore.Tx) error {
	for _, id := range e.Delete {
		tx.Delete(id)
	}
	for _, r := range e.Put {
		rec := keystore.Record{ID: r.ID, Kind: string(r.Kind), Public: r.Public}
		secret, ok := e.Secrets[r.ID]
		var p *credential.Secret
		if ok {
			p = &secret
		}
		if err := tx.Put(rec, p); err != nil {
			return err
		}
	}
	return nil
}

func (e Edit) wipe() {
	for _, secret := range e.Secrets {
		secret.Wipe()
	}
}

// Unreadable says why the vault's records cannot be known, if they cannot: it is damaged,
// or a newer zen wrote it.
func (s *State) Unreadable(ctx context.Context) error {
	s.mu.RLock()
	err := s.broken
	s.mu.RUnlock()
	if state := s.Vault.State().State; err == nil &&
		(state == keystore.StateDamaged || state == keystore.StateTooNew) {
		return s.Vault.EnsureOpen(ctx) // does not try: there is nothing that a key could open
	}
	return err
}

// WriteIndex tells the host index which addresses have a login, unless that cannot be
// known. The broker does so after each change; its creator does so once, when there is
// time: nobody who gets an answer from this broker needs the index. Its failure is logged
// only: zend writes it again at the next change and start.
func (s *State) WriteIndex() {
	s.indexing.Lock() // so that what is written last is what is true last
	defer s.indexing.Unlock()
	if s.Index == nil || s.Unreadable(context.Background()) != nil {
		return
	}
	var addrs []address.Address
	s.Read(func(c *catalog.Catalog) { addrs = c.Logins.Addresses() })
	if err := s.Index.Write(addrs); err != nil {
		s.Log.Warn("Cannot write the host index", "error", err)
	}
}

// WasKnown reports whether the host index has a login for the address, from when the
// vault could be read.
func (s *State) WasKnown(a address.Address) bool {
	if s.Index == nil {
		return false
	}
	list, err := s.Index.Read()
	if err != nil {
		s.Log.Warn("Cannot read the host index", "error", err)
	}
	return slices.ContainsFunc(list, func(known address.Address) bool { return known.Covers(a) })
}

// Audit records a change; the uses of secrets are the door's to record.
func (s *State) Audit(caller access.Caller, subject access.Subject, err error, detail string) {
	if s.Door.Auditor != nil {
		s.Door.Auditor.Record(caller, subject, err, detail)
	}
}
