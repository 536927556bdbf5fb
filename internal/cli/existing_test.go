package cli

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/api"
)

// autoWorld is a world whose docker type can be configured from what is there.
func autoWorld() world {
	w := smallWorld()
	w.types[0].SupportsAutoConfiguration = true
	return w
}

// dockerHome makes a home with a configuration of docker's, and credential helpers on
// PATH that are shell scripts.
func dockerHome(t *testing.T, config string, helpers map[string]string) map[string]string {
	t.Helper()
	home := t.TempDir()
	files := map[string]string{".docker/config.json": config}
	for name, script := range helpers {
		files["bin/docker-credential-"+name] = "#!/bin/sh\n" + script
	}
	for name, content := range files {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", filepath.Join(home, "bin")+":/usr/bin:/bin")
	return map[string]string{
		"HOME":          home,
		"DOCKER_CONFIG": filepath.Join(home, ".docker"),
		"PATH":          os.Getenv("PATH"),
	}
}

func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

func TestAutoConfigure(t *testing.T) {
	const answers = `read server; [ "$server" = "https://index.docker.io/v1/" ] || exit 1
echo '{"ServerURL":"x","Username":"helped","Secret":"` + canary + `"}'`
	for _, tt := range []struct {
		name, config, helper, options string
		user, says                    string
	}{
		{"a plaintext login", `{"auths":{"https://index.docker.io/v1/":{"auth":"` + basic("me", canary) +
			`"}}}`, "", "", "me", "config.json"},
		{
			"another spelling", `{"auths":{"docker.io":{"auth":"` + basic("me", canary) + `"}}}`, "", "",
			"me",
			"docker.io",
		},
		{
			"the registry asked for", `{"auths":{"docker.io":{"auth":"` + basic("hub", "x") +
				`"},"r.io:5000":{"auth":"` + basic("me", canary) + `"}}}`,
			"", "--registry=https://r.io:5000", "me", "r.io:5000",
		},
		{"an identity token", `{"auths":{"docker.io":{"auth":"` + basic("me", "") + `","identitytoken":"` +
			canary + `"}}}`, "", "", "<token>", ""},
		{"a helper", `{"credsStore":"other"}`, answers, "", "helped", "docker-credential-other"},
		{"a given user name", `{"credsStore":"other"}`, answers, "--username=mine", "mine", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z := startZend(t, autoWorld())
			env := dockerHome(t, tt.config, map[string]string{"other": tt.helper})
			r := zenWith(t, z, "", terminalOf{}, env, words("service-connector register n --type docker "+
				"--auto-configure "+tt.options)...)
			got := z.sent(api.MethodConnectorRegister)
			if r.code != 0 || len(got) != 1 || !strings.Contains(r.stderr, tt.says) {
				t.Fatalf("exit %d: %s", r.code, r.stderr)
			}
			if s := got[0].secrets; s["username"] != tt.user || s["password"] != canary {
				t.Errorf("zend was sent %+v", s)
			}
		})
	}
}

