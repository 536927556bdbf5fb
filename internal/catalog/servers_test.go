package catalog

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

func (w *world) serverOf(id, name, url string) {
	w.Helper()
	change, err := w.Servers.Put(
		api.Server{
			ID:      id,
			Name:    name,
			URL:     url,
			Auth:    api.ServerAuthAPIKey,
			Created: w.tick(),
			Updated: w.now,
		},
	)
	if err != nil {
		w.Fatal(err)
	}
	w.commit(change)
}

// remoteLogin logs in through a server's connector.
func (w *world) remoteLogin(id, server, address string) {
	w.Helper()
	kept, err := w.Servers.PutRemote(
		api.ServiceConnector{
			ID:         id,
			Name:       "reg",
			Server:     server,
			Type:       "aws",
			ResourceID: address,
			Revision:   1,
		},
	)
	if err != nil {
		w.Fatal(err)
	}
	change, _, err := w.Logins.Put(
		api.Login{ID: "login-" + id, Address: address, ConnectorID: id, Created: w.tick()},
		kept.Put...)
	if err != nil {
		w.Fatal(err)
	}
	w.commit(w.Servers.WithoutUnusedRemotes(change))
}

func TestServers(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Servers.Resolve("", ByPrefix); !credential.NoSuchEntity.Is(err) ||
		!strings.Contains(err.Error(), "not connected") {
		t.Errorf("without any: %v", err)
	}
	w.serverOf("s1", "prod", "https://prod.example.com")
	w.serverOf("s2", "dev", "http://127.0.0.1:8237")
	for ref, want := range map[string]string{
		"": "prod", "dev": "dev", "de": "dev", "s2": "dev",
		"http://127.0.0.1:8237": "dev",
	} {
		if s, err := w.Servers.Resolve(ref, ByPrefix); err != nil || s.Name != want {
			t.Errorf("%q is %q, %v", ref, s.Name, err)
		}
	}
	if _, err := w.Servers.Put(api.Server{ID: "s3", Name: "prod", URL: "https://x"}); !credential.Exists.Is(
		err,
	) {
		t.Errorf("a taken name: %v", err)
	}
	if _, err := w.Servers.Put(api.Server{
		ID: "s3", Name: "a\x1bb",
		URL: "https://x",
	}); !credential.InvalidInput.Is(
		err,
	) {
		t.Errorf("a name for nobody: %v", err)
	}
	done[api.Server](w)(w.Servers.Use("dev"))
	if list := w.Servers.List(); len(list) != 2 || list[0].Name != "dev" || !list[0].Active ||
		list[1].Active {
		t.Errorf("after use: %+v", list)
	}
	again, err := Load(w.list())
	if err != nil {
		t.Fatal(err)
	}
	if s, err := again.Servers.Resolve("", ByPrefix); err != nil || s.Name != "dev" ||
		s.URL != "http://127.0.0.1:8237" {
		t.Errorf("read again: %+v, %v", s, err)
	}
}

func TestRemoteConnectorsLastAsLongAsTheirLogins(t *testing.T) {
	w := newWorld(t)
	w.serverOf("s1", "prod", "https://prod.example.com")
	w.serverOf("s2", "dev", "http://127.0.0.1:8237")
	w.remoteLogin("r1", "prod", "ghcr.io")
	w.remoteLogin("r2", "dev", "quay.io")
	if conn, ok := w.Connectors.ByID("r1"); !ok || conn.Server != "prod" || len(w.Connectors.List()) != 0 {
		t.Errorf("kept %+v, %v; local: %d", conn, ok, len(w.Connectors.List()))
	}
	if s, _ := w.Servers.Resolve("prod", ByPrefix); s.Logins != 1 {
		t.Errorf("%d logins", s.Logins)
	}
	_, change := w.Logins.End(func(l api.Login) bool { return l.Address == "ghcr.io" })
	w.commit(w.Servers.WithoutUnusedRemotes(change))
	if len(w.Servers.Remotes()) != 1 || len(w.records) != 4 {
		t.Errorf("%d connectors and %d records are left", len(w.Servers.Remotes()), len(w.records))
	}
	s, ended, change, err := w.Servers.Delete("dev")
	if err != nil || s.Name != "dev" || len(ended) != 1 {
		t.Fatalf("%+v, %d ended, %v", s, len(ended), err)
	}
	w.commit(change)
	if len(w.records) != 1 || len(w.Logins.List()) != 0 {
		t.Errorf("%d records are left", len(w.records))
	}
}

