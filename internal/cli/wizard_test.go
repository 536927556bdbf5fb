package cli

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// The questions come in ZenML's words and order.
func TestRegisterInteractively(t *testing.T) {
	z := startZend(t, smallWorld())
	d := startDialog(t, z, 100, "service-connector", "register", "--type", "docker", "-ni")
	d.answer("Please enter a name for the service connector: ", "reg")
	d.expect("A service connector with the name 'reg' already exists. Please choose a different name.")
	d.answer("Please enter a name for the service connector: ", "ia2")
	d.answer("Please enter a description for the service connector []: ", "a desc")
	d.answer("Please select a service connector type (docker) [docker]: ", "foo")
	d.expect("Error: 'foo' is not 'docker'.")
	d.answer("Please select a service connector type (docker) [docker]: ", "docker")
	d.expect("Only one resource type is available for this connector (docker-registry).")
	d.answer("Only one authentication method is available for this connector (password). Would you like "+
		"to use it? [Y/n]: ", "")
	d.expect("Please enter the configuration for the Docker username and password/token authentication " +
		"method.")
	d.answer("[username] Username {string, secret, required}: ", "")
	d.answer("[username] Username {string, secret, required}: ", "alice")
	d.answer("[password] Password {string, secret, required}: ", canary)
	d.answer("[registry] Registry server URL. Omit to use DockerHub. {string, optional}: ", "127.0.0.1:5050")
	d.answer("Are the credentials you configured temporary? If so, you'll be asked to provide an "+
		"expiration time in the next step. [y/N]: ", "y")
	const when = "Please enter the exact UTC date and time when the credentials will expire e.g. " +
		"'2023-12-31 23:59:59': "
	d.answer(when, "tomorrow")
	d.expect("Error: 'tomorrow' does not match")
	d.answer(when, "2020-01-01")
	d.expect("The expiration time must be in the future.")
	d.answer(when, "2090-12-25")
	d.expect("Credentials will be valid until 2090-12-25 00:00:00 UTC (i.e. in ")
	d.answer("Keep this value? [Y/n]: ", "n")
	d.answer(when, "2090-12-26 01:02:03")
	d.answer("Keep this value? [Y/n]: ", "y")
	d.expect("Successfully registered service connector `ia2` with access to the following resources:")
	d.expect("127.0.0.1:5050")
	d.end(0)
	d.hides(canary)
	d.hides("alice")
	got := z.sent(api.MethodConnectorRegister)
	if len(got) != 1 {
		t.Fatalf("zend was asked %d times to register", len(got))
	}
	const want = `"auth_method":"password","description":"a ` +
		`desc","expires_at":"2090-12-26T01:02:03Z","labels":{},` +
		`"name":"ia2","resource_type":"docker-registry","type":"docker"`
	if got[0].params != strings.ReplaceAll("{"+want+"}", `"labels":{},`, "") {
		t.Errorf("zend was sent %s", got[0].params)
	}
	if s := got[0].secrets; s["username"] != "alice" || s["password"] != canary ||
		s["registry"] != "127.0.0.1:5050" {
		t.Errorf("zend was sent %+v", s)
	}
}

func TestRegisterInteractivelyExplains(t *testing.T) {
	z := startZend(t, smallWorld())
	d := startDialog(t, z, 100, "service-connector", "register", "given", "-ix")
	d.answer("Please enter a name for the service connector [given]: ", "")
	d.answer("service connector []: ", "")
	d.expect("Available service connector types")
	d.expect("🐳 Docker Service Connector (connector type: docker)")
	d.expect("🔶 Cloud Service Connector (connector type: cloud)")
	d.answer("Please select a service connector type (docker, cloud) [docker]: ", "")
	d.expect("🐳 Docker/OCI container registry (resource type: docker-registry)")
	d.expect("🔒 Docker username and password/token (auth method: password)")
	d.answer("Would you like to use it? [Y/n]: ", "n")
	d.expect("Aborted!")
	d.end(1)
	if got := z.sent(api.MethodConnectorRegister); len(got) != 0 {
		t.Errorf("zend was sent %+v", got)
	}
}

