package registry

import (
	"testing"

	"github.com/zen-agent/zen/internal/api"
)

func TestPick(t *testing.T) {
	list := []api.Resource{
		{ConnectorID: "aa11", ConnectorName: "hub"}, {ConnectorID: "ab22", ConnectorName: "hub-staging"}, {
			ConnectorID:   "bb33",
			ConnectorName: "aa",
		},
	}
	for answer, want := range map[string]string{
		"hub": "aa11", "hub-": "", "hub-staging": "ab22", "ab22": "ab22", "ab": "", "aa": "bb33",
		"a": "", "hu": "", "nope": "", "": "",
	} {
		if got, ok := pick(list, answer); got != want || ok != (want != "") {
			t.Errorf("pick(%q) = %q, %v, want %q", answer, got, ok, want)
		}
	}
}
