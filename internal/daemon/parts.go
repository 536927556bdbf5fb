package daemon

import (
	"context"
	"errors"
	"os"
	"os/user"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/audit"
	"github.com/zen-agent/zen/internal/broker"
	"github.com/zen-agent/zen/internal/config"
	serverkind "github.com/zen-agent/zen/internal/connector/server"
	"github.com/zen-agent/zen/internal/guard"
	"github.com/zen-agent/zen/internal/ipc/server"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/keystore/kernelkeyring"
	"github.com/zen-agent/zen/internal/keystore/oskeyring"
	"github.com/zen-agent/zen/internal/policy/approval"
	"github.com/zen-agent/zen/internal/policy/desktop"
	"github.com/zen-agent/zen/internal/registryauth/isolated"
	"github.com/zen-agent/zen/internal/tokencache"
)

// parts are what the daemon owns beside the broker and the server.
type parts struct {
	vault           *keystore.Vault
	memory          *memorySlot
	engine          *tokencache.Cache
	audit           *audit.Log
	misses          *audit.Log // empty unless the settings want it
	gate            *approval.Gate
	guard           *guard.Guard
	servers         *zenmlServers
	settingsChanged chan struct{} // something changed that watchIdle goes by

	closing sync.Once
	mu      sync.Mutex
	lasting []api.Notice // what was found at the start and stays true
}

// maxMisses bounds a file of what nobody is logged in to, of which there are two, in
// bytes.
const maxMisses = 256 << 10

// build makes the parts and wires them. It fails only when another zend has the vault: a
// damaged vault, a broken config.toml or a disk that cannot be written to must not keep
// zend from saying so.
func (d *daemon) build() error {
	cfg, cfgErr := config.Load(d.dirs.ConfigFile())
	if cfgErr != nil {
		cfg = config.Default()
	}
	p := &parts{
		memory:          newMemorySlot(),
		engine:          tokencache.New(tokencache.Config{Network: network}),
		settingsChanged: make(chan struct{}, 1),
	}
	if err := p.memory.takeOver(); err != nil {
		d.log.Warn("Cannot take over the keys of the zend before", "error", err)
	}
	vault, err := keystore.Open(keystore.Options{Path: d.dirs.Vault(), Slots: append(d.keyrings(), p.memory)})
	if err != nil {
		return err
	}
	p.vault = vault
	p.audit = audit.New(audit.Options{Path: d.dirs.Audit(), Log: d.log})
	p.misses = audit.New(audit.Options{Path: d.dirs.Misses(), MaxSize: maxMisses, Keep: 1, Log: d.log})
	p.gate = approval.New(approval.Options{
		File: d.dirs.ConfigFile(), Desktop: &desktop.Notifier{Log: d.log}, Auditor: p.audit,
		Past: p.audit.Each, Log: d.log,
	})
	d.parts = p
	p.servers = newZenMLServers()
	registries := isolated.New(d.opt.Executable)
	d.broker, err = broker.New(broker.Config{
		Vault: vault, Kinds: kinds(registries), Engine: p.engine, Policy: p.gate, Auditor: p.audit,
		Misses: p.misses, Index: hostIndex{d.dirs.Hosts()}, Log: d.log, Owner: owner(),
		Large: server.Large, Servers: p.servers, ServerKind: serverkind.New(p.servers.pool, registries),
	})
	if err != nil {
		_ = p.close()
		return err
	}
	p.guard = d.newGuard()
	d.srv = &server.Server{Methods: d.methods(), Log: d.log, Quiet: whenQuiet()}
	d.apply(cfg)
	if cfgErr != nil {
		d.log.Warn("Using the default settings, and handing out nothing: config.toml is "+
			"broken", "error", cfgErr)
		p.gate.Refuse(cfgErr) // the defaults have no rules, and the file may
		d.setConfigError(cfgErr)
	}
	return nil
}

// keyrings are the key slots that outlive zend: first what survives a reboot.
func (d *daemon) keyrings() []keystore.KeySlot {
	if d.opt.Keyrings != nil {
		return slices.Clone(d.opt.Keyrings)
	}
	return []keystore.KeySlot{&oskeyring.Slot{Executable: d.opt.Executable}, kernelkeyring.Slot{}}
}

// owner is the user's name, as the owner of what is registered.
func owner() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return strconv.Itoa(os.Geteuid())
}

// apply passes on edited settings.
func (p *parts) apply(cfg config.Config) {
	p.gate.SetRules(policyRules(cfg.Policy))
	p.guard.SetMode(guard.Mode(cfg.Guard))
	select {
	case p.settingsChanged <- struct{}{}:
	default: // watchIdle has not looked at the last change yet, and will see this one too
	}
}

// note keeps something that a person should know for as long as this zend lives.
func (p *parts) note(text, hint string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lasting = append(p.lasting, api.Notice{Time: time.Now().UTC(), Text: text, Hint: hint})
}

// notices are what the parts have to tell a person.
func (p *parts) notices() []api.Notice {
	p.mu.Lock()
	list := append([]api.Notice(nil), p.lasting...)
	p.mu.Unlock()
	return append(append(list, p.audit.Notices()...), p.guard.Notices()...)
}

// close wipes what is in memory and writes what is queued.
func (p *parts) close() (err error) {
	p.closing.Do(func() {
		p.engine.Wipe()
		p.gate.Close()
		if p.servers != nil {
			p.servers.Forget()
		}
		err = errors.Join(p.vault.Close(), p.audit.Close(), p.misses.Close())
	})
	return err
}

func (d *daemon) auditEntries(_ context.Context, _ server.Peer, q api.AuditQuery) (api.AuditList, error) {
	from := d.parts.audit
	var off bool
	if q.Misses {
		from = d.parts.misses
		off = !d.broker.Settings().Misses
	}
	items, err := from.Query(q)
	if items == nil {
		items = []api.AuditEntry{}
	}
	return api.AuditList{Items: items, Off: off}, err
}
