package catalog

import (
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

func TestPutConnector(t *testing.T) {
	w := newWorld(t)
	s := w.connector("reg", "docker", "docker.io")
	if got, ok := w.Connectors.ByID(s.ID); !ok {
		t.Error("it is not there")
	} else {
		wantSame(t, "connector", got, s)
	}
	s.Description, s.Revision = "changed", 2
	w.put(s)
	if got, err := w.Connectors.Resolve("reg", ByPrefix); err != nil || got.Description != "changed" ||
		len(w.Connectors.List()) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, ok := w.Connectors.ByID("reg"); ok {
		t.Error("a name is not an id")
	}
}

func TestPutConnectorRefuses(t *testing.T) {
	w := newWorld(t)
	reg := w.connector("reg", "docker", "docker.io")
	other := w.connector("other", "docker", "docker.io")
	for name, tt := range map[string]struct {
		edit   func(*api.ServiceConnector)
		reason credential.Reason
		texts  []string
	}{
		"taken name": {func(s *api.ServiceConnector) {
			*s = api.ServiceConnector{
				ID: "new", Name: "reg", Revision: 1,
			}
		}, credential.Exists, []string{
			"Unable to create the requested service connector with name 'reg': Found another existing " +
				"service connector with the same name.",
			"zen service-connector describe reg",
		}},
		"rename to a taken name": {func(s *api.ServiceConnector) {
			*s = other
			s.Name, s.Revision = "reg", 2
		}, credential.Exists, []string{
			"Unable to update the requested service connector with name 'reg'",
		}},
		"no name": {func(s *api.ServiceConnector) { s.Name = "" }, credential.InvalidInput, []string{
			"The service connector name cannot be empty.",
		}},
		"no id": {func(s *api.ServiceConnector) { s.ID = "" }, credential.Internal, nil},
		"empty label": {
			func(s *api.ServiceConnector) { s.Labels = map[string]string{"": "x"} },
			credential.InvalidInput,
			[]string{"key=value"},
		},
		"changed meanwhile": {
			func(s *api.ServiceConnector) { s.Revision = 1 }, credential.InvalidInput,
			[]string{
				"'reg' was changed by somebody else",
			},
		},
		"deleted meanwhile": {
			func(s *api.ServiceConnector) { s.ID, s.Name, s.Revision = "gone", "gone", 3 },
			credential.NoSuchEntity,
			[]string{"'gone' was deleted"},
		},
		"the same again, outdated": {func(*api.ServiceConnector) {}, credential.InvalidInput, []string{
			"was changed by somebody else",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := reg
			tt.edit(&s)
			change, err := w.Connectors.Put(s)
			wantError(t, err, tt.reason, tt.texts...)
			if change.Put != nil {
				t.Errorf("change is %+v", change)
			}
		})
	}
}

// A connector that container registries use must stay of use to them.
func TestConnectorUpdateKeepsItsRegistriesInReach(t *testing.T) {
	w := newWorld(t)
	s := w.connector("reg", "docker", "127.0.0.1:5050")
	w.registry("local", "", "127.0.0.1:5050/team")
	done[api.ContainerRegistry](w)(w.Registries.Connect("local", s, w.tick()))
	s.Revision++
	s.ResourceID = "other.example"
	_, err := w.Connectors.Put(s)
	wantError(t, err, credential.InUse, "'reg' is used by the container registry 'local' with the uri "+
		"'127.0.0.1:5050/team'",
		"zen container-registry disconnect local")
	s.ResourceID, s.ResourceTypes = "127.0.0.1:5050", []string{"kubernetes-cluster"}
	_, err = w.Connectors.Put(s)
	wantError(t, err, credential.InUse)
	s.ResourceTypes, s.Description = []string{"docker-registry"}, "fine"
	w.put(s)
	done[api.ContainerRegistry](w)(w.Registries.Disconnect("local", w.tick()))
	s.Revision++
	s.ResourceID = "other.example"
	w.put(s)
}

func TestDeleteConnector(t *testing.T) {
	w := newWorld(t)
	s := w.connector("reg", "docker", "docker.io")
	w.connector("other", "docker", "docker.io")
	for _, name := range []string{"one", "two", "my third"} {
		w.registry(name, "", "docker.io/"+name[:2])
		done[api.ContainerRegistry](w)(w.Registries.Connect(name, s, w.tick()))
	}
	w.login(api.Login{ID: "l1", Address: "docker.io", ConnectorID: s.ID})
	w.login(api.Login{ID: "l2", Address: "ghcr.io"})
	gone, change, err := w.Connectors.Delete("reg")
	wantError(t, err, credential.InUse, "Service connector 'reg' with ID "+s.ID+
		" cannot be deleted as it is still referenced by 3 stack components: 'one', 'two', 'my third'. "+
		"Before deleting this service connector, make sure to remove it from all stack components.",
		"zen container-registry disconnect one")
	if gone.ID != s.ID || change.Delete != nil {
		t.Errorf("%+v, %+v", gone, change)
	}
	for _, name := range []string{"one", "two"} {
		done[api.ContainerRegistry](w)(w.Registries.Disconnect(name, w.tick()))
	}
	_, _, err = w.Connectors.Delete("reg")
	wantError(t, err, credential.InUse, "1 stack components: 'my third'", "zen container-registry "+
		"disconnect 'my third'")
	done[api.ContainerRegistry](w)(w.Registries.Delete("my third"))
	done[api.ServiceConnector](w)(w.Connectors.Delete("reg"))
	if l := w.Logins.List(); len(l) != 1 || l[0].ID != "l2" || len(w.Connectors.List()) != 1 {
		t.Errorf("logins are %+v, connectors %+v", l, w.Connectors.List())
	}
	_, _, err = w.Connectors.Delete("reg")
	wantError(t, err, credential.NoSuchEntity)
}

func TestExpired(t *testing.T) {
	end := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		skew   *int
		before time.Duration // the end
		want   bool
	}{
		{nil, 301 * time.Second, false},
		{nil, 300 * time.Second, true},
		{nil, 0, true},
		{new(0), time.Nanosecond, false},
		{new(0), 0, true},
		{new(0), -time.Hour, true},
		{new(3600), time.Hour, true},
		{new(3600), time.Hour + 1, false},
	} {
		s := api.ServiceConnector{ExpiresAt: &end, ExpiresSkewTolerance: tt.skew}
		if got := Expired(s, end.Add(-tt.before)); got != tt.want {
			t.Errorf("skew %v, %v before: %v", tt.skew, tt.before, got)
		}
	}
	if Expired(api.ServiceConnector{}, end) {
		t.Error("a connector without an end expired")
	}
}

// Active is what the active stack uses.
func TestActive(t *testing.T) {
	w := shelf(t)
	active := func() (out []string) {
		for _, s := range w.Connectors.List() {
			if one, _ := w.Connectors.ByID(s.ID); one.Active != s.Active {
				t.Errorf("%s: active is %v by id, %v in the list", s.Name, one.Active, s.Active)
			}
			if s.Active {
				out = append(out, s.Name)
			}
		}
		for _, r := range w.Registries.List() {
			if r.Active {
				out = append(out, r.Name)
			}
		}
		for _, s := range w.Stacks.List() {
			if s.Active {
				out = append(out, s.Name)
			}
		}
		return out
	}
	wantSame(t, "active", active(), []string{"reg", "local", "s"})
	done[api.Stack](w)(w.Stacks.Set("t"))
	wantSame(t, "active", active(), []string{"dockerhub", "dh", "t"})
	done[api.ContainerRegistry](w)(w.Registries.Disconnect("dh", w.tick()))
	wantSame(t, "active", active(), []string{"dh", "t"})
	done[api.Stack](w)(w.Stacks.Set("default"))
	wantSame(t, "active", active(), []string{"default"})
}
