package docker

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/connector/connectortest"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/registryauth"
	"github.com/zen-agent/zen/internal/registrytest"
)

func TestConformance(t *testing.T) {
	attrs := func(registry string) map[string]string {
		m := map[string]string{"username": "alice", "password": "s3cret-word"}
		if registry != "" {
			m["registry"] = registry
		}
		return m
	}
	sample := func(name, registry string, covers, foreign []string) connectortest.Sample {
		return connectortest.Sample{
			Name: name, AuthMethod: "password", Configuration: attrs(registry), Covers: covers,
			Foreign:  foreign,
			Username: "alice", Password: "s3cret-word",
		}
	}
	connectortest.Run(
		t,
		New(registryauth.New()),
		sample(
			"hub by default",
			"",
			[]string{"docker.io", "index.docker.io/library/alpine", "https://index.docker.io/v1/"},
			[]string{"https://index.docker.io/v1/access-token", "docker.io:5000", "ghcr.io"},
		),
		sample(
			"hub by its old name",
			"https://index.docker.io/v1/",
			[]string{"docker.io"},
			[]string{"ghcr.io"},
		),
		sample("host", "ghcr.io", []string{"ghcr.io", "GHCR.io/team/app"}, []string{"docker.io"}),
		sample(
			"host with a path",
			"https://reg.example.com/a/b",
			[]string{"reg.example.com", "reg.example.com/c"},
			[]string{"a.example.com"},
		),
		sample(
			"plain http",
			"http://localhost:5000",
			[]string{"localhost:5000", "localhost:5000/x"},
			[]string{"localhost", "127.0.0.1:5000"},
		),
		sample("IPv6", "[::1]:5000", []string{"[::1]:5000"}, []string{"[::1]:5001", "[::1]"}),
	)
}

// spec is a connector's configuration as the broker splits it.
func spec(registry, username, password string) connector.Spec {
	s := connector.Spec{Type: "docker", Config: map[string]string{}, Secrets: map[string]credential.Secret{
		"username": credential.SecretString(username), "password": credential.SecretString(password),
	}}
	if registry != "" {
		s.Config["registry"] = registry
	}
	return s
}