func TestAutoConfigureFinds(t *testing.T) {
	for _, tt := range []struct{ name, config, helper, says string }{
		{"nothing", `{}`, "", "has no login for docker.io"},
		{
			"no login of this registry", `{"auths":{"other.io":{"auth":"` + basic("me", canary) + `"}}}`, "",
			"has no login for docker.io",
		},
		{"an empty entry", `{"auths":{"docker.io":{}}}`, "", "has no login for docker.io"},
		{"zen itself", `{"credsStore":"zen"}`, "", "docker asks zen itself for docker.io"},
		{"a broken file", `{"auths":`, "", "Failed to register service connector: "},
		{"not base64", `{"auths":{"docker.io":{"auth":"*"}}}`, "", "its auth is not the base64 of " +
			"USER:PASSWORD"},
		{"no password", `{"auths":{"docker.io":{"auth":"` + basic("me", "") + `"}}}`, "", "there is a " +
			"user name and no password"},
		{
			"a helper with no user name", `{"credsStore":"other"}`, `echo '{"Secret":"` + canary + `"}'`,
			"there is no user name",
		},
		{"a helper without it", `{"credsStore":"other"}`, "echo credentials not found in native " +
			"keychain; exit 1", "docker-credential-other has no login"},
		{"a helper that fails", `{"credsStore":"other"}`, "echo 'the \x1b[2J bus is gone'; exit " +
			"1", `docker-credential-other failed: the \x1b[2J bus is gone`},
		{"a helper that talks nonsense", `{"credsStore":"other"}`, "echo hello", "Failed to register " +
			"service connector: "},
		{"a helper that is not there", `{"credsStore":"absent"}`, "", "docker-credential-absent is not " +
			"on PATH"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			z := startZend(t, autoWorld())
			env := dockerHome(t, tt.config, map[string]string{"other": tt.helper})
			r := zenWith(t, z, "", terminalOf{}, env, words("service-connector register n --type docker "+
				"--auto-configure")...)
			if r.code == 0 || !strings.Contains(r.stderr, tt.says) ||
				len(z.sent(api.MethodConnectorRegister)) != 0 {
				t.Errorf("exit %d: %s", r.code, r.stderr)
			}
		})
	}
	z := startZend(t, smallWorld())
	r := zen(t, z, "", terminalOf{}, words("service-connector register n --type docker --auto-configure")...)
	if r.code != 1 || !strings.Contains(r.stderr,
		"Failed to register service connector: The Docker Service Connector service connector type does "+
			"not support auto-configuration.") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestAutoConfigureInteractively(t *testing.T) {
	const config = `{"auths":{"r.io":{"auth":"bWU6aHVudGVyMi1jYW5hcnk="}}}` // me and the canary
	const offer = "Would you like to attempt auto-configuration to extract the authentication " +
		"configuration from your local environment ? [y/N]: "
	begin := func(t *testing.T) (*fakeZend, *dialog) {
		t.Helper()
		z := startZend(t, autoWorld())
		d := startDialog(t, z, 120, "service-connector", "register", "-ni", "--type=docker")
		if err := os.MkdirAll(filepath.Join(d.home, ".docker"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d.home, ".docker", "config.json"), []byte(config),
			0o600); err != nil {
			t.Fatal(err)
		}
		d.answer("service connector: ", "n")
		d.answer("[]: ", "")
		d.answer("[docker]: ", "")
		return z, d
	}
	t.Run("taken", func(t *testing.T) {
		z, d := begin(t)
		d.answer(offer, "y")
		d.answer("[registry]", "r.io")
		d.expect("Found the login of 'me' at r.io in ")
		d.answer("Would you like to continue with the auto-discovered configuration or switch to manual "+
			"? (auto, manual) [auto]: ", "")
		d.expect("Successfully registered")
		d.end(0)
		d.hides(canary)
		if s := z.sent(api.MethodConnectorRegister)[0].secrets; s["password"] != canary ||
			s["username"] != "me" ||
			s["registry"] != "r.io" {
			t.Errorf("zend was sent %+v", s)
		}
	})
	t.Run("manual after all", func(t *testing.T) {
		z, d := begin(t)
		d.answer(offer, "y")
		d.answer("[registry]", "r.io")
		d.answer("[auto]: ", "manual")
		d.answer("[Y/n]: ", "")
		d.answer("[username]", "u")
		d.answer("[password]", "p")
		d.answer("[registry]", "q.io")
		d.answer("temporary?", "")
		d.expect("Successfully registered")
		d.end(0)
		if s := z.sent(api.MethodConnectorRegister)[0].secrets; s["password"] != "p" ||
			s["registry"] != "q.io" {
			t.Errorf("zend was sent %+v", s)
		}
	})
	t.Run("nothing found", func(t *testing.T) {
		z, d := begin(t)
		d.answer(offer, "y")
		d.answer("[registry]", "nowhere.io")
		d.expect("Auto-configuration was not successful: ")
		d.answer("Would you like to continue with manual configuration ? [Y/n]: ", "n")
		d.expect("Aborted!")
		d.end(1)
		if got := z.sent(api.MethodConnectorRegister); len(got) != 0 {
			t.Errorf("zend was sent %+v", got)
		}
	})
}
