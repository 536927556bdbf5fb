package daemon

import (
	"slices"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/zenml/zenmltest"
)

// TestChangesOnAServerAreNoticed changes a connector on its server after a login, and has
// it noticed by each command that asks the server.
func TestChangesOnAServerAreNoticed(t *testing.T) {
	ways := map[string]func(r *serverRig){
		"list": func(r *serverRig) { r.Connectors.ListConnectors(r.Context(), api.Query{}) },
		"login": func(r *serverRig) {
			r.Sessions.Login(r.Context(), access.Caller{}, api.LoginRequest{Name: "other", NoVerify: true})
		},
		"verify": func(r *serverRig) {
			r.Connectors.VerifyConnector(r.Context(), access.Caller{}, api.UseConnector{Ref: "other"})
		},
		"describe": func(r *serverRig) {
			r.Connectors.Connector(r.Context(), api.UseConnector{Ref: "other"})
		},
		"server describe": func(r *serverRig) { r.Servers.Server(r.Context(), "") },
	}
	changes := []struct {
		name    string
		change  func(c *zenmltest.Connector, s *zenmltest.Server)
		login   string // the connector's name in zen status afterwards
		problem string // its problem there
		get     credential.Reason
		same    bool // get answers with the canary
	}{
		{name: "nothing", change: func(*zenmltest.Connector, *zenmltest.Server) {}, login: "reg", same: true},
		{
			name: "renamed", change: func(c *zenmltest.Connector, _ *zenmltest.Server) { c.Name = "new" },
			login: "new", same: true,
		},
		{
			name:   "another password",
			change: func(c *zenmltest.Connector, _ *zenmltest.Server) { c.Password = "rotated" },
			login:  "reg",
		},
		{
			name:    "deleted",
			change:  func(_ *zenmltest.Connector, s *zenmltest.Server) { s.Connectors = s.Connectors[1:] },
			login:   "reg",
			problem: "service connector 'reg' was deleted on server 'prod'",
			get:     credential.NoSuchEntity,
		},
	}
	for _, tt := range changes {
		for way, notice := range ways {
			t.Run(tt.name+"/"+way, func(t *testing.T) {
				r := newServerRig(t)
				other := r.entry("22222222-2222-4222-8222-222222222222", "other")
				other.ResourceID, other.Registry = "127.0.0.1:1", "127.0.0.1:1"
				r.zenml.Connectors = append(r.zenml.Connectors, other)
				r.ready()
				r.zenml.Lock()
				tt.change(r.zenml.Connectors[0], r.zenml)
				r.zenml.Unlock()
				if err := r.get(); err != nil {
					t.Fatalf("before it can be noticed: %v", err)
				}
				notice(r)
				r.wantLogin(tt.login, tt.problem)
				cred, err := r.Credentials.Get(r.Context(), access.Caller{}, r.registry.Host)
				if err != nil && credential.ReasonOf(err) != tt.get || err == nil && tt.get != "" {
					t.Fatalf("get: %v, want %q", err, tt.get)
				}
				if same := string(cred.Secret.Reveal()) == canary; err == nil && same != tt.same {
					t.Errorf("get answers what it was: %v, want %v", same, tt.same)
				}
			})
		}
	}
}

func (r *serverRig) wantLogin(connector, problem string) {
	r.Helper()
	list, err := r.Sessions.Logins(r.Context(), access.Caller{})
	list = slices.DeleteFunc(list, func(l api.Login) bool { return l.Address != r.registry.Host })
	if err != nil || len(list) != 1 {
		r.Fatalf("%+v, %v", list, err)
	}
	if l := list[0]; l.ConnectorName != connector || l.Server != "prod" || l.Problem != problem {
		r.Errorf("status has %q on %q, problem %q; want %q, problem %q",
			l.ConnectorName, l.Server, l.Problem, connector, problem)
	}
}

// A connector that is there again answers again.
func TestDeletedConnectorComesBack(t *testing.T) {
	r := newServerRig(t).ready()
	all := r.zenml.Connectors
	for _, step := range []struct {
		have    []*zenmltest.Connector
		problem string
	}{
		{nil, "service connector 'reg' was deleted on server 'prod'"},
		{all, ""},
	} {
		r.zenml.Lock()
		r.zenml.Connectors = step.have
		r.zenml.Unlock()
		r.Connectors.ListConnectors(r.Context(), api.Query{})
		r.wantLogin("reg", step.problem)
	}
	if err := r.get(); err != nil {
		t.Error(err)
	}
}

// What a server may not show any more is not deleted, and a server that does not answer
// deletes nothing.
func TestNotSeenIsNotDeleted(t *testing.T) {
	r := newServerRig(t).ready()
	r.zenml.Lock()
	r.zenml.Connectors[0].Name = ""
	r.zenml.Unlock()
	r.Connectors.ListConnectors(r.Context(), api.Query{})
	r.wantLogin("reg", "")
	r.zenml.Close()
	r.Connectors.ListConnectors(r.Context(), api.Query{})
	r.wantLogin("reg", "")
	if err := r.get(); err != nil {
		t.Error(err)
	}
}

// A token of a cloud lives for long. Clients that go on being answered from memory have
// the server asked once an hour whether its connector is still there.
func TestClientsHaveTheServerAskedAgain(t *testing.T) {
	r := newServerRig(t)
	token := r.zenml.Connectors[0]
	token.Type, token.Username, token.Life = "aws", "AWS", 12*time.Hour
	if err := r.connect(r.zenml, "prod"); err != nil {
		t.Fatal(err)
	}
	req := api.LoginRequest{Name: "reg", NoVerify: true}
	if _, err := r.Sessions.Login(t.Context(), access.Caller{}, req); err != nil {
		t.Fatal(err)
	}
	const list = "GET /api/v1/service_connectors"
	before := r.count(list)
	for range 3 {
		if err := r.get(); err != nil {
			t.Fatal(err)
		}
	}
	r.later.Store(int64(61 * time.Minute))
	r.zenml.Lock()
	r.zenml.Connectors = nil
	r.zenml.Unlock()
	if err := r.get(); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(10 * time.Second)
	for r.get() == nil {
		select {
		case <-deadline:
			t.Fatal("a deleted connector answers on")
		default:
		}
	}
	if asked := r.count(list) - before; asked != 1 {
		t.Errorf("the server was asked %d times", asked)
	}
	r.wantLogin("reg", "service connector 'reg' was deleted on server 'prod'")
}
