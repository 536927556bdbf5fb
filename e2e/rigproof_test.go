//go:build e2e && linux

package e2e

import "testing"

// TestRig proves the rig itself with docker's own plain-text login: the registries refuse
// without one and take images with one. Without this, a refusal in another test could be
// the rig's fault.
func TestRig(t *testing.T) {
	e := theEngine(t)
	for _, docker := range dockers(t) {
		for _, r := range registries(t) {
			t.Run(docker+" "+r.kind, func(t *testing.T) {
				h := newHome(t)
				h.env["DOCKER_HOST"] = e.host
				// Without a login docker takes a helper that it finds (pass is
				// installed); this keeps it to its file.
				h.write(".docker/config.json", `{"auths":{"unused.example":{}}}`)
				image := r.image("team/app:1")
				h.ok("", docker, "tag", baseImage, image)
				t.Cleanup(func() { h.run("", docker, "rmi", image) })
				h.fails(refusals, "", docker, "push", image)
				h.fails(
					refusals,
					randomPassword(),
					docker,
					"login",
					"-u",
					r.username,
					"--password-stdin",
					r.host,
				)
				h.ok(r.password, docker, "login", "-u", r.username, "--password-stdin", r.host)
				h.ok("", docker, "push", image)
				h.ok("", docker, "logout", r.host)
				h.fails(refusals, "", docker, "pull", image)
			})
		}
	}
}

// refusals are what docker and registries say to who is not logged in.
var refusals = []string{
	"no basic auth credentials", "unauthorized", "authentication required", "access to the resource is " +
		"denied", "access denied",
	"basic credential not found", // oras-go
	"invalid username/password",  // containers/image
}