// A server chooses the ids of its connectors; it must not get hold of the logins of
// others by that.
func TestRemoteConnectorsTakeNobodysID(t *testing.T) {
	w := newWorld(t)
	own := w.connector("own", "docker", "docker.io")
	w.serverOf("s1", "prod", "https://prod.example.com")
	w.serverOf("s2", "dev", "http://127.0.0.1:8237")
	w.remoteLogin("r1", "prod", "ghcr.io")
	for _, id := range []string{own.ID, "s1", "login-r1", "r1", activeID, ""} {
		if _, err := w.Servers.PutRemote(api.ServiceConnector{
			ID: id, Name: "evil", Server: "dev",
			Revision: 7,
		}); err == nil {
			t.Errorf("the id %q is taken over", id)
		}
	}
	_, err := w.Servers.PutRemote(api.ServiceConnector{ID: own.ID, Name: "evil", Server: "dev", Revision: 7})
	wantError(t, err, credential.Exists, "the server 'dev' gives its service connector 'evil' the id of "+
		"something on this machine, "+own.ID, "zen server disconnect dev")
	_, err = w.Servers.PutRemote(api.ServiceConnector{ID: "r1", Name: "evil", Server: "dev", Revision: 7})
	wantError(t, err, credential.Exists, "the servers 'prod' (https://prod.example.com) and 'dev' "+
		"(http://127.0.0.1:8237) have a service connector 'evil' of the same id, "+
		"r1, and it is in use through 'prod'", "use it there: add --server prod; to stay connected once "+
		"only: zen server disconnect dev")
	if _, err := w.Servers.PutRemote(api.ServiceConnector{
		ID: "r9", Name: "x",
		Server: "gone",
	}); !credential.NoSuchEntity.Is(
		err,
	) {
		t.Errorf("of a server that is not there: %v", err)
	}
	if change, err := w.Servers.PutRemote(api.ServiceConnector{
		ID: "r1", Name: "reg", Server: "prod",
		Revision: 1,
	}); err != nil ||
		len(change.Put) != 0 {
		t.Errorf("the same again: %+v, %v", change, err)
	}
}

// One real server under two addresses gives its connectors the ids that they have
// already.
func TestOneServerTwice(t *testing.T) {
	w := newWorld(t)
	w.serverOf("s1", "dev", "http://localhost:8237")
	w.serverOf("s2", "the other", "http://127.0.0.1:8237")
	for _, id := range []string{"s1", "s2"} {
		w.servers[id].ServerID = "d5abb2d2"
	}
	w.remoteLogin("r1", "dev", "ghcr.io")
	_, err := w.Servers.PutRemote(
		api.ServiceConnector{ID: "r1", Name: "reg", Server: "the other", Revision: 1},
	)
	wantError(t, err, credential.Exists, "'the other' (http://127.0.0.1:8237) is the ZenML server that "+
		"zen is connected to as 'dev' (http://localhost:8237) too, "+
		"and uses service connector 'reg' through that",
		"use it there: add --server dev; to stay connected once only: zen server disconnect 'the other'")
}

func TestDisconnectingTheActiveServer(t *testing.T) {
	w := newWorld(t)
	w.serverOf("s1", "prod", "https://prod.example.com")
	w.serverOf("s2", "dev", "http://127.0.0.1:8237")
	_, _, change, err := w.Servers.Delete("prod")
	if err != nil {
		t.Fatal(err)
	}
	w.commit(change)
	if s, err := w.Servers.Resolve("", ByPrefix); err != nil || s.Name != "dev" || !s.Active {
		t.Errorf("active is %+v, %v", s, err)
	}
}
