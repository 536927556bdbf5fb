package address_test

import "testing"

// TestClientKeys has the exact keys that clients hand to a credential helper for one
// registry: all must be one address, or at least be covered by it.
func TestClientKeys(t *testing.T) {
	tests := []struct {
		client, registry string
		keys             []string
	}{
		{"docker, buildx, compose, oras, helm, regctl, docker-py", "docker.io", []string{hubURL}},
		{"docker, buildx, compose, oras, helm, regctl, docker-py", "ghcr.io", []string{"ghcr.io"}},
		{
			"docker, buildx, compose, oras, helm, regctl, docker-py",
			"localhost:5000",
			[]string{"localhost:5000"},
		},
		{"docker logout", "ghcr.io", []string{"ghcr.io", "http://ghcr.io", "https://ghcr.io"}},
		{
			"docker logout",
			"localhost:5000",
			[]string{"localhost:5000", "http://localhost:5000", "https://localhost:5000"},
		},
		{"buildkit", "docker.io", []string{"registry-1.docker.io", hubURL}},
		{"crane and others", "docker.io", []string{"index.docker.io/library/alpine", hubURL}},
		{"crane and others", "ghcr.io", []string{"ghcr.io/o/r", "ghcr.io"}},
		{"crane and others", "localhost:5000", []string{"localhost:5000/x", "localhost:5000"}},
		{"podman, skopeo, buildah", "docker.io", []string{"docker.io"}},
		{"podman, skopeo, buildah", "ghcr.io", []string{"ghcr.io"}},
		{"nerdctl", "docker.io", []string{
			"registry-1.docker.io:443", hubURL, "https://registry-1.docker.io:443",
			"http://registry-1.docker.io:443", "registry-1.docker.io", "https://registry-1.docker.io",
			"http://registry-1.docker.io",
		}},
		{"nerdctl", "ghcr.io", []string{
			// Not http://ghcr.io:443, which it tries as well: nothing without TLS is
			// there.
			"ghcr.io:443", "https://ghcr.io:443", "ghcr.io", "https://ghcr.io", "http://ghcr.io",
		}},
		{
			"nerdctl",
			"localhost:5000",
			[]string{"localhost:5000", "https://localhost:5000", "http://localhost:5000"},
		},
		{
			"testcontainers-go",
			"docker.io",
			[]string{hubURL, "docker.io", "registry.hub.docker.com", "registry-1.docker.io"},
		},
		{"oras-py", "docker.io", []string{"docker.io"}},
		{
			"ZenML",
			"docker.io",
			[]string{"docker.io", "index.docker.io", "https://index.docker.io/v1/", "docker.io/acme"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.client+" "+tt.registry, func(t *testing.T) {
			registry := parse(t, tt.registry)
			for _, key := range tt.keys {
				a := parse(t, key)
				if !registry.Covers(a) {
					t.Errorf("%s is %s, which %s does not cover", key, a, registry)
				}
				if a.Path() == "" && a != registry {
					t.Errorf("%s is %s, not %s", key, a, registry)
				}
			}
		})
	}
}

// TestDeviceLoginKeys has the three entries that a device login to Docker Hub stores:
// three credentials.
func TestDeviceLoginKeys(t *testing.T) {
	keys := []string{hubURL, hubURL + "access-token", hubURL + "refresh-token"}
	for i, x := range keys {
		for j, y := range keys {
			if got := parse(t, x).Covers(parse(t, y)); got != (i == j) {
				t.Errorf("%s covers %s: got %v", x, y, got)
			}
		}
	}
}
