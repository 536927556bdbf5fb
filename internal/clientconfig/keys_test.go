package clientconfig_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig"
)

const hub = "https://index.docker.io/v1/"

// TestKeys has the exact keys that clients hand to a helper; package address has the same
// as the keys that must be one address.
func TestKeys(t *testing.T) {
	asDocker := map[string][]string{
		"docker.io":                {hub},
		"docker.io/library/alpine": {hub},
		"registry-1.docker.io":     {hub},
		"ghcr.io":                  {"ghcr.io"},
		"ghcr.io/o/r":              {"ghcr.io"},
		"localhost:5000/x":         {"localhost:5000"},
		"[::1]:5000/x":             {"[::1]:5000"},
		"https://index.docker.io/v1/access-token":    {"https://index.docker.io/v1/access-token"},
		"http://localhost:5000/v2/":                  {"localhost:5000"},
		"https://GHCR.io:443/":                       {"ghcr.io"},
		"123456789012.dkr.ecr.eu-1.amazonaws.com/x/": {"123456789012.dkr.ecr.eu-1.amazonaws.com"},
	}
	for _, tt := range []struct {
		clients string
		keys    map[string][]string
	}{
		{"docker docker-build oras helm regctl regsync docker-py zenml testcontainers-java " +
			"testcontainers-go testcontainers-node vscode", asDocker},
		{"buildx buildkit compose", asDocker},
		{"buildx", map[string][]string{
			"dhi.io/node":               {"dhi.io", hub},
			"registry.scout.docker.com": {"registry.scout.docker.com", hub},
		}},
		{"docker", map[string][]string{"dhi.io/node": {"dhi.io"}}},
		{"crane ko cosign kaniko trivy syft flux", map[string][]string{
			"docker.io/library/alpine": {"index.docker.io/library/alpine", hub}, "docker.io": {hub},
			"ghcr.io/o/r": {"ghcr.io/o/r", "ghcr.io"}, "ghcr.io": {"ghcr.io"},
			"localhost:5000/x": {"localhost:5000/x", "localhost:5000"},
		}},
		{"podman skopeo buildah cri-o oras-py", map[string][]string{
			"docker.io": {"docker.io"}, "docker.io/library/alpine": {"docker.io"},
			"index.docker.io": {"docker.io"}, "ghcr.io/o/r": {"ghcr.io"},
			"localhost:5000/x": {"localhost:5000"},
		}},
		{"nerdctl finch", map[string][]string{
			"docker.io/library/alpine": {
				"registry-1.docker.io:443", hub, "https://registry-1.docker.io:443",
				"http://registry-1.docker.io:443",
				"registry-1.docker.io", "https://registry-1.docker.io", "http://registry-1.docker.io",
			},
			"ghcr.io/o/r": {
				"ghcr.io:443", "https://ghcr.io:443", "http://ghcr.io:443", "ghcr.io",
				"https://ghcr.io", "http://ghcr.io",
			},
			"localhost:5000/x": {"localhost:5000", "https://localhost:5000", "http://localhost:5000"},
			"[::1]/x": {
				"[::1]:443", "https://[::1]:443", "http://[::1]:443", "[::1]",
				"https://[::1]", "http://[::1]",
			},
		}},
	} {
		for name := range strings.FieldsSeq(tt.clients) {
			c, err := clientconfig.Named(name)
			if err != nil {
				t.Error(err)
				continue
			}
			for registry, want := range tt.keys {
				a := parse(t, registry)
				if diff := cmp.Diff(want, c.Keys(a)); diff != "" {
					t.Errorf("%s asks for %s (-want +got):\n%s", name, registry, diff)
				}
			}
		}
	}
}

func parse(t *testing.T, s string) address.Address {
	t.Helper()
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Whatever a client asks under must lead to the registry it is about: else zen could not
// answer it.
func TestKeysAreOfTheRegistry(t *testing.T) {
	for _, registry := range []string{
		"docker.io", "docker.io/a/b", "ghcr.io", "ghcr.io/o/r",
		"localhost:5000/x", "[::1]:5000", "10.0.0.1/x",
	} {
		host := parse(t, parse(t, registry).Host())
		for _, c := range clientconfig.Table() {
			for _, key := range c.Keys(parse(t, registry)) {
				if a, err := address.ParseKey(key); err != nil || !host.Covers(a) {
					t.Errorf("%s asks for %s under %s, which is %s, %v", c.Name, registry, key, a, err)
				}
			}
		}
	}
}

func TestTable(t *testing.T) {
	names := clientconfig.Names()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("names are not sorted, or not each once: %q", names)
	}
	for _, c := range clientconfig.Table() {
		if !slices.Contains([]string{"docker", "podman", "helm", "buildx"}, c.Config) {
			t.Errorf("%s reads the configuration of %q", c.Name, c.Config)
		}
		if strings.HasSuffix(c.Note, ".") {
			t.Errorf("%s: the note is no part of a sentence: %s", c.Name, c.Note)
		}
	}
	if c, err := clientconfig.Named("Skopeo"); err != nil || c.Name != "podman" {
		t.Errorf("skopeo is %q, %v", c.Name, err)
	}
	_, err := clientconfig.Named("wget")
	if err == nil || !strings.Contains(err.Error(), "skopeo") {
		t.Errorf("an unknown client: %v", err)
	}
}
