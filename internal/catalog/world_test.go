package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// world is a catalog beside the records that it came from, as broker keeps them.
type world struct {
	testing.TB
	*Catalog
	records map[string]Record
	now     time.Time
}

func newWorld(t testing.TB) *world {
	t.Helper()
	c, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		TB: t, Catalog: c, records: make(map[string]Record),
		now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	}
}

// tick lets time pass, so that entities have an order.
func (w *world) tick() time.Time {
	w.now = w.now.Add(time.Second)
	return w.now
}

// commit stores a change and applies it.
func (w *world) commit(change Change) {
	w.Helper()
	for _, id := range change.Delete {
		delete(w.records, id)
	}
	for _, r := range change.Put {
		w.records[r.ID] = r
	}
	if err := w.Apply(change); err != nil {
		w.Fatalf("applying a change: %v", err)
	}
}

func (w *world) list() []Record { return slices.Collect(maps.Values(w.records)) }

// done commits a change that must have succeeded and returns the entity that came with
// it.
func done[T any](w *world) func(T, Change, error) T {
	return func(v T, change Change, err error) T {
		w.Helper()
		if err != nil {
			w.Fatal(err)
		}
		w.commit(change)
		return v
	}
}

func (w *world) connector(name, kind, resource string) api.ServiceConnector {
	w.Helper()
	s := api.ServiceConnector{
		ID: fmt.Sprintf(
			"%08x-0000-4000-8000-000000000000",
			0xc0000000+len(w.records),
		), Name: name, Type: kind, AuthMethod: "password",
		ResourceTypes: []string{
			"docker-registry",
		}, ResourceID: resource, Owner: "me", Created: w.tick(), Updated: w.now, Revision: 1,
	}
	return w.put(s)
}

func (w *world) put(s api.ServiceConnector) api.ServiceConnector {
	w.Helper()
	change, err := w.Connectors.Put(s)
	return done[api.ServiceConnector](w)(s, change, err)
}

func (w *world) registry(name, flavor, uri string) api.ContainerRegistry {
	w.Helper()
	return done[api.ContainerRegistry](w)(w.Registries.Register(api.RegisterRegistry{
		Name: name, Flavor: flavor, Configuration: map[string]string{"uri": uri},
	}, nil, w.tick(), "me"))
}

func (w *world) stack(name, registry string, set bool) api.Stack {
	w.Helper()
	req := api.RegisterStack{
		Name: name, Components: map[string]string{"orchestrator": "default", "artifact_store": "default"},
		Set: set,
	}
	if registry != "" {
		req.Components["container_registry"] = registry
	}
	return done[api.Stack](w)(w.Stacks.Register(req, w.tick(), "me"))
}

func (w *world) login(l api.Login) *api.Login {
	w.Helper()
	if l.ID == "" {
		l.ID = fmt.Sprintf("login-%d", len(w.records))
	}
	if l.Created.IsZero() {
		l.Created = w.tick()
	}
	change, replaced, err := w.Logins.Put(l)
	return done[*api.Login](w)(replaced, change, err)
}

// dump is everything that can be read out of a catalog.
func dump(t testing.TB, c *Catalog) string {
	t.Helper()
	all := map[string]any{
		"connectors": c.Connectors.List(), "registries": c.Registries.List(), "stacks": c.Stacks.List(),
		"logins": c.Logins.List(), "in use": fmt.Sprint(c.inUse),
	}
	for a, list := range c.byAddress {
		ids := []string{}
		for _, l := range list {
			ids = append(ids, l.ID)
		}
		all["logins of "+a.String()] = ids
	}
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantError checks an error's reason, and that its text holds what it should, the hint
// included.
func wantError(t testing.TB, err error, reason credential.Reason, texts ...string) {
	t.Helper()
	if !reason.Is(err) {
		t.Errorf("error is %v (%s), want %s", err, credential.ReasonOf(err), reason)
		return
	}
	e, _ := errors.AsType[*credential.Error](err)
	whole := e.Message + "\n" + e.HintText()
	for _, s := range texts {
		if !strings.Contains(whole, s) {
			t.Errorf("error is %q, want %q in it", whole, s)
		}
	}
	if strings.Contains(e.Message, "\n") {
		t.Errorf("message has more than one line: %q", e.Message)
	}
}

func wantSame(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
