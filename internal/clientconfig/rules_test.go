package clientconfig_test

import (
	"testing"

	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/cli/cli/config/types"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig"
)

// TestByHost compares docker's rule with docker's own code.
func TestByHost(t *testing.T) {
	keys := []string{
		"h.example", "h.example/ann/foo", "h.example/MY_ORG", "https://h.example", "https://h.example/v1/",
		"http://h.example:80/", "https://h.example/Group/My%20Project", "https://h.example/v2/?x=1",
		"oci://h.example", "docker://h.example/x", "h.example/x:tag", "h.example/a b", "H.example",
		"HTTPS://h.example", "h.example:443", "https://h.example:443", "*.example", "${HOST}", "",
		"//h.example", "https://user:pw@h.example/", "https://[::1]:5000/v2/", "[::1]:5000", "docker.io",
		"index.docker.io", "https://index.docker.io/v1/", "https://index.docker.io/v1/access-token",
		"https://index.docker.io/v2/",
	}
	for _, asked := range []string{
		"h.example", "h.example:443", "h.example:80", "[::1]:5000", "https://index.docker.io/v1/",
		"docker.io", "index.docker.io", "h.example/ann/foo",
	} {
		a, err := address.Parse(asked)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			entry := map[string]types.AuthConfig{key: {Username: "found"}}
			file := &configfile.ConfigFile{AuthConfigs: entry}
			got, err := credentials.NewFileStore(file).Get(asked)
			if want := got.Username != ""; err != nil || clientconfig.ByHost.Finds(a, asked, key) != want {
				t.Errorf("asked for %s, docker finds %q: %v, %v", asked, key, want, err)
			}
		}
	}
}

// TestByNamespace has what containers/image's source says.
func TestByNamespace(t *testing.T) {
	for _, tt := range []struct {
		registry, entry string
		want            bool
	}{
		{"h.example/a/b", "h.example/a/b", true},
		{"h.example/a/b", "h.example/a", true},
		{"h.example/a/b", "h.example", true},
		{"h.example/a/b", "h.example/", false},
		{"h.example/ab", "h.example/a", false},
		{"h.example", "h.example/a", false},
		{"h.example/a/b", "https://h.example/other", true},
		{"h.example/a/b", "http://h.example", true},
		{"h.example/a/b", "oci://h.example", false},
		{"h.example", "https://h.example.evil", false},
		{"docker.io/a/b", "https://index.docker.io/v1/", true},
		{"docker.io/a/b", "registry-1.docker.io", true},
		{"docker.io/a/b", "docker.io/a", true},
		{"docker.io/a/b", "index.docker.io/a", false},
	} {
		a, err := address.Parse(tt.registry)
		if err != nil {
			t.Fatal(err)
		}
		if got := clientconfig.ByNamespace.Finds(a, a.Host(), tt.entry); got != tt.want {
			t.Errorf("%s finds %s: %v", tt.registry, tt.entry, got)
		}
	}
}
