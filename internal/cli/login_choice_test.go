package cli

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/api"
)

// twoParts is a world in which a connector gives access to two parts of a host, one of
// which is logged in to.
func twoParts() world {
	return world{
		connectors: []api.ServiceConnector{
			{ID: "c", Name: "cloud", Type: "gcp", ResourceTypes: []string{"docker-registry"}, Server: "prod"},
		},
		choices: []string{"eu.example/p/one", "eu.example/p/two"},
		taken:   &api.Login{ConnectorName: "cloud", ResourceID: "eu.example/p/one"},
	}
}

func TestChoicesOfALogin(t *testing.T) {
	z := startZend(t, twoParts())
	d := startDialog(t, z, 200, "login", "cloud")
	d.answer("Please enter the one to log in to: ", "eu.example/p/three")
	d.expect("'eu.example/p/three' is none of these.")
	d.answer("Please enter the one to log in to: ", "eu.example/p/two")
	d.expect("Service connector 'cloud' is logged in to eu.example/p/one, and 'cloud' would be to " +
		"eu.example/p/two: clients ask for eu.example as a whole")
	d.answer("Shall eu.example/p/two answer from now on? [y/N]: ", "y")
	d.expect("was used to successfully configure")
	d.end(0)
	sent := z.sent(api.MethodLogin)
	if len(sent) != 3 || !strings.Contains(sent[2].params, `"replace":true`) ||
		!strings.Contains(sent[2].params, `"resource_id":"eu.example/p/two"`) {
		t.Errorf("zend got %+v", sent)
	}
}

func TestKeepingALogin(t *testing.T) {
	z := startZend(t, twoParts())
	d := startDialog(t, z, 200, "login", "cloud", "--resource-id", "eu.example/p/two")
	d.answer("Shall eu.example/p/two answer from now on? [y/N]: ", "")
	d.expect("eu.example/p/one goes on to answer. To have both add --path p/two")
	d.end(0)
	if sent := z.sent(api.MethodLogin); len(sent) != 1 {
		t.Errorf("zend got %+v", sent)
	}
}
