package stories

import (
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zen-agent/zen/internal/zenml/zenmltest"
)

// startZenML starts a fake ZenML server with a connector for each registry, one that
// gives access to several, and one that answers with a credential for another registry
// than it says.
func (s *story) startZenML() *zenmltest.Server {
	z := zenmltest.Start()
	z.APIKey = "ZENKEY_" + s.password
	z.Connectors = []*zenmltest.Connector{
		{
			ID: "11111111-1111-4111-8111-111111111111", Name: "reg", Type: "docker", ResourceID: s.basic.Host,
			Username: "alice", Password: s.password, Registry: s.basic.Host, Life: time.Hour,
		}, {
			ID: "22222222-2222-4222-8222-222222222222", Name: "cloud", Type: "gcp",
			AuthMethod: "service-account",
			Instances:  []string{s.bearer.Host + "/team/one", s.bearer.Host + "/team/two"},
			Username:   "alice", Password: s.password, Registry: s.bearer.Host, Life: time.Hour,
		}, {
			ID: "33333333-3333-4333-8333-333333333333", Name: "liar", Type: "docker",
			ResourceID: s.bearer.Host,
			Username:   "alice", Password: s.password, Registry: s.basic.Host,
		}, {
			ID: "44444444-4444-4444-8444-444444444444", Name: "stale", Type: "docker",
			ResourceID: s.basic.Host,
			Username:   "alice", Password: "not the password", Registry: s.basic.Host,
		},
	}
	hub := zenmltest.Registry(
		"55555555-5555-4555-8555-555555555551",
		"team-hub",
		s.basic.Host,
		z.Connectors[0],
	)
	z.Registries = []map[string]any{
		hub, zenmltest.Registry("55555555-5555-4555-8555-555555555552", "lonely", s.basic.Host+"/lonely",
			nil),
	}
	z.Stacks = []map[string]any{
		zenmltest.Stack("66666666-6666-4666-8666-666666666661", "team", hub),
		zenmltest.Stack("66666666-6666-4666-8666-666666666662", "bare", nil),
	}
	return z
}

// zenmlServer changes the story's ZenML server: zenml revoke makes its access tokens
// invalid, zenml newkey the API key too, zenml scheme SCHEME makes it authenticate
// otherwise, zenml down stops it, zenml mints NAME N checks how often a connector's
// credential was made.
func zenmlServer(ts *testscript.TestScript, _ bool, args []string) {
	z := storyOf(ts).zenml
	switch {
	case len(args) == 1 && args[0] == "revoke":
		z.Revoke()
	case len(args) == 1 && args[0] == "newkey":
		z.Lock()
		z.APIKey = "ZENKEY_another"
		z.Unlock()
		z.Revoke()
	case len(args) == 2 && args[0] == "scheme":
		z.Lock()
		z.Scheme = args[1]
		z.Unlock()
	case len(args) == 1 && args[0] == "down":
		z.Close()
	case len(args) == 3 && args[0] == "mints":
		if got := z.Minted(args[1]); strconv.Itoa(got) != args[2] {
			ts.Fatalf("%s was minted %d times, want %s", args[1], got, args[2])
		}
	default:
		ts.Fatalf("usage: zenml revoke | newkey | scheme SCHEME | down | mints NAME N")
	}
}
