package broker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/tokencache"
)

// Caller is who asks. Parts that cost something to find out are functions and are called only when needed.
type Caller struct {
	PID     int
	UID     int
	Exe     func() string   // path of the executable, "" when unknown
	Parents func() []string // executables of the ancestors, nearest first
	Cwd     func() string   // working directory as the system knows it, "" when unknown
	Dir     string          // working directory the client sent, "" when unknown; chooses a login, and satisfies no rule
	Profile string          // profile the client sent
}

// WorkDir is where the caller works as the system knows it. What the caller sent, which may be another name of it or a lie, chooses
// a login only; it counts for callers that are zend itself.
func (c Caller) WorkDir() string {
	if c.Cwd != nil {
		return c.Cwd()
	}
	return c.Dir
}

// Action is what a caller wants to do, as the audit log and the policy name it.
type Action string

// The actions that are audited.
const (
	ActionGet      Action = "get"
	ActionStore    Action = "store"
	ActionErase    Action = "erase"
	ActionList     Action = "list"
	ActionLogin    Action = "login"
	ActionLogout   Action = "logout"
	ActionRegister Action = "register"
	ActionUpdate   Action = "update"
	ActionDelete   Action = "delete"
	ActionReveal   Action = "reveal"
	ActionLock     Action = "lock"
	ActionUnlock   Action = "unlock"
	ActionVault    Action = "vault"
	ActionVerify   Action = "verify"
	ActionApprove  Action = "approve"
	ActionDeny     Action = "deny"

	ActionConnect    Action = "connect" // a ZenML server
	ActionDisconnect Action = "disconnect"
)

// Subject is what an action is about.
type Subject struct {
	Action    Action
	Address   address.Address
	Login     address.Address // of the login that answers, which may be for more or for less than what is asked for; zero: none
	Connector string          // name
}

// Policy decides whether a caller may act.
type Policy interface {
	// Allow returns an error, made for a person, if the caller must not. It may wait for a person as long as ctx allows.
	Allow(ctx context.Context, caller Caller, subject Subject) error

	// Explain says, in sentences, what is asked of those who want to do what the subject is about.
	Explain(subject Subject) []string
}

// Auditor records what was done. It must not block for long and cannot fail.
type Auditor interface {
	Record(caller Caller, subject Subject, result error, detail string)
}

// HostIndex is told the addresses that have a login, whenever they change, so that docker-credential-zen can tell unknown
// hosts from known ones while zend is down, and zend itself while it cannot read the vault.
type HostIndex interface {
	Write(addresses []address.Address) error
	Read() ([]address.Address, error)
}

// Settings are the parts of the configuration that the broker obeys; they may change while it runs.
type Settings struct {
	ListPolicy string        // which logins list names: "all", "static" (docker login's and static connectors') or "none"
	LoginTTL   time.Duration // default time limit of a login; 0 is none
	AutoLock   time.Duration // the vault is locked when it was not used for this long; 0 is never
}

// Config is everything a Broker needs. Policy, Auditor, Index, Log and Now may be nil.
type Config struct {
	Vault   *keystore.Vault
	Kinds   []connector.Kind
	Engine  *tokencache.Cache
	Policy  Policy
	Auditor Auditor
	Index   HostIndex
	Log     *slog.Logger
	Now     func() time.Time
	Owner   string // user name shown as owner of entities

	Servers    Servers        // nil: zend talks to no ZenML servers
	ServerKind connector.Kind // of the connectors that live there

	// Large waits until the answer to the request of ctx may take much memory; nil: it need not wait.
	Large func(ctx context.Context) error

	Settings Settings
}

// Broker answers zend's requests. It is safe for concurrent use.
type Broker struct {
	vault   *keystore.Vault
	kinds   map[string]connector.Kind
	types   []api.ConnectorType
	engine  *tokencache.Cache
	policy  Policy
	auditor Auditor
	index   HostIndex
	log     *slog.Logger
	now     func() time.Time
	owner   string

	servers    Servers
	serverKind connector.Kind
	large      func(context.Context) error

	changing sync.Mutex // one change at a time; held over the vault's write, never by a reader
	indexing sync.Mutex // held while the index is written

	mu       sync.RWMutex // guards what follows; never held over I/O
	catalog  *catalog.Catalog
	broken   error // the vault's records make no sense: the catalog is empty
	settings Settings
	lastUse  time.Time            // of the vault, by a person or a client
	used     map[string]time.Time // login id -> last get
	names    map[string]string    // login id -> user name last served, while unlocked
	served   servedSet
}

