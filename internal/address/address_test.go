package address_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
)

const hubURL = "https://index.docker.io/v1/"

func TestParse(t *testing.T) {
	tests := []struct{ in, want string }{
		// Docker Hub is one identity.
		{"docker.io", "docker.io"},
		{"docker.io/", "docker.io"},
		{"Docker.IO", "docker.io"},
		{"https://docker.io", "docker.io"},
		{"index.docker.io", "docker.io"},
		{"index.docker.io/v1", "docker.io"},
		{"index.docker.io/v1/", "docker.io"},
		{"https://index.docker.io", "docker.io"},
		{"https://index.docker.io/v1", "docker.io"},
		{hubURL, "docker.io"},
		{"HTTPS://INDEX.DOCKER.IO/v1/", "docker.io"},
		{"http://index.docker.io/v1/", "docker.io"},
		{"registry-1.docker.io", "docker.io"},
		{"registry-1.docker.io:443", "docker.io"},
		{"https://registry-1.docker.io/v2/", "docker.io"},
		{"https://registry.hub.docker.com", "docker.io"},
		{"registry.hub.docker.com/v1/", "docker.io"},
		{"http://docker.io:80/", "docker.io"},
		{"docker.io:5000", "docker.io:5000"},
		{"docker.io:80", "docker.io:80"},
		{"registry-1.docker.io:8443", "registry-1.docker.io:8443"},
		{"index.docker.io/library/alpine", "docker.io/library/alpine"},
		{"https://registry-1.docker.io/acme", "docker.io/acme"},

		// Its token keys are not it.
		{hubURL + "access-token", "docker.io/v1/access-token"},
		{hubURL + "refresh-token", "docker.io/v1/refresh-token"},
		{hubURL + "refresh-token/", "docker.io/v1/refresh-token"},
		{"index.docker.io/v1/access-token", "docker.io/v1/access-token"},
		{hubURL + "something-new", "docker.io/v1/something-new"},
		{"docker.io:5000/v1/access-token", "docker.io:5000/v1/access-token"},

		// Hosts and ports.
		{"ghcr.io", "ghcr.io"},
		{"HTTPS://GHCR.IO", "ghcr.io"},
		{"https://ghcr.io:443", "ghcr.io"},
		{"http://ghcr.io:443", "http://ghcr.io:443"}, // not port 80
		{"HTTP://GHCR.IO:443/v2/", "http://ghcr.io:443"},
		{"http://ghcr.io:443/team/app", "http://ghcr.io:443/team/app"},
		{"http://[::1]:443", "http://[::1]:443"},
		{"http://index.docker.io:443/v1/", "docker.io"},
		{"ghcr.io:443/v2/", "ghcr.io"},
		{"ghcr.io:80", "ghcr.io:80"},
		{"https://ghcr.io:80", "ghcr.io:80"},
		{"http://ghcr.io:80", "ghcr.io"},
		{"localhost", "localhost"},
		{"localhost:5000", "localhost:5000"},
		{"http://localhost:5000/v2", "localhost:5000"},
		{"registry:65535", "registry:65535"},
		{"127.0.0.1:5000", "127.0.0.1:5000"},
		{"1.2.3.4.example", "1.2.3.4.example"},
		{"0xcafe.example", "0xcafe.example"},
		{"123456789012.dkr.ecr.eu-west-1.amazonaws.com", "123456789012.dkr.ecr.eu-west-1.amazonaws.com"},
		{"xn--bcher-kva.example", "xn--bcher-kva.example"},
		{"[::1]:5000", "[::1]:5000"},
		{"[::1]:443", "[::1]"},
		{"https://[0:0:0:0:0:0:0:1]", "[::1]"},
		{"[2001:DB8::0:1]:5000/team", "[2001:db8::1]:5000/team"},
		{"[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]"},
		{strings.Repeat("a", 63) + ".io", strings.Repeat("a", 63) + ".io"},

		// As registryurl.Parse of docker-credential-helpers takes them.
		{"//ghcr.io", "ghcr.io"},
		{"//ghcr.io:2376", "ghcr.io:2376"},
		{"//index.docker.io/v1/", "docker.io"},
		{"ghcr.io?x=1", "ghcr.io"},
		{"https://ghcr.io:2376/some/path?foo=bar", "ghcr.io:2376/some/path"},
		{"evil.example?.ghcr.io/x", "evil.example"},
		{"ghcr.io/?a=https://evil.example/%2F..", "ghcr.io"},

		// Repository paths.
		{"ghcr.io/team/app", "ghcr.io/team/app"},
		{"ghcr.io/team/app/", "ghcr.io/team/app"},
		{"ghcr.io/v1", "ghcr.io"},
		{"ghcr.io/v1/thing", "ghcr.io/v1/thing"},
		{"ghcr.io/team/v2", "ghcr.io/team/v2"},
		{"ghcr.io/a.b_c__d---e/0", "ghcr.io/a.b_c__d---e/0"},
		{"europe-docker.pkg.dev/project/repo/image", "europe-docker.pkg.dev/project/repo/image"},
		{"ghcr.io/" + strings.Repeat("a", 255), "ghcr.io/" + strings.Repeat("a", 255)},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			a, err := address.Parse(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if a.String() != tt.want {
				t.Errorf("got %s, want %s", a, tt.want)
			}
			checkProperties(t, a)
		})
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", "empty"},
		{"/", "host is missing"},
		{"//", "host is missing"},
		{"///x", "host is missing"},
		{"?ghcr.io", "empty"},
		{"https://", "host is missing"},
		{"https:///x", "host is missing"}, // moby#47795: must never be taken for Docker Hub
		{":443", "host is missing"},
		{"/v1/", "host is missing"},

		{"ftp://ghcr.io", "only http"},
		{"oci://reg.example/charts/app", "leave out the scheme: reg.example"},
		{"file:///etc/passwd", "only http"},
		{"://ghcr.io", "only http"},
		{"https ://ghcr.io", "space"},
		{"ht\ttps://ghcr.io", "control"},
		{"https:ghcr.io", "port"},
		{"unix:", "port"},
		{"https://https://ghcr.io", "port"},

		{"ghcr.io:", "port"},
		{"ghcr.io:00443", "port"},
		{"ghcr.io:0", "port"},
		{"ghcr.io:65536", "port"},
		{"ghcr.io:99999999999", "port"},
		{"ghcr.io:4a3", "port"},
		{"ghcr.io:-1", "port"},
		{"alpine:latest", "port"},
		{"a:1:2", "colons"},
		{"::1", "colons"},
		{"2001:db8::1", "colons"},

		{"[::1", "IPv6"},
		{"[]", "IPv6"},
		{"[127.0.0.1]:5000", "IPv6"},
		{"[::1]5000", "IPv6"},
		{"[ghcr.io]", "IPv6"},
		{"[fe80::1%eth0]", "like"},
		{"[[::1]]", "IPv6"},
		{"::1]", "host"},
		{"a[b", "host"},
		{"0x7f.1", "IPv4"},
		{"127.1", "IPv4"},
		{"010.0.0.1", "IPv4"},
		{"2130706433", "IPv4"},
		{"0x7f000001", "IPv4"},
		{"0X7F.0.0.1", "IPv4"},
		{"1.2.3.256", "IPv4"},
		{"1.2.3.4.5", "IPv4"},
		{"0x", "IPv4"},
		{"a.0xff", "IPv4"},
		{"127.0.0.1.", "part"},
		{"ghcr.io.", "part"},
		{".ghcr.io", "part"},
		{"ghcr..io", "part"},
		{".", "part"},
		{"../../etc", "part"},
		{"-rf", "part"},
		{"--help", "part"},
		{"a-.io", "part"},
		{"my_registry", "part"},
		{strings.Repeat("a", 64) + ".io", "part"},
		{strings.Repeat("a.", 127) + "io", "host is too long"},
		{strings.Repeat("a", 2000), "too long"},

		{"https://docker.io@evil.example", "@"},
		{"user:pw@ghcr.io", "@"},
		{"ghcr.io@evil.example", "@"},
		{"ghcr.io/team/app@sha256:0000", "@"},
		{`https://ghcr.io\@evil.example`, `\`},
		{`ghcr.io\evil`, `\`},
		{"ghcr.io?x=a@b", "an @"},
		{"ghcr.io?x=\r", "control"},
		{"ghcr.io?x=\\", "like"},
		{"ghcr.io?x y", "space"},
		{"ghcr.io#x", "#"},
		{"ghcr.io/%2e%2e/x", "%"},
		{"ghcr.io%00", "%"},
		{"ghcr.io/a%2fb", "%"},
		{"~", `\`},
		{"$HOME", `\`},
		{"*.docker.io", `\`},
		{"ghcr.io\n", "control"},
		{"ghc\nr.io", "control"},
		{"ghcr.io\r", "control"},
		{"\x00ghcr.io", "control"},
		{"ghcr.io\x1b[31m", "control"},
		{"ghcr.io\x7f", "control"},
		{"ghcr.io\v", "control"},
		{" ghcr.io", "space"},
		{"ghcr.io\u0085", "ASCII"},
		{"ghcr.io\u2028", "ASCII"},
		{"ghcr\u202eoi.", "ASCII"},
		{"ghсr.io", "ASCII"},
		{"bücher.example", "ASCII"},
		{"docker。io", "ASCII"},
		{"\xff.io", "ASCII"},
		{"\ufeffghcr.io", "ASCII"},

		{"ghcr.io//", "path"},
		{"ghcr.io//x", "path"},
		{"ghcr.io/a//b", "path"},
		{"ghcr.io/a//", "path"},
		{"ghcr.io/..", "path"},
		{"ghcr.io/.", "path"},
		{"ghcr.io/..//x", "path"},
		{"ghcr.io:443/../evil", "path"},
		{"a/../../b", "path"},
		{hubURL + "../v1/", "path"},
		{"ghcr.io/Team", "path"},
		{"ghcr.io/a..b", "path"},
		{"ghcr.io/-a", "path"},
		{"ghcr.io/a-", "path"},
		{"ghcr.io/a_", "path"},
		{"ghcr.io/.a", "path"},
		{"ghcr.io/a___b", "path"},
		{"ghcr.io/a._b", "path"},
		{"ghcr.io/a-_b", "path"},
		{"ghcr.io/[a]", "path"},
		{"ghcr.io/" + strings.Repeat("a", 256), "255"},
		{"ghcr.io/team/app:latest", "tag"},
		{"ghcr.io/a:b/c", "tag"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			a, err := address.Parse(tt.in)
			e, ok := errors.AsType[*credential.Error](err)
			if !ok || e.Reason != credential.InvalidInput {
				t.Fatalf("got %v, %v: want invalid input", a, err)
			}
			if all := e.Message + e.Hint; !strings.Contains(all, tt.want) {
				t.Errorf("got %q, want it to speak of %q", all, tt.want)
			}
			if a != (address.Address{}) {
				t.Errorf("got address %v beside an error", a)
			}
			checkClean(t, e.Message)
		})
	}
}

func TestParseErrorKeepsQuiet(t *testing.T) {
	for _, in := range []string{
		"https://user:hunter2@ghcr.io", "ghcr.io:x?token=hunter2", "ghcr.io\nhunter2",
		"ftp://ghcr.io?token=hunter2", "ghcr.io/../?token=hunter2", "ghcr.io?token=hunter2@",
		"hunter2\u00e9",
	} {
		_, err := address.Parse(in)
		e, ok := errors.AsType[*credential.Error](err)
		if !ok {
			t.Fatalf("%q: got %v", in, err)
		}
		if strings.Contains(e.Message+e.Hint, "hunter2") {
			t.Errorf("%q is repeated in: %s", in, e.Message)
		}
	}
}

func TestParseErrorNamesInput(t *testing.T) {
	_, err := address.Parse("ghcr.io:0")
	want := "`ghcr.io:0` is not a registry address: the port must be a number from 1 to 65535"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestScheme(t *testing.T) {
	tests := []struct {
		in   string
		want address.Scheme
	}{
		{"ghcr.io", address.NoScheme},
		{"https://ghcr.io", address.HTTPS},
		{"http://ghcr.io", address.HTTP},
		{"HTTP://ghcr.io:80", address.HTTP},
		{"http://ghcr.io:8443", address.HTTP},
		{hubURL, address.HTTPS},
	}
	for _, tt := range tests {
		a, scheme, err := address.ParseScheme(tt.in)
		if err != nil || scheme != tt.want {
			t.Errorf("%s: got %q, %v; want %q", tt.in, scheme, err, tt.want)
		}
		if b := parse(t, strings.ToLower(a.Host())); a != b {
			t.Errorf("%s: the scheme is part of the identity: %v != %v", tt.in, a, b)
		}
	}
}

func TestServerURL(t *testing.T) {
	tests := []struct{ in, want string }{
		{"docker.io", hubURL},
		{"registry-1.docker.io:443", hubURL},
		{hubURL + "access-token", hubURL + "access-token"},
		{hubURL + "refresh-token", hubURL + "refresh-token"},
		{"index.docker.io/library/alpine", "docker.io/library/alpine"},
		{"https://ghcr.io/v2/", "ghcr.io"},
		{"http://localhost:5000", "localhost:5000"},
	}
	for _, tt := range tests {
		if got := parse(t, tt.in).ServerURL(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestParent(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"ghcr.io/team/app/sub", []string{"ghcr.io/team/app", "ghcr.io/team", "ghcr.io"}},
		{"index.docker.io/library/alpine", []string{"docker.io/library", "docker.io"}},
		{"[::1]:5000/x", []string{"[::1]:5000"}},
		{"ghcr.io", nil},
		{hubURL + "access-token", nil},
		{hubURL + "a/b", nil},
	}
	for _, tt := range tests {
		var got []string
		for p, ok := parse(t, tt.in).Parent(); ok; p, ok = p.Parent() {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.in, diff)
		}
	}
}

func TestHubIdentity(t *testing.T) {
	hub, token := parse(t, "docker.io"), parse(t, hubURL+"access-token")
	if !hub.IsHub() || hub.IsHubToken() || token.IsHub() || !token.IsHubToken() {
		t.Error("the hub and its token keys are mixed up")
	}
	for _, in := range []string{"docker.io/library/alpine", "docker.io:5000", "ghcr.io", "evil-docker.io"} {
		if a := parse(t, in); a.IsHub() || a.IsHubToken() {
			t.Errorf("%s is taken for Docker Hub", in)
		}
	}
	for _, in := range []string{"docker.io", "docker.io/v1x", "docker.io/library/alpine", hubURL +
		"refresh-token"} {
		if a := parse(t, in); a.Covers(token) || token.Covers(a) || a.Host() == token.Host() {
			t.Errorf("%s and %s answer for each other", a, token)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for in, want := range map[string]bool{
		"localhost": true, "LOCALHOST:5000/app": true, "127.0.0.1:5000": true, "127.1.2.3": true,
		"[::1]": true, "[::1]:5000": true,
		"[::ffff:127.0.0.1]:80": true, "http://localhost": true,
		"docker.io": false, "https://index.docker.io/v1/access-token": false, "localhost.example": false,
		"10.0.0.1:5000": false,
		"[fe80::1]":     false, "127.0.0.1.example": false, "0.0.0.0": false,
	} {
		if got := parse(t, in).IsLoopback(); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
	if (address.Address{}).IsLoopback() {
		t.Error("no address is on this machine")
	}
}

func TestCovers(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"ghcr.io", "ghcr.io", true},
		{"https://GHCR.io:443/v2/", "ghcr.io", true},
		{"ghcr.io", "ghcr.io/team/app", true},
		{"ghcr.io/team", "ghcr.io/team/app", true},
		{"ghcr.io/team/app", "ghcr.io/team/app", true},
		{"ghcr.io/team/app", "ghcr.io/team", false},
		{"ghcr.io/team", "ghcr.io", false},
		{"ghcr.io/team", "ghcr.io/teamx", false},
		{"ghcr.io/team", "ghcr.io/team-x/app", false},
		{"ghcr.io/team", "ghcr.io/x/team", false},
		{"docker.io", "index.docker.io/library/alpine", true},

		// Suffix, prefix and port confusion.
		{"docker.io", "evil-docker.io", false},
		{"docker.io", "xdocker.io", false},
		{"docker.io", "docker.io.evil.com", false},
		{"docker.io", "index.docker.io.evil.com", false},
		{"docker.io", "registry-1.docker.io.evil", false},
		{"docker.io", "sub.docker.io", false},
		{"docker.io", "docker.io:5000", false},
		{"ghcr.io", "ghcr.io.evil.com", false},
		{"ghcr.io", "ghcr.iox", false},
		{"ghcr.io", "evil.com/ghcr.io", false},
		{"acme.azurecr.io", "acme.azurecr.io.attacker.com", false},
		{"acme.azurecr.io", "evil.acme.azurecr.io", false},
		{"localhost:5000", "localhost:50001", false},
		{"localhost:5000", "localhost", false},
		{"localhost", "localhost:5000", false},
		{"127.0.0.1", "localhost", false},
		{"ghcr.io", "ghcr.io:80", false},
		{"ghcr.io", "http://ghcr.io:443", false},
		{"http://ghcr.io:443", "ghcr.io:443", false},
		{"http://ghcr.io:443", "http://ghcr.io:443/team", true},
	}
	for _, tt := range tests {
		if got := parse(t, tt.a).Covers(parse(t, tt.b)); got != tt.want {
			t.Errorf("%s covers %s: got %v", tt.a, tt.b, got)
		}
	}
	var zero address.Address
	if zero.Covers(zero) || zero.Covers(parse(t, "ghcr.io")) {
		t.Error("the zero address covers something")
	}
}

// TestDependencies keeps docker-credential-zen small: it links this package.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	for _, dep := range deps {
		switch dep {
		case "net", "net/url", "regexp", "fmt", "encoding/json", "reflect", "os":
			t.Errorf("links %s", dep)
		}
	}
	if len(deps) < 5 {
		t.Errorf("go list found %v only", deps)
	}
}

func parse(t *testing.T, s string) address.Address {
	t.Helper()
	a, err := address.Parse(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return a
}

// TestParseURL has the keys of public reports: docker finds each by its host alone.
func TestParseURL(t *testing.T) {
	for in, want := range map[string]string{
		"ghcr.io":                 "ghcr.io",
		"ghcr.io/team/app":        "ghcr.io/team/app",
		"ghcr.io?x=1":             "ghcr.io",
		"ghcr.io/MY_ORG/Services": "ghcr.io",
		"https://reg.example.com/artifactory/api/docker/Docker-Local/v2/": "reg.example.com",
		"https://gitlab.example.com:5050/Group/My%20Project":              "gitlab.example.com:5050",
		"https://quay.example.com/v2/?x=1":                                "quay.example.com",
		"http://10.0.0.1:5000/V2/":                                        "10.0.0.1:5000",
		"GHCR.io/o/r:tag":                                                 "ghcr.io",
		hubURL:                                                            "docker.io",
		hubURL + "access-token":                                           "docker.io/v1/access-token",
	} {
		a, scheme, err := address.ParseURL(in)
		if err != nil || a.String() != want {
			t.Errorf("%s: got %v, %v, want %s", in, a, err, want)
		}
		before, _, found := strings.Cut(in, "://")
		if !found {
			before = ""
		}
		if string(scheme) != before {
			t.Errorf("%s: scheme %q", in, scheme)
		}
	}
	for _, in := range []string{
		"", "/X", "Alpine:latest/X", "ghcr.io/Team@evil.example", `ghcr.io\X`, "ghcr.io/../X",
		"ghcr.io/X/./y", "ghcr.io//X", "ghcr.io/X//", "ghcr.io/X\n", "ghcr.io/X y", "ftp://ghcr.io/X",
		"https://user:pw@ghcr.io/X", "ghcr.io/\u00dc", hubURL + "Access-Token", "docker.io/Ann",
		"ghcr.io/X" + strings.Repeat("x", 2000), "*.ghcr.io/X", "${HOST}/X",
	} {
		if a, _, err := address.ParseURL(in); !credential.InvalidInput.Is(err) || a != (address.Address{}) {
			t.Errorf("%q: got %v, %v", in, a, err)
		}
	}
}
