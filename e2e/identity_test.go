//go:build e2e && linux

package e2e

import (
	"strings"
	"testing"
)

// zen login --identity-token has the registry grant a token, which every client shows
// instead of the password.
func TestIdentityTokenLogin(t *testing.T) {
	r := tokenRegistry(t, true)
	for _, c := range clients() {
		t.Run(c.name, func(t *testing.T) {
			h := newHome(t)
			h.zenOK("setup", "docker", "--host", r.host)
			h.register("reg", r)
			h.zenOK("login", "reg", "--identity-token")
			if got := h.helper("get", r.host); !strings.Contains(got.stdout, `"Username":"<token>"`) ||
				strings.Contains(got.stdout, r.password) {
				t.Fatalf("the helper hands out\n%s", got)
			}
			image := r.image(c.name + "/identity:1")
			for _, step := range []func(*home, string) result{c.push, c.pull} {
				if did := step(h, image); did.code != 0 {
					t.Fatalf("logged in with an identity token, but:\n%s", did)
				}
			}
			h.holdsNo(r.password)
		})
	}
	plain := tokenRegistry(t, false)
	h := newHome(t)
	h.register("plain", plain)
	h.fails([]string{"its token service grants none"}, "", "zen", "login", "plain", "--identity-token")
}

// docker itself, whose engine exchanges the token.
func TestIdentityTokenLoginForDocker(t *testing.T) {
	r := tokenRegistry(t, true)
	h := engineHome(t)
	h.register("reg", r)
	h.zenOK("login", "reg", "--identity-token")
	image := r.image("docker/identity:1")
	h.tagged("docker", image)
	h.ok("", "docker", "push", image)
	h.pulls("docker", image)
	h.holdsNo(r.password)
}