// A type with several of everything: wrong answers, temporary credentials, and a choice
// among resources after a dry run.
func TestRegisterInteractivelyWithChoices(t *testing.T) {
	w := smallWorld()
	w.resources = []api.Resource{
		{
			ConnectorName: "c",
			ConnectorType: "cloud",
			ResourceType:  "docker-registry",
			ResourceIDs:   []string{"a.io", "b.io"},
		},
	}
	z := startZend(t, w)
	d := startDialog(t, z, 120, "service-connector", "register", "-nix", "--type=cloud", "--label", "k=v")
	d.answer("Please enter a name for the service connector: ", "c")
	d.answer("service connector []: ", "")
	d.answer("type (cloud) [cloud]: ", "")
	d.answer("any of the supported resource types (docker-registry, bucket) []: ", "ecr")
	d.expect("Error: 'ecr' is not one of 'docker-registry', 'bucket'.")
	d.answer("(docker-registry, bucket) []: ", "docker-registry")
	d.answer("Please select an authentication method (secret-key, session): ", "")
	d.answer("Please select an authentication method (secret-key, session): ", "session")
	d.answer("[token] Token {string, secret, required}: ", "shown-token")
	d.expect("shown-token") // -x
	d.answer("[role] Role {string, optional}: ", "")
	const seconds = "valid for, in seconds (min: 900; max: 7200; default: 3600) [3600]: "
	d.answer(seconds, "60")
	d.expect("Error: '60' is not a number of seconds that is allowed")
	d.answer(seconds, "1800")
	d.answer("Credentials will be valid for 30m. Keep this value? [Y/n]: ", "")
	d.answer("[y/N]: ", "")
	d.expect("• a.io")
	d.answer("(a.io, b.io) []: ", "c.io")
	d.answer("(a.io, b.io) []: ", "b.io")
	d.expect("Successfully registered")
	d.end(0)
	got := z.sent(api.MethodConnectorRegister)
	if len(got) != 2 || !strings.Contains(got[0].params, `"dry_run":true`) ||
		strings.Contains(got[1].params, "dry_run") ||
		!strings.Contains(got[1].params, `"resource_id":"b.io"`) ||
		!strings.Contains(got[1].params, `"expiration_seconds":1800`) ||
		!strings.Contains(got[1].params, `"labels":{"k":"v"}`) {
		t.Errorf("zend was sent %+v", got)
	}
	if _, ok := got[1].secrets["role"]; ok {
		t.Error("an attribute that was left empty was sent")
	}
}

// Wherever the dialog ends early, nothing is registered.
func TestRegisterInteractivelyInterrupted(t *testing.T) {
	for _, tt := range []struct {
		at, keys, says string
		code           int
	}{
		{"service connector: ", "\x03", "Aborted!", 130},
		{"service connector: ", "\x04", "Aborted!", 1},
		{"[registry]", "\x03", "Aborted!", 130},
		{"temporary?", "\x03", "Aborted!", 130},
	} {
		t.Run(tt.at+tt.says, func(t *testing.T) {
			t.Parallel()
			z := startZend(t, smallWorld())
			d := startDialog(t, z, 100, "service-connector", "register", "-ni", "--type=docker")
			for _, step := range [][2]string{
				{"service connector: ", "n"},
				{"[]: ", ""},
				{"[docker]: ", ""},
				{"[Y/n]: ", ""},
				{"[username]", "u"},
				{"[password]", "p"},
				{"[registry]", ""},
				{"temporary?", ""},
			} {
				d.expect(step[0])
				if step[0] == tt.at {
					break
				}
				d.enter(step[1])
			}
			d.press(tt.keys)
			d.expect(tt.says)
			d.end(tt.code)
			if got := z.sent(api.MethodConnectorRegister); len(got) != 0 {
				t.Errorf("zend was sent %+v", got)
			}
		})
	}
}

func TestRegisterInteractivelyRejected(t *testing.T) {
	w := smallWorld()
	w.fail[api.MethodConnectorRegister] = credential.NewError(credential.Rejected, "the registry says no", "")
	z := startZend(t, w)
	// Attributes that are on the command line are not asked for.
	d := startDialog(
		t,
		z,
		100,
		"service-connector",
		"register",
		"n",
		"-ni",
		"--type=docker",
		"--username=u",
		"--registry=r.io",
	)
	d.answer("[n]: ", "")
	d.answer("[]: ", "")
	d.answer("[docker]: ", "")
	d.answer("[Y/n]: ", "")
	d.answer("[password]", canary)
	d.answer("temporary?", "n")
	d.expect("Error: Failed to configure service connector: the registry says no")
	d.end(3)
	if strings.Contains(d.text(), "[registry]") {
		t.Error("it asked for an attribute that was given")
	}
}

// A registry that is typed as http:// for another machine is asked about, not refused
// after the last question.
func TestRegisterInteractivelyOverPlainHTTP(t *testing.T) {
	for registry, says := range map[string]string{
		"http://r.example:5000": "y", "HTTP://r.example": "n", "http://localhost:5000": "", "r.example": "",
	} {
		z := startZend(t, smallWorld())
		d := startDialog(t, z, 100, "service-connector", "register", "n", "-ni",
			"--type=docker", "--username=u", "--registry="+registry)
		d.answer("[n]: ", "")
		d.answer("[]: ", "")
		d.answer("[docker]: ", "")
		d.answer("[Y/n]: ", "")
		d.answer("[password]", canary)
		d.answer("temporary?", "n")
		if says != "" {
			d.answer("unencrypted, for anyone there to read. Continue? [y/N]: ", says)
		}
		if says == "n" {
			d.expect("Aborted!")
			d.end(1)
			continue
		}
		d.expect("Successfully registered")
		d.end(0)
		got := z.sent(api.MethodConnectorRegister)
		if len(got) != 1 || strings.Contains(got[0].params, `"insecure":true`) != (says == "y") {
			t.Errorf("%s: zend was sent %+v", registry, got)
		}
	}
}

