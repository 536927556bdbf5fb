package door

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/connector/docker"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/registryauth"
	"github.com/zen-agent/zen/internal/tokencache"
)

// maker is a kind with a program, which is shown a stored key and makes credentials for
// an hour.
type maker struct{ *docker.Kind }

func (maker) MadeBy(spec connector.Spec) access.Destination {
	return access.Destination{Place: access.Program, Name: spec.Config["command"]}
}

func (maker) Mint(
	_ context.Context,
	spec connector.Spec,
	_ connector.Registry,
) (credential.Credential, error) {
	return credential.Credential{
		Username: "u",
		Secret:   spec.Secrets["key"].Clone(),
		Expires:  time.Now().Add(time.Hour),
	}, nil
}

// watcher is a policy that lets everybody do everything, and an audit log.
type watcher struct {
	mu             sync.Mutex
	asked, written []string
}

func (w *watcher) Allow(_ context.Context, c access.Caller, s access.Subject) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.To.Receives() {
		w.asked = append(w.asked, fmt.Sprintf("%s %s", s.Action, s.To))
	}
	return nil
}

func (w *watcher) Explain(access.Subject) []string { return nil }

func (w *watcher) Record(c access.Caller, s access.Subject, err error, _ string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written = append(w.written, fmt.Sprintf("%s to %s by %s", s.Action, s.To, c.Exe()))
}

func (w *watcher) lines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.written)
}

// newDoor has a vault with one record.
func newDoor(t *testing.T, w *watcher, secrets map[string]credential.Secret) *Door {
	t.Helper()
	vault, err := keystore.Open(
		keystore.Options{
			Path:  filepath.Join(t.TempDir(), "vault.json"),
			Slots: []keystore.KeySlot{&keystore.MemorySlot{}},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { vault.Close() })
	blob := Pack(secrets)
	err = vault.Commit(t.Context(), func(tx *keystore.Tx) error {
		return tx.Put(keystore.Record{ID: "r", Kind: "connector", Public: []byte("{}")}, &blob)
	})
	if err != nil {
		t.Fatal(err)
	}
	return &Door{
		Vault: vault, Engine: tokencache.New(tokencache.Config{}), Policy: w, Auditor: w,
		Large: func(context.Context) error { return nil }, Idle: func() {},
	}
}

// A renewal ahead of expiry counts as the last client's use, and nobody is asked about
// it.
func TestRenewalIsTheLastClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{}
		d := newDoor(t, w, secretsOf("key", "k"))
		defer d.Engine.Wipe()
		registry, err := address.Parse("ghcr.io")
		if err != nil {
			t.Fatal(err)
		}
		config := map[string]string{"registry": "ghcr.io", "command": "/bin/maker"}
		src := Source{
			Address: registry,
			Grant: &Grant{
				Kind:      maker{docker.New(registryauth.New())},
				Spec:      connector.Spec{ID: "c", Config: config},
				Record:    "r",
				Connector: "prod",
			},
		}
		var gone bool
		for _, exe := range []string{"/bin/first", "/bin/last"} {
			caller := access.Caller{Exe: func() string {
				if gone {
					return "another program"
				}
				return exe
			}}
			cred, err := d.Serve(t.Context(), Use{Caller: caller, For: access.Get}, "prod", src)
			if err != nil || string(cred.Secret.Reveal()) != "k" {
				t.Fatalf("%v, %v", cred, err)
			}
		}
		gone = true
		time.Sleep(55 * time.Minute)
		synctest.Wait()
		want := []string{
			"mint to program /bin/maker by /bin/first", "get to client by /bin/first", "get to client by " +
				"/bin/last",
			"mint to program /bin/maker by /bin/last",
		}
		if got := w.lines(); !slices.Equal(got, want) {
			t.Errorf("audit: %q, want %q", got, want)
		}
		if want := []string{"get client", "get client"}; !slices.Equal(w.asked, want) {
			t.Errorf("asked: %q, want %q", w.asked, want)
		}
	})
}

// A stored secret goes where it was stored for. What is typed anew, and what opens
// nothing, may go elsewhere.
func TestReviseKeepsToTheDestination(t *testing.T) {
	before := map[string]string{"registry": "ghcr.io", "command": "/bin/maker"}
	inClear := map[string]string{"registry": "http://ghcr.io", "command": "/bin/maker"}
	tests := []struct {
		name   string
		before map[string]string
		typed  []string
		remove []string
		want   string // part of the refusal; "" if it is allowed
	}{
		{name: "nothing", before: before},
		{name: "the same registry", before: before, typed: []string{"registry", "ghcr.io"}},
		{
			name:   "another registry",
			before: before,
			typed:  []string{"registry", "evil.example"},
			want:   "and is not sent to registry evil.example",
		},
		{
			name:   "another port",
			before: before,
			typed:  []string{"registry", "ghcr.io:444"},
			want:   "registry ghcr.io:444",
		},
		{
			name:   "plain http",
			before: before,
			typed:  []string{"registry", "http://ghcr.io"},
			want:   "registry http://ghcr.io",
		},
		{name: "https at last", before: inClear, typed: []string{"registry", "ghcr.io"}},
		{name: "no registry", before: before, remove: []string{"registry"}, want: "registry docker.io"},
		{
			name:   "another program",
			before: before,
			typed:  []string{"command", "/bin/evil"},
			want:   "program /bin/evil",
		},
		{
			name:   "the user name typed",
			before: before,
			typed:  []string{"registry", "evil.example", "username", "u"},
			want:   "evil.example",
		},
		{
			name:   "the password typed",
			before: before,
			typed:  []string{"command", "/bin/evil", "registry", "evil.example", "password", "new"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &watcher{}
			d := newDoor(t, w, secretsOf("username", "u", "password", "old"))
			whole, spec, err := d.Revise(
				t.Context(),
				Use{For: access.Update, Caller: access.Caller{Exe: func() string { return "zen" }}},
				Revision{
					Connector: "prod", Kind: maker{docker.New(registryauth.New())}, Record: "r",
					Typed: secretsOf(tt.typed...), Remove: tt.remove,
					Before: connector.Spec{Config: tt.before, ResourceID: "ghcr.io"},
					Validate: func(whole map[string]credential.Secret) (connector.Spec, error) {
						command := string(whole["command"].Reveal())
						delete(whole, "command")
						spec := connector.Spec{AuthMethod: "password"}
						method, err := connector.MethodOf(
							docker.New(registryauth.New()).Describe(),
							"password",
						)
						if err != nil {
							return spec, err
						}
						connector.Split(method, whole, &spec)
						spec, err = docker.New(registryauth.New()).Validate(spec)
						spec.Config["command"] = command
						return spec, err
					},
				},
			)
			if tt.want == "" {
				if err != nil || spec.Secrets["password"].IsEmpty() || len(whole) == 0 ||
					len(w.lines()) != 0 {
					t.Errorf("%v, %v, %q", spec, err, w.lines())
				}
				return
			}
			if !credential.Denied.Is(err) || !strings.Contains(err.Error(), tt.want) || whole != nil {
				t.Errorf("%v, want %q", err, tt.want)
			}
			const hint = "type the password again (--password=@FILE, or --password-stdin)"
			if e, ok := errors.AsType[*credential.Error](err); !ok || e.Hint != hint {
				t.Errorf("hint of %v", err)
			}
			if got := w.lines(); len(got) != 1 || !strings.HasPrefix(got[0], "update to ") {
				t.Errorf("audit: %q", got)
			}
		})
	}
}
