package catalog

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

func TestDefaultStackID(t *testing.T) {
	if want := uuid.NewSHA1(uuid.NameSpaceOID, []byte("zen default stack")).String(); defaultStackID != want {
		t.Errorf("it is %s, want %s", defaultStackID, want)
	}
}

func TestUnknownKindsAreIgnored(t *testing.T) {
	w := newWorld(t)
	w.connector("reg", "docker", "docker.io")
	before := dump(t, w.Catalog)
	w.commit(Change{Put: []Record{{ID: "f1", Kind: "flux_capacitor", Public: json.RawMessage(`{"not": ` +
		`["ours"`)}}})
	c, err := Load(w.list())
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, "catalog", dump(t, c), before)
	w.commit(Change{Delete: []string{"f1", "never was there"}})
	wantSame(t, "catalog", dump(t, w.Catalog), before)
}

func TestDamagedRecords(t *testing.T) {
	const id = "7f3e"
	for name, r := range map[string]Record{
		"no JSON":            {Kind: KindConnector, Public: json.RawMessage(`{"id":"7f3e","name":`)},
		"other JSON":         {Kind: KindConnector, Public: json.RawMessage(`["7f3e"]`)},
		"two values":         {Kind: KindConnector, Public: json.RawMessage(`{"id":"7f3e","name":"a"}{}`)},
		"nothing":            {Kind: KindRegistry},
		"null":               {Kind: KindStack, Public: json.RawMessage(`null`)},
		"another id":         {Kind: KindRegistry, Public: json.RawMessage(`{"id":"7f3f","name":"a"}`)},
		"no name":            {Kind: KindStack, Public: json.RawMessage(`{"id":"7f3e","name":""}`)},
		"no connector name":  {Kind: KindConnector, Public: json.RawMessage(`{"id":"7f3e"}`)},
		"login, bad address": {Kind: KindLogin, Public: json.RawMessage(`{"id":"7f3e","address":"a b"}`)},
		"login, another id":  {Kind: KindLogin, Public: json.RawMessage(`{"id":"x","address":"ghcr.io"}`)},
		"login, bad time": {
			Kind: KindLogin, Public: json.RawMessage(`{"id":"7f3e","address":"ghcr.io","until":"soon"}`),
		},
		"active, bad id": {Kind: KindActive, Public: json.RawMessage(`{"stack_id":"x"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			r.ID = id
			_, err := Load([]Record{r})
			wantError(t, err, credential.VaultDamaged, id, string(r.Kind), "zen vault restore")
		})
	}
}

func TestApplyChangesAllOrNothing(t *testing.T) {
	w := newWorld(t)
	s := w.connector("reg", "docker", "docker.io")
	before := dump(t, w.Catalog)
	good, err := w.Connectors.Put(api.ServiceConnector{ID: "n", Name: "new", Revision: 1})
	if err != nil {
		t.Fatal(err)
	}
	err = w.Apply(Change{
		Delete: []string{
			s.ID,
		}, Put: append(good.Put, Record{ID: "bad", Kind: KindStack, Public: json.RawMessage(`{`)}),
	})
	wantError(t, err, credential.VaultDamaged, "bad")
	wantSame(t, "catalog", dump(t, w.Catalog), before)
}

// What is computed from other entities may not be stored: it would be wrong after the
// other changed, and who can edit the file could make it lie.
func TestComputedFieldsAreNotStored(t *testing.T) {
	w := newWorld(t)
	s := w.connector("reg", "docker", "docker.io")
	s.Active, s.Expired, s.Revision = true, true, 2
	w.put(s)
	r := w.registry("hub", "", "docker.io/me")
	done[api.ContainerRegistry](w)(w.Registries.Connect("hub", s, w.tick()))
	w.stack("s", "hub", true)
	w.login(api.Login{
		Address: "docker.io", ConnectorID: s.ID, ConnectorName: "reg", Username: "alice", Problem: "none",
		TokenExpires: &w.now, LastUsed: &w.now,
	})
	for _, rec := range w.list() {
		for _, word := range []string{
			`"active"`, `"expired"`, `"connector_name"`, `"connector_type"`, `"username"`, `"problem"`,
			`"token_expires"`, `"last_used"`, `"server_url"`,
		} {
			if strings.Contains(string(rec.Public), word) {
				t.Errorf("%s is stored: %s", word, rec.Public)
			}
		}
	}
	c, err := Load([]Record{
		{
			ID:     "c",
			Kind:   KindConnector,
			Public: json.RawMessage(`{"id":"c","name":"c","active":true,"expired":true}`),
		},
		{
			ID: "r", Kind: KindRegistry,
			Public: json.RawMessage(
				`{"id":"r","name":"r","active":true,"connector_name":"x","connector_type":"y"}`,
			),
		},
		{ID: "s", Kind: KindStack, Public: json.RawMessage(`{"id":"s","name":"s","active":true}`)},
		{
			ID: "l", Kind: KindLogin,
			Public: json.RawMessage(
				`{"id":"l","address":"ghcr.io","server_url":"https://evil.example","username":"u"}`,
			),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Connectors.List()[0]; s.Active || s.Expired {
		t.Errorf("connector is %+v", s)
	}
	if r := c.Registries.List()[0]; r.Active || r.ConnectorName != "" || r.ConnectorType != "" {
		t.Errorf("registry is %+v", r)
	}
	if s, err := c.Stacks.Resolve("s", ByPrefix); err != nil || s.Active {
		t.Errorf("stack is %+v, %v", s, err)
	}
	if l := c.Logins.List()[0]; l.ServerURL != "ghcr.io" || l.Username != "" {
		t.Errorf("login is %+v", l)
	}
	if r.ID == "" {
		t.Error("registry has no id")
	}
}

// An entity that refers to another one sees its present name.
func TestNamesFollowRenames(t *testing.T) {
	w := newWorld(t)
	s := w.connector("reg", "docker", "docker.io")
	w.registry("hub", "", "docker.io/me")
	done[api.ContainerRegistry](w)(w.Registries.Connect("hub", s, w.tick()))
	w.stack("s", "hub", true)
	w.login(api.Login{Address: "docker.io", ConnectorID: s.ID, ConnectorName: "reg"})
	s.Name, s.Revision = "dockerhub", 2
	w.put(s)
	done[api.ContainerRegistry](
		w,
	)(
		w.Registries.Update(api.UpdateRegistry{Ref: "hub", Name: new("main")}, w.tick()),
	)
	if l := w.Logins.List()[0]; l.ConnectorName != "dockerhub" {
		t.Errorf("login is by %q", l.ConnectorName)
	}
	if r, err := w.Registries.Resolve("main", ByPrefix); err != nil || r.ConnectorName != "dockerhub" ||
		r.ConnectorType != "docker" ||
		!r.Active {
		t.Errorf("registry is %+v, %v", r, err)
	}
	if st, err := w.Stacks.Resolve("s", ByPrefix); err != nil ||
		st.Components["container_registry"].Name != "main" {
		t.Errorf("stack is %+v, %v", st, err)
	}
}

// References that lead nowhere, which only another program can have written, do no harm.
func TestDanglingReferences(t *testing.T) {
	w := newWorld(t)
	w.commit(Change{Put: []Record{
		{
			ID:     "r",
			Kind:   KindRegistry,
			Public: json.RawMessage(`{"id":"r","name":"r","flavor":"odd","connector_id":"gone"}`),
		},
		{
			ID:   "s",
			Kind: KindStack,
			Public: json.RawMessage(
				`{"id":"s","name":"s","components":{"container_registry":{"id":"gone"}}}`,
			),
		},
		{ID: "e", Kind: KindStack, Public: json.RawMessage(`{"id":"e","name":"e"}`)},
		{
			ID:     "l",
			Kind:   KindLogin,
			Public: json.RawMessage(`{"id":"l","address":"ghcr.io","connector_id":"gone"}`),
		},
		{ID: activeID, Kind: KindActive, Public: json.RawMessage(`{"stack_id":"gone"}`)},
	}})
	if s, err := w.Stacks.Resolve("", ByPrefix); err != nil || s.Name != "default" || !s.Active {
		t.Errorf("active stack is %+v, %v", s, err)
	}
	if s, err := w.Stacks.Resolve("s", ByPrefix); err != nil || len(s.Components) != 0 {
		t.Errorf("stack is %+v, %v", s, err)
	}
	done[api.Stack](w)(w.Stacks.Set("s"))
	_, err := w.Registries.Resolve("", ByPrefix)
	wantError(t, err, credential.NoSuchEntity)
	if l, ok := w.Logins.For(parse(t, "ghcr.io"), "", "", w.now); !ok || l.ConnectorName != "" {
		t.Errorf("login is %+v", l)
	}
	if r, err := w.Registries.Resolve("r", ByPrefix); err != nil || r.ConnectorName != "" {
		t.Errorf("registry is %+v, %v", r, err)
	}
	_, _, err = w.Registries.Update(
		api.UpdateRegistry{Ref: "r", Configuration: map[string]*string{"uri": new("a.io")}},
		w.now,
	)
	wantError(t, err, credential.NoSuchEntity, "No flavor with name 'odd'")
	_, _, err = w.Registries.Connect("r", w.connector("c", "docker", "a.io"), w.now)
	wantError(t, err, credential.NoSuchEntity, "No flavor with name 'odd'")
	done[api.Stack](
		w,
	)(
		w.Stacks.Update(
			api.UpdateStack{Ref: "e", Components: map[string]*string{"alerter": new("a")}},
			w.tick(),
		),
	)
	done[api.ContainerRegistry](w)(w.Registries.Disconnect("r", w.tick()))
	w.commit(Change{Delete: []string{activeID}})
	if s, err := w.Stacks.Resolve("", ByPrefix); err != nil || s.Name != "default" {
		t.Errorf("active stack is %+v, %v", s, err)
	}
}

// Whatever was done, in whatever order the records come back: the catalog in memory is
// the one that a new zend loads. And computing a change changes nothing, nor does one
// that was refused.
func TestLoadAfterAnyChangesIsTheSame(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t)
			done, refused := 0, make(map[credential.Reason]int)
			for range 120 {
				before := dump(t, w.Catalog)
				change, err := randomChange(w, random)
				wantSame(t, "catalog after computing", dump(t, w.Catalog), before)
				if err != nil {
					if len(change.Put)+len(change.Delete) > 0 {
						t.Fatalf("a refused operation has the change %+v: %v", change, err)
					}
					refused[credential.ReasonOf(err)]++
					continue
				}
				done++
				w.commit(change)
				checkConsistent(t, w)
			}
			if done < 20 || len(refused) < 3 || refused[credential.Internal] > 0 {
				t.Errorf("%d operations succeeded and these were refused: %v", done, refused)
			}
			records := w.list()
			random.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
			c, err := Load(records)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, "loaded catalog", dump(t, c), dump(t, w.Catalog))
		})
	}
}

// randomChange computes one operation on a few names, so that they clash, refer to each
// other and are in use.
func randomChange(w *world, random *rand.Rand) (change Change, err error) {
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	connector := func() string { return pick("c1", "c2", "c3", "c") }
	registry := func() string { return pick("r1", "r2", "r3", "") }
	stack := func() string { return pick("s1", "s2", "s3", "default", "") }
	host := func() string { return pick("docker.io", "ghcr.io", "ghcr.io/team", "127.0.0.1:5050") }
	now := w.tick()
	switch random.IntN(17) {
	case 0, 1:
		_, change, err = nothing(w.Connectors.Put(api.ServiceConnector{
			ID: fmt.Sprintf(
				"%08x",
				random.Uint32(),
			), Name: connector(), Type: "docker", ResourceID: host(), Created: now, Revision: 1,
		}))
	case 2:
		s, e := w.Connectors.Resolve(connector(), ByPrefix)
		if e != nil {
			return Change{}, e
		}
		s.Name, s.ResourceID, s.Revision = connector(), host(), s.Revision+1
		_, change, err = nothing(w.Connectors.Put(s))
	case 3:
		_, change, err = w.Connectors.Delete(connector())
	case 4, 5:
		req := api.RegisterRegistry{
			Name: registry(), Configuration: map[string]string{"uri": host()},
			Labels: map[string]string{"k": "v"},
		}
		s, e := w.Connectors.Resolve(connector(), ByPrefix)
		if e == nil && random.IntN(2) == 0 {
			_, change, err = w.Registries.Register(req, &s, now, "me")
		} else {
			_, change, err = w.Registries.Register(req, nil, now, "me")
		}
	case 6:
		_, change, err = w.Registries.Update(api.UpdateRegistry{
			Ref: registry(), Name: new(registry()), Configuration: map[string]*string{
				"uri": new(host()), "default_repository": nil,
			},
		}, now)
	case 7:
		_, change, err = w.Registries.Copy(registry(), registry(), now, "me")
	case 8:
		_, change, err = w.Registries.Delete(registry())
	case 9:
		s, e := w.Connectors.Resolve(connector(), ByPrefix)
		if e != nil {
			return Change{}, e
		}
		_, change, err = w.Registries.Connect(registry(), s, now)
	case 10:
		_, change, err = w.Registries.Disconnect(registry(), now)
	case 11, 12:
		_, change, err = w.Stacks.Register(api.RegisterStack{
			Name: stack(), Components: map[string]string{
				"container_registry": registry(),
				"step_operator":      "a",
			},
			Further: map[string][]string{"step_operator": {"b"}}, Set: random.IntN(2) == 0,
		}, now, "me")
	case 13:
		_, change, err = w.Stacks.Update(api.UpdateStack{
			Ref: stack(), Components: map[string]*string{
				"container_registry": new(registry()),
				"deployer":           nil,
			},
		}, now)
	case 14:
		_, change, err = w.Stacks.Delete(api.DeleteStack{Ref: stack(), Recursive: random.IntN(2) == 0})
	case 15:
		if random.IntN(2) == 0 {
			_, change, err = w.Stacks.Set(stack())
			break
		}
		file, e := w.Stacks.Export(stack())
		if e != nil {
			return Change{}, e
		}
		_, change, err = w.Stacks.Import(api.ImportStack{Name: stack(), File: file}, now, "me")
	case 16:
		l := api.Login{
			ID: fmt.Sprintf(
				"%08x",
				random.Uint32(),
			), Address: host(), Dir: pick("", "/proj"), Profile: pick("", "ci"),
			Created: now,
		}
		if s, e := w.Connectors.Resolve(connector(), ByPrefix); e == nil {
			l.ConnectorID = s.ID
		}
		if random.IntN(3) == 0 {
			l.Until = new(now.Add(1))
		}
		change, _, err = w.Logins.Put(l)
	}
	return change, err
}

func nothing(change Change, err error) (any, Change, error) { return nil, change, err }

// checkConsistent checks that nothing refers to what is not there, and that names are
// unique.
func checkConsistent(t *testing.T, w *world) {
	t.Helper()
	var names []string
	for _, s := range w.Connectors.List() {
		names = append(names, "connector "+s.Name)
	}
	for _, r := range w.Registries.List() {
		names = append(names, "registry "+r.Name)
		if _, ok := w.Connectors.ByID(r.ConnectorID); !ok && r.ConnectorID != "" {
			t.Errorf("registry %s refers to a connector that is gone", r.Name)
		}
	}
	active := 0
	for _, s := range w.allStacks() {
		names = append(names, "stack "+s.Name)
		if id := s.Components["container_registry"].ID; id != "" && w.registries[id] == nil {
			t.Errorf("stack %s refers to a registry that is gone", s.Name)
		}
		if w.Stacks.view(s).Active {
			active++
		}
	}
	if active != 1 {
		t.Errorf("%d stacks are active", active)
	}
	for _, l := range w.Logins.List() {
		names = append(names, "login "+l.Address+l.Dir+" "+l.Profile)
		if _, ok := w.Connectors.ByID(l.ConnectorID); !ok && l.ConnectorID != "" {
			t.Errorf("login for %s refers to a connector that is gone", l.Address)
		}
	}
	slices.Sort(names)
	if unique := slices.Compact(slices.Clone(names)); len(unique) != len(names) {
		t.Errorf("names are not unique: %q", names)
	}
}

func TestSameOperationSameResult(t *testing.T) {
	w := newWorld(t)
	req := api.RegisterRegistry{Name: "r", Configuration: map[string]string{"uri": "ghcr.io"}}
	a, first, err := w.Registries.Register(req, nil, w.now, "me")
	if err != nil {
		t.Fatal(err)
	}
	b, second, _ := w.Registries.Register(req, nil, w.now, "me")
	wantSame(t, "registry", b, a)
	wantSame(t, "change", second, first)
	if _, err := uuid.Parse(a.ID); err != nil {
		t.Errorf("id %q: %v", a.ID, err)
	}
	// The same name at the same time, after the first one was renamed, is another
	// registry.
	w.commit(first)
	done[api.ContainerRegistry](w)(w.Registries.Update(api.UpdateRegistry{Ref: "r", Name: new("old")}, w.now))
	c := done[api.ContainerRegistry](w)(w.Registries.Register(req, nil, w.now, "me"))
	if c.ID == a.ID || len(w.Registries.List()) != 2 {
		t.Errorf("registries are %+v", w.Registries.List())
	}
}