func TestUpdateInteractively(t *testing.T) {
	z := startZend(t, smallWorld())
	d := startDialog(t, z, 140, "service-connector", "update", "reg", "-i")
	d.answer("Please enter a name for the service connector [reg]: ", "old")
	d.expect("A service connector with the name 'old' already exists.")
	d.answer("[reg]: ", "reg9")
	d.answer("Please enter a description for the service connector [the one in the cellar]: ", "")
	d.answer("Would you like to update the authentication configuration? [y/N]: ", "y")
	d.answer("[username] Username {string, secret, required} is currently set to: [HIDDEN].", "")
	d.answer("[password] Password {string, secret, required} is currently set to: [HIDDEN].", canary)
	d.answer("[registry] Registry server URL. Omit to use DockerHub. {string, optional} is currently set "+
		"to: 127.0.0.1:5050.", "")
	d.answer("Would you like to remove the optional attribute 'registry'? [y/N]: ", "y")
	d.answer("temporary?", "n")
	d.expect("Successfully updated service connector `reg9`. It can now be used to access the following " +
		"resources:")
	d.end(0)
	d.hides(canary)
	got := z.sent(api.MethodConnectorUpdate)
	if len(got) != 1 || len(got[0].secrets) != 1 || got[0].secrets["password"] != canary {
		t.Fatalf("zend was sent %+v", got)
	}
	const want = `{"auth_method":"password","description":"the one in the cellar","name":"reg9",` +
		`"ref":"f2b0f01b-c4b1-4d47-a939-98479421c2f8","remove":["registry","expires_at"]}`
	if got[0].params != want {
		t.Errorf("zend was sent %s", got[0].params)
	}
}

func TestUpdateInteractivelyWithChoices(t *testing.T) {
	w := smallWorld()
	c := w.connectors[0]
	c.Name, c.ID, c.Type, c.AuthMethod, c.ResourceID = "cloudy", "11111111-dbc8-4ee6-862e-c25aff411292",
		"cloud", "secret-key", "a.io"
	c.SecretAttributes, c.Configuration = []string{"access_key"}, map[string]string{"region": "eu-1"}
	w.connectors = append(w.connectors, c)
	w.secrets[c.Name] = map[string]string{}
	w.resources = []api.Resource{
		{ConnectorName: "cloudy", ResourceType: "docker-registry", ResourceIDs: []string{"a.io", "b.io"}},
	}
	z := startZend(t, w)
	d := startDialog(t, z, 140, "service-connector", "update", "cloudy", "-i")
	d.answer("[cloudy]: ", "")
	d.answer("[]: ", "")
	d.answer("or press Enter to keep the existing one (secret-key, session) [secret-key]: ", "session")
	d.answer("[token] Token {string, secret, required}: ", canary)
	d.answer("[role] Role {string, optional}: ", "r")
	d.answer("(docker-registry, bucket, any) [docker-registry]: ", "")
	d.answer("in seconds (min: 900; max: 7200; default: 3600) [3600]: ", "")
	d.answer("Keep this value? [Y/n]: ", "")
	d.answer("temporary?", "")
	d.answer("(a.io, b.io) [a.io]: ", "")
	d.expect("Successfully updated")
	d.end(0)
	got := z.sent(api.MethodConnectorUpdate)
	if len(got) != 2 || !strings.Contains(got[0].params, `"dry_run":true`) ||
		!strings.Contains(got[0].params, `"resource_id"`) {
		t.Fatalf("zend was sent %+v", got)
	}
	const want = `{"auth_method":"session","description":"","expiration_seconds":3600,"name":"cloudy",` +
		`"ref":"11111111-dbc8-4ee6-862e-c25aff411292","remove":["access_key","region"],` +
		`"resource_id":"a.io","resource_type":"docker-registry"}`
	if got[1].params != want {
		t.Errorf("zend was sent %s", got[1].params)
	}
}

// The answers may come from a file too, one a line; the end of it ends the dialog.
func TestRegisterInteractivelyFromAPipe(t *testing.T) {
	z := startZend(t, smallWorld())
	r := zen(t, z, "n\n\ndocker\ny\nu\r\n"+canary+"\r\n\nn\n", terminalOf{}, words("service-connector "+
		"register -in --type docker")...)
	got := z.sent(api.MethodConnectorRegister)
	if r.code != 0 || len(got) != 1 || got[0].secrets["username"] != "u" ||
		got[0].secrets["password"] != canary {
		t.Errorf("exit %d, sent %+v\n%s", r.code, got, r.stderr)
	}
	r = zen(t, z, "m\n\ndocker\n", terminalOf{}, words("service-connector register -in --type docker")...)
	if got := z.sent(api.MethodConnectorRegister); r.code != 1 || len(got) != 1 ||
		!strings.HasSuffix(r.stderr, "Aborted!\n") {
		t.Errorf("exit %d, sent %+v\n%s", r.code, got, r.stderr)
	}
}
