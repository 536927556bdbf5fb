package cli

import (
	"strings"
	"testing"
)

// A person at a terminal is offered the login that zenml has.
func TestOfferOfZenMLsLogin(t *testing.T) {
	z := startZend(t, world{})
	const script = `mkdir -p "$HOME/zenml" && printf 'https://key.example.com:\n  api_key: ` +
		`ZENKEY_` + canary + `\n' >"$HOME/zenml/credentials.yaml" &&
		export ZENML_CONFIG_PATH="$HOME/zenml" && exec "$ZEN" server connect`
	d := startProgram(t, z, 120, "/bin/sh", "-c", script)
	d.expect("zenml is logged in to https://key.example.com with an API key. Would you like to use that " +
		"login? [Y/n]: ")
	d.enter("")
	d.expect("Connected to server")
	d.expect("zenml keeps an API key in plain text in")
	d.expect("zenml logout https://key.example.com --clear")
	d.end(0)
	sent := z.sent("server.connect")
	if len(sent) != 1 || sent[0].secrets["key"] != "ZENKEY_"+canary ||
		!strings.Contains(sent[0].params, `"url":"https://key.example.com"`) {
		t.Errorf("zend got %+v", sent)
	}
}
