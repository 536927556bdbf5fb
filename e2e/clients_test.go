//go:build e2e && linux

package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// client is a registry client that shares no code with docker's command line.
type client struct {
	name string
	push func(h *home, image string) result
	pull func(h *home, image string) result
}

// clients are those of containers/image, and crane of go-containerregistry.
func clients() []client {
	return []client{
		{
			"skopeo",
			func(h *home, image string) result {
				from, to := "docker-archive:"+h.archive(), "docker://"+image
				return h.run("", "skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", from, to)
			},
			func(h *home, image string) result {
				from, to := "docker://"+image, "dir:"+h.path("tmp/pulled")
				return h.run("", "skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", from, to)
			},
		}, {
			"podman",
			func(h *home, image string) result {
				h.ok("", "podman", h.podman("import", h.layer(), image)...)
				return h.run("", "podman", h.podman("push", "--tls-verify=false", image)...)
			},
			func(h *home, image string) result {
				return h.run(
					"",
					"podman",
					h.podman("pull", "--signature-policy="+h.policy(), "--tls-verify=false", image)...)
			},
		}, {
			"buildah",
			func(h *home, image string) result {
				made := strings.TrimSpace(h.ok("", "buildah", h.storage("from", "scratch")...).stdout)
				h.ok(
					"",
					"buildah",
					h.storage("commit", "--signature-policy="+h.policy(), made, "e2e-built")...)
				h.ok("", "buildah", h.storage("rm", made)...)
				push := h.storage(
					"push",
					"--signature-policy="+h.policy(),
					"--tls-verify=false",
					"e2e-built",
					"docker://"+image,
				)
				return h.run("", "buildah", push...)
			},
			func(h *home, image string) result {
				return h.run(
					"",
					"buildah",
					h.storage(
						"pull",
						"--policy=always",
						"--signature-policy="+h.policy(),
						"--tls-verify=false",
						image,
					)...)
			},
		}, {
			"crane",
			func(h *home, image string) result {
				return h.run("", craneProgram(h.t), "append", "--insecure", "-f", h.layer(), "-t", image)
			},
			func(h *home, image string) result {
				return h.run("", craneProgram(h.t), "pull", "--insecure", image, h.path("tmp/pulled.tar"))
			},
		},
	}
}

// storage gives podman and buildah a place of their own.
func (h *home) storage(args ...string) []string {
	return append(
		[]string{"--root=" + h.path("storage"), "--runroot=" + h.path("storagerun"), "--storage-driver=vfs"},
		args...)
}

// podman needs neither systemd nor a journal for what it does here.
func (h *home) podman(args ...string) []string {
	return h.storage(append([]string{"--cgroup-manager=cgroupfs", "--events-backend=none"}, args...)...)
}

func (h *home) policy() string {
	return h.write("policy.json", `{"default":[{"type":"insecureAcceptAnything"}]}`)
}

func (h *home) layer() string { return h.write("layer.tar", archive(h.t)) }

// archive is an image in docker's own format.
func (h *home) archive() string {
	path := h.path("image.tar")
	h.ok("", "docker", "-H", theEngine(h.t).host, "save", "-o", path, baseImage)
	return path
}

// craneProgram builds crane at the version of go.mod, once.
func craneProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(shared.dir, "crane")
	if isExecutable(path) {
		return path
	}
	if out, err := exec.Command("go", "build", "-o", path,
		"github.com/google/go-containerregistry/cmd/crane").CombinedOutput(); err != nil {
		t.Fatalf("building crane: %v\n%s", err, out)
	}
	return path
}

// Clients other than docker, each with the ways of being pointed at zen that it knows.
func TestOtherClients(t *testing.T) {
	settings := []struct {
		name  string
		apply func(h *home, r *registry)
		reads func(c client) bool
	}{
		{
			"credHelpers",
			func(h *home, r *registry) { h.zenOK("setup", "docker", "--host", r.host) },
			func(client) bool { return true },
		}, {
			"credsStore",
			func(h *home, r *registry) { h.zenOK("setup", "docker") },
			func(c client) bool { return c.name == "crane" },
		}, {
			"registries.conf",
			func(h *home, r *registry) {
				delete(h.env, "DOCKER_CONFIG") // which names a file that these clients then insist on
				h.write(".config/containers/registries.conf", "credential-helpers = [\"zen\"]\n")
			},
			func(c client) bool { return c.name != "crane" },
		},
	}
	for _, r := range registries(t) {
		for _, setting := range settings {
			for _, c := range clients() {
				if !setting.reads(c) {
					continue
				}
				t.Run(r.kind+" "+setting.name+" "+c.name, func(t *testing.T) {
					h := newHome(t)
					setting.apply(h, r)
					h.register("reg", r)
					image := r.image(fmt.Sprintf("%s/app:1", c.name))
					h.refused(c.push(h, image))
					h.zenOK("login", "reg")
					for _, step := range []func(*home, string) result{c.push, c.pull} {
						if did := step(h, image); did.code != 0 {
							t.Fatalf("logged in, but:\n%s", did)
						}
					}
					h.zenOK("logout", "reg")
					h.refused(c.pull(h, image))
					h.holdsNo(r.password)
				})
			}
		}
	}
}

// refused checks that the registry refused for want of a login.
func (h *home) refused(r result) {
	h.t.Helper()
	output := strings.ToLower(r.stdout + r.stderr)
	for _, text := range refusals {
		if r.code != 0 && strings.Contains(output, text) {
			return
		}
	}
	h.t.Fatalf("want a refusal:\n%s", r)
}

// podman login and logout store and erase through zen as docker's do.
func TestPodmanLoginThroughZen(t *testing.T) {
	for _, r := range registries(t) {
		t.Run(r.kind, func(t *testing.T) {
			h := newHome(t)
			h.zenOK("setup", "docker", "--host", r.host)
			podman := clients()[1]
			h.ok(
				r.password,
				"podman",
				h.podman("login", "--tls-verify=false", "-u", r.username, "--password-stdin", r.host)...)
			if s := h.status(); len(s.Logins) != 1 || s.Logins[0].Address != r.host {
				t.Errorf("logins after podman login: %+v", s.Logins)
			}
			image := r.image("podman/app:1")
			if did := podman.push(h, image); did.code != 0 {
				t.Fatalf("logged in, but:\n%s", did)
			}
			h.ok("", "podman", h.podman("logout", r.host)...)
			if s := h.status(); len(s.Logins) != 0 {
				t.Errorf("logins after podman logout: %+v", s.Logins)
			}
			h.refused(podman.pull(h, image))
			h.holdsNo(r.password)
		})
	}
}