// New returns a Broker over an opened (not necessarily unlocked) vault. It leaves the host index as it is: see WriteIndex.
func New(cfg Config) (*Broker, error) {
	b := &Broker{
		vault: cfg.Vault, engine: cfg.Engine, policy: cfg.Policy, auditor: cfg.Auditor, index: cfg.Index,
		log: cfg.Log, now: cfg.Now, owner: cfg.Owner, settings: cfg.Settings, servers: cfg.Servers, serverKind: cfg.ServerKind,
		kinds: make(map[string]connector.Kind, len(cfg.Kinds)),
		used:  make(map[string]time.Time), names: make(map[string]string), served: newServedSet(),
	}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if b.now == nil {
		b.now = time.Now
	}
	if b.large = cfg.Large; b.large == nil {
		b.large = func(context.Context) error { return nil }
	}
	for _, k := range cfg.Kinds {
		t := k.Describe()
		b.kinds[t.Type] = k
		b.types = append(b.types, t)
	}
	b.lastUse = b.now().Round(0)
	if err := b.load(); err != nil {
		if b.catalog, err = catalog.Load(nil); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// reload is load for a vault that was changed by other means than change.
func (b *Broker) reload() error {
	err := b.load()
	if err == nil {
		b.WriteIndex()
	}
	return err
}

// load reads the catalog from the vault's public records. Records that make no sense are no reason to end: zend has to
// answer for hosts that nobody logged in to, and to say what is wrong.
func (b *Broker) load() error {
	var list []catalog.Record
	for _, r := range b.vault.Records() {
		list = append(list, catalog.Record{ID: r.ID, Kind: catalog.Kind(r.Kind), Public: r.Public})
	}
	c, err := catalog.Load(list)
	if err != nil {
		err = &credential.Error{
			Reason: credential.VaultDamaged, Message: fmt.Sprintf("the vault holds something that this zen does not understand: %v", err), Cause: err,
		}
		b.log.Error("Cannot use the vault", "error", err)
	}
	b.mu.Lock()
	b.broken = err
	if err == nil {
		b.catalog = c
	}
	b.mu.Unlock()
	return err
}

// SetSettings replaces the settings, after the configuration was edited.
func (b *Broker) SetSettings(s Settings) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settings = s
}

func (b *Broker) currentSettings() Settings {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.settings
}

// read runs f on the catalog under the read lock; f must not keep the catalog.
func (b *Broker) read(f func(c *catalog.Catalog)) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	f(b.catalog)
}

// edit is one change of the catalog and of the secrets that go with its records.
type edit struct {
	catalog.Change
	secrets map[string]credential.Secret // record id -> new sealed blob; absent: keep the present one
}

// change computes an edit on the catalog, commits it to the vault in one atomic write, then applies it: readers see the old
// state or the new one, and memory never runs ahead of the disk.
func (b *Broker) change(ctx context.Context, compute func(c *catalog.Catalog) (edit, error)) error {
	b.changing.Lock()
	defer b.changing.Unlock()
	if err := b.openForChange(ctx); err != nil {
		return err
	}
	var e edit
	var err error
	b.read(func(c *catalog.Catalog) {
		if e, err = compute(c); err == nil {
			e.Change = c.Servers.WithoutUnusedRemotes(e.Change)
		}
	})
	defer e.wipe()
	if err != nil || (len(e.Put) == 0 && len(e.Delete) == 0) {
		return err
	}
	if err := b.vault.Commit(ctx, e.apply); err != nil {
		return err
	}
	b.mu.Lock()
	err = b.catalog.Apply(e.Change)
	b.lastUse = b.now().Round(0)
	b.mu.Unlock()
	b.WriteIndex()
	return err
}

// openForChange makes sure the vault can be written. A session vault whose key died with the last boot holds nothing that
// anybody can still open, so a change starts anew; the old file is kept aside.
func (b *Broker) openForChange(ctx context.Context) error {
	if err := b.unreadable(ctx); err != nil {
		return err
	}
	err := b.vault.EnsureOpen(ctx)
	if err == nil || !credential.KeyLost.Is(err) || !b.vault.EndedWithSession() {
		return err
	}
	if err := b.vault.StartAnew(ctx); err != nil {
		return err
	}
	b.log.Warn("Started a new vault: the key of the old one ended with the session")
	b.engine.Wipe()
	return b.reload()
}

func (e edit) apply(tx *keystore.Tx) error {
	for _, id := range e.Delete {
		tx.Delete(id)
	}
	for _, r := range e.Put {
		rec := keystore.Record{ID: r.ID, Kind: string(r.Kind), Public: r.Public}
		secret, ok := e.secrets[r.ID]
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

func (e edit) wipe() {
	for _, s := range e.secrets {
		s.Wipe()
	}
}

// unreadable says why the vault's records cannot be known, if they cannot: it is damaged, or a newer zen wrote it.
func (b *Broker) unreadable(ctx context.Context) error {
	b.mu.RLock()
	err := b.broken
	b.mu.RUnlock()
	if state := b.vault.State().State; err == nil && (state == keystore.StateDamaged || state == keystore.StateTooNew) {
		return b.vault.EnsureOpen(ctx) // does not try: there is nothing that a key could open
	}
	return err
}

// WriteIndex tells the host index which addresses have a login, unless that cannot be known. The broker does so after each change;
// who starts it does so once, when there is time: nobody who gets an answer from this broker needs the index. Its failure is
// logged only: zend writes it again at the next change and start.
func (b *Broker) WriteIndex() {
	b.indexing.Lock() // so that what is written last is what is true last
	defer b.indexing.Unlock()
	if b.index == nil || b.unreadable(context.Background()) != nil {
		return
	}
	var addrs []address.Address
	b.read(func(c *catalog.Catalog) { addrs = c.Logins.Addresses() })
	if err := b.index.Write(addrs); err != nil {
		b.log.Warn("Cannot write the host index", "error", err)
	}
}

// wasKnown reports whether the host index has a login for the address, from when the vault could be read.
func (b *Broker) wasKnown(a address.Address) bool {
	if b.index == nil {
		return false
	}
	list, err := b.index.Read()
	if err != nil {
		b.log.Warn("Cannot read the host index", "error", err)
	}
	return slices.ContainsFunc(list, func(known address.Address) bool { return known.Covers(a) })
}

func (b *Broker) audit(caller Caller, s Subject, err error, detail string) {
	if b.auditor != nil {
		b.auditor.Record(caller, s, err, detail)
	}
}

func (b *Broker) allow(ctx context.Context, caller Caller, s Subject) error {
	if b.policy == nil {
		return nil
	}
	return b.policy.Allow(ctx, caller, s)
}