func valid(t *testing.T, s connector.Spec) connector.Spec {
	t.Helper()
	s, err := New(registryauth.New()).Validate(s)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRegistryHasOneForm(t *testing.T) {
	for _, tt := range []struct{ given, kept, id string }{
		{"", "", "docker.io"},
		{"docker.io", "docker.io", "docker.io"},
		{"https://index.docker.io/v1/", "docker.io", "docker.io"},
		{"http://docker.io", "docker.io", "docker.io"},
		{"https://GHCR.io/v2/", "ghcr.io", "ghcr.io"},
		{"ghcr.io/team/app", "ghcr.io", "ghcr.io"},
		{"HTTP://Reg.example:5000/", "http://reg.example:5000", "reg.example:5000"},
		{"http://reg.example", "http://reg.example", "reg.example"},
	} {
		s := valid(t, spec(tt.given, "u", "p"))
		if s.Config["registry"] != tt.kept || s.ResourceID != tt.id || s.ResourceType != "docker-registry" ||
			s.AuthMethod != "password" {
			t.Errorf(
				"%q: registry %q, resource %q of %q",
				tt.given,
				s.Config["registry"],
				s.ResourceID,
				s.ResourceType,
			)
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	with := func(change func(*connector.Spec)) connector.Spec {
		s := spec("ghcr.io", "alice", "s3cret-word")
		change(&s)
		return s
	}
	for name, tt := range map[string]struct {
		spec connector.Spec
		want string
	}{
		"auth method": {
			with(func(s *connector.Spec) { s.AuthMethod = "token" }),
			"The 'docker' service connector type does not support the 'token' authentication method.",
		},
		"resource type": {
			with(func(s *connector.Spec) { s.ResourceType = "s3-bucket" }),
			"connector configuration is not valid: connector type 'docker' does not support resource " +
				"type 's3-bucket'. Supported resource types are: ['docker-registry'].",
		},
		"other resource": {
			with(func(s *connector.Spec) { s.ResourceID = "other.io" }),
			"The connector does not allow access to the provided 'other.io' Docker/OCI container " +
				"registry resource. It only allows access to the following resource: 'ghcr.io'.",
		},
		"resource that is no address": {
			with(func(s *connector.Spec) { s.ResourceID = "bad host!" }),
			"space",
		},
		"registry":                 {spec("bad host!", "alice", "s3cret-word"), "space"},
		"registry with a password": {spec("alice:s3cret-word@ghcr.io", "alice", "s3cret-word"), "@"},
		"token key": {spec("https://index.docker.io/v1/access-token", "alice",
			"s3cret-word"), "not a registry"},
		"expiration": {
			with(func(s *connector.Spec) { s.ExpirationSeconds = 60 }),
			"expiration time is not supported",
		},
		"colon in the username":      {spec("", "alice:s3cret-word", "s3cret-word"), "colon"},
		"line break in the username": {spec("", "alice\n", "s3cret-word"), "control character"},
		"long username":              {spec("", strings.Repeat("a", 1025), "s3cret-word"), "too long"},
		"long password":              {spec("", "alice", strings.Repeat("s3cret-word", 6000)), "too long"},
		"NUL":                        {spec("", "alice", "s3cret-word\x00"), "NUL"},
		"empty line":                 {spec("", "alice", "\r\n"), "missing required attribute 'password'"},
	} {
		_, err := New(registryauth.New()).Validate(tt.spec)
		if err == nil || !strings.Contains(err.Error(), tt.want) ||
			strings.Contains(err.Error(), "s3cret-word") {
			t.Errorf("%s: got %v, want it to say %q", name, err, tt.want)
		}
	}
}

// A password from a file ends with the file's line break; the line breaks of Google's key
// files are part of the password.
func TestPasswordFromAFile(t *testing.T) {
	for given, want := range map[string]string{
		"word\n": "word", "word\r\n": "word", "word": "word", "{\n \"key\": 1\n}\n": "{\n \"key\": " +
			"1\n}", " word ": " word ", "word\n\n": "word\n",
	} {
		s := valid(t, spec("", "alice", given))
		cred, err := New(registryauth.New()).Mint(t.Context(), s, connector.Registry{})
		if err != nil || string(cred.Secret.Reveal()) != want {
			t.Errorf("%q became %q, %v", given, cred.Secret.Reveal(), err)
		}
	}
}

func TestOneKeyForAllRepositories(t *testing.T) {
	s := valid(t, spec("ghcr.io", "u", "p"))
	keys := map[connector.Registry]bool{}
	for _, url := range []string{"ghcr.io", "ghcr.io/team/app", "https://ghcr.io:443/v2/"} {
		a, err := address.Parse(url)
		if err != nil {
			t.Fatal(err)
		}
		reg, _ := New(registryauth.New()).Match(s, a)
		keys[reg] = true
	}
	if len(keys) != 1 {
		t.Errorf("the token cache would keep %d credentials for one registry: %v", len(keys), keys)
	}
}

func TestVerify(t *testing.T) {
	reg := registrytest.StartBasic("alice", "s3cret-word")
	defer reg.Close()
	for password, want := range map[string]string{"s3cret-word": "valid", "hunter2-not-it": "rejected"} {
		s := valid(t, spec(reg.Host, "alice", password))
		report, err := New(
			registryauth.New(),
		).Verify(t.Context(), s, connector.Registry{}, connector.VerifyOptions{})
		if err != nil || report.Verification != want {
			t.Errorf("%s: %+v, %v; want %s", password, report, err, want)
		}
	}
	s := valid(t, spec(reg.Host, "alice", "s3cret-word"))
	s.Secrets = nil
	if _, err := New(registryauth.New()).Verify(t.Context(), s, connector.Registry{},
		connector.VerifyOptions{}); !credential.NeedsLogin.Is(
		err,
	) {
		t.Errorf("without secrets: %v", err)
	}
}

func TestIsWhatTheBrokerLooksFor(t *testing.T) {
	var kind connector.Kind = New(registryauth.New())
	if _, ok := kind.(connector.Verifier); !ok {
		t.Error("nothing verifies")
	}
	if s, ok := kind.(connector.Static); !ok || !s.IsStatic(connector.Spec{}) {
		t.Error("not static")
	}
}

func TestLimitsOfOtherRegistries(t *testing.T) {
	a, err := address.Parse("ghcr.io")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(registryauth.New()).Limits(t.Context(), a,
		credential.Credential{}); !credential.InvalidInput.Is(
		err,
	) ||
		err.Error() != "ghcr.io does not tell its limits" {
		t.Errorf("%v", err)
	}
}
