//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// engineHome is a home whose docker talks to the rig's engine and asks zen for
// credentials.
func engineHome(t *testing.T) *home {
	t.Helper()
	h := newHome(t)
	h.env["DOCKER_HOST"] = theEngine(t).host
	h.zenOK("setup", "docker")
	if config := h.dockerConfig(); config["credsStore"] != "zen" {
		t.Fatalf("zen setup docker wrote %v", config)
	}
	return h
}

func (h *home) dockerConfig() map[string]any {
	h.t.Helper()
	var config map[string]any
	h.check(json.Unmarshal([]byte(h.read(".docker/config.json")), &config))
	return config
}

// tagged gives the base image a name at the registry, until the test ends.
func (h *home) tagged(docker, image string) {
	h.t.Helper()
	h.ok("", docker, "tag", baseImage, image)
	h.t.Cleanup(func() { h.run("", docker, "rmi", image) })
}

// pulls pulls an image that the engine does not have.
func (h *home) pulls(docker, image string) {
	h.t.Helper()
	h.run("", docker, "rmi", image)
	h.ok("", docker, "pull", image)
}

// perDockerAndRegistry runs a test for each docker command on each kind of registry.
func perDockerAndRegistry(t *testing.T, f func(t *testing.T, docker string, r *registry)) {
	for _, docker := range dockers(t) {
		for _, r := range registries(t) {
			t.Run(docker+" "+r.kind, func(t *testing.T) { f(t, docker, r) })
		}
	}
}

// The main job: refused before the login, served after it, refused after the logout.
func TestDockerPushAndPullWithServiceConnector(t *testing.T) {
	perDockerAndRegistry(t, func(t *testing.T, docker string, r *registry) {
		h := engineHome(t)
		image := r.image("team/app:1")
		h.tagged(docker, image)
		h.fails(refusals, "", docker, "push", image)
		h.register("reg", r)
		h.fails(refusals, "", docker, "push", image)

		login := h.zenOK("service-connector", "login", "reg")
		const done = "The 'reg' Docker Service Connector connector was used to successfully configure " +
			"the local Docker/OCI container registry client/SDK."
		if !strings.Contains(login.stderr+login.stdout, done) {
			t.Errorf("login says something else than ZenML:\n%s", login)
		}
		h.ok("", docker, "push", image)
		h.pulls(docker, image)
		h.holdsNo(r.password)

		h.zenOK("service-connector", "logout", "reg")
		h.fails(refusals, "", docker, "push", image)
		h.fails(refusals, "", docker, "pull", image)
		h.zenOK("login", "reg")
		h.pulls(docker, image)
		h.zenOK("logout", r.host)
		h.fails(refusals, "", docker, "pull", image)
		h.holdsNo(r.password)
	})
}

func TestDockerLoginAndLogoutThroughZen(t *testing.T) {
	perDockerAndRegistry(t, func(t *testing.T, docker string, r *registry) {
		h := engineHome(t)
		image := r.image("team/app:1")
		h.tagged(docker, image)
		h.fails(refusals, randomPassword(), docker, "login", "-u", r.username, "--password-stdin", r.host)
		h.fails(refusals, "", docker, "push", image)

		login := h.ok(r.password, docker, "login", "-u", r.username, "--password-stdin", r.host)
		if !strings.Contains(login.stdout, "Login Succeeded") ||
			strings.Contains(login.stderr, "unencrypted") {
			t.Errorf("docker login is not content with zen:\n%s", login)
		}
		h.checkDockerLogin(r)
		h.ok("", docker, "push", image)
		h.pulls(docker, image)
		if r.kind != "identity token" { // which docker does not log in with again
			h.ok("", docker, "login", r.host) // with what is stored
		}
		h.holdsNo(r.password)

		h.ok("", docker, "logout", r.host)
		if s := h.status(); len(s.Logins) != 0 {
			t.Errorf("logins after docker logout: %+v", s.Logins)
		}
		h.fails(refusals, "", docker, "push", image)
		h.fails(refusals, "", docker, "pull", image)
		h.ok("", docker, "logout", r.host) // nothing to log out from is no failure
		h.holdsNo(r.password)
	})
}

// checkDockerLogin checks that zen has what docker stored, and docker's file does not.
func (h *home) checkDockerLogin(r *registry) {
	h.t.Helper()
	s := h.status()
	if len(s.Logins) != 1 || s.Logins[0].Address != r.host || s.Logins[0].Source != "docker login" {
		h.t.Errorf("logins after docker login: %+v", s.Logins)
	}
	auths, _ := h.dockerConfig()["auths"].(map[string]any)
	if entry, ok := auths[r.host].(map[string]any); ok && len(entry) > 0 {
		h.t.Errorf("docker's configuration holds %v", entry)
	}
	items := map[string]string{}
	h.check(json.Unmarshal([]byte(h.ok("", "docker-credential-zen", "list").stdout), &items))
	want := r.username
	if r.kind == "identity token" {
		want = "<token>"
	}
	if len(items) != 1 || items[r.host] != want {
		h.t.Errorf("the helper lists %v, want %s at %s", items, want, r.host)
	}
}

// docker login as a connector's user does not freeze what zen served: the connector goes
// on answering.
func TestDockerLoginWhileConnectorAnswers(t *testing.T) {
	r := basicRegistry(t)
	h := engineHome(t)
	docker := dockers(t)[0]
	image := r.image("team/app:1")
	h.tagged(docker, image)
	h.register("reg", r)
	h.zenOK("login", "reg")
	h.ok("", docker, "login", r.host) // docker gets the credential from zen and stores it again
	if s := h.status(); len(s.Logins) != 1 || s.Logins[0].Source != "connector" {
		t.Errorf("logins: %+v", s.Logins)
	}
	h.ok("", docker, "push", image)
	h.ok("", docker, "logout", r.host)
	h.fails(refusals, "", docker, "push", image)
	h.zenOK("service-connector", "describe", "reg") // the connector stays
}

// The classic builder is sent every credential that list names; the image it starts from
// is private.
func TestDockerBuildFromPrivateImage(t *testing.T) {
	perDockerAndRegistry(t, func(t *testing.T, docker string, r *registry) {
		h := engineHome(t)
		h.env["DOCKER_BUILDKIT"] = "0"
		image := r.image("team/base:1")
		built := "e2e/built:" + filepath.Base(h.dir)
		h.tagged(docker, image)
		h.register("reg", r)
		h.zenOK("login", "reg")
		h.ok("", docker, "push", image)
		h.ok("", docker, "rmi", image)
		h.write("context/Dockerfile", "FROM "+image+"\nLABEL e2e=1\n")
		t.Cleanup(func() { h.run("", docker, "rmi", built) })

		h.zenOK("logout", "reg")
		h.fails(refusals, "", docker, "build", "-t", built, h.path("context"))
		h.zenOK("login", "reg")
		h.ok("", docker, "build", "-t", built, h.path("context"))
		h.holdsNo(r.password)
	})
}

// Two registries at once, one by a connector and one by docker login: each gets its own
// credential.
func TestTwoRegistriesAtOnce(t *testing.T) {
	one, two := basicRegistry(t), tokenRegistry(t, false)
	h := engineHome(t)
	docker := dockers(t)[0]
	for _, r := range []*registry{one, two} {
		h.tagged(docker, r.image("team/app:1"))
	}
	h.register("one", one)
	h.zenOK("login", "one")
	h.ok(two.password, docker, "login", "-u", two.username, "--password-stdin", two.host)
	for _, r := range []*registry{one, two} {
		h.ok("", docker, "push", r.image("team/app:1"))
	}
	h.zenOK("logout", "--all")
	for _, r := range []*registry{one, two} {
		h.fails(refusals, "", docker, "push", r.image("team/app:1"))
	}
	h.holdsNo(one.password)
	h.holdsNo(two.password)
}

// Public images are pulled as ever: zen says "not found" in docker's words, and docker
// goes on without a credential.
func TestPublicImagesNeedNoLogin(t *testing.T) {
	open := openRegistry(t)
	for _, docker := range dockers(t) {
		t.Run(docker, func(t *testing.T) {
			h := engineHome(t)
			image := open.image("public/app:1")
			h.tagged(docker, image)
			h.ok("", docker, "push", image)
			h.pulls(docker, image)
			h.storeSecret("other.example", "alice", randomPassword())
			h.zenOK("lock")
			h.pulls(docker, image)
		})
	}
}

// zen setup docker is undone without a trace.
func TestSetupDockerAndUndo(t *testing.T) {
	h := newHome(t)
	const before = "{\n\t\"auths\": {\"plain.example\": {\"auth\": \"YTpi\"}},\n\t\"detachKeys\": " +
		"\"ctrl-e,e\"\n}\n"
	h.write(".docker/config.json", before)
	dry := h.zenOK("setup", "docker", "--dry-run")
	if got := h.read(".docker/config.json"); got != before {
		t.Errorf("--dry-run wrote:\n%s\n%s", got, dry)
	}
	r := h.zenOK("setup", "docker")
	if !strings.Contains(r.stdout+r.stderr, "plain.example") {
		t.Errorf("the plaintext login that is hidden from now on is not named:\n%s", r)
	}
	if config := h.dockerConfig(); config["credsStore"] != "zen" || config["detachKeys"] != "ctrl-e,e" {
		t.Errorf("zen setup docker wrote %v", config)
	}
	h.zenOK("setup", "docker", "--undo")
	if got := h.read(".docker/config.json"); got != before {
		t.Errorf("--undo left:\n%s\nwant:\n%s", got, before)
	}
	h.write(".docker/config.json", "{ not json")
	refused := h.zen("setup", "docker")
	if refused.code == 0 || h.read(".docker/config.json") != "{ not json" {
		t.Errorf("a file that does not parse was edited:\n%s", refused)
	}
}

// holdsNo fails when a password is in any file of the home, in plain text or in base64.
func (h *home) holdsNo(password string) {
	h.t.Helper()
	for _, leak := range h.filesWith(password) {
		h.t.Errorf("a password is in %s", leak)
	}
}

func (r *registry) String() string { return fmt.Sprintf("%s registry at %s", r.kind, r.host) }
