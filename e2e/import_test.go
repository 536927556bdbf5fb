//go:build e2e && linux

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// passStore gives the home a key of gpg's without a passphrase, and a store of pass that
// is sealed with it.
func (h *home) passStore() {
	h.t.Helper()
	h.mkdirs(h.path(".gnupg"))
	h.ok(
		"",
		"gpg",
		"--batch",
		"--quiet",
		"--passphrase",
		"",
		"--quick-gen-key",
		"e2e@example.com",
		"default",
		"default",
		"never",
	)
	h.t.Cleanup(func() { h.run("", "gpgconf", "--kill", "all") })
	h.ok("", "pass", "init", "e2e@example.com")
}

// helperStores gives a login to another credential helper.
func (h *home) helperStores(helper, server, username, secret string) {
	h.t.Helper()
	in, err := json.Marshal(map[string]string{"ServerURL": server, "Username": username, "Secret": secret})
	h.check(err)
	h.ok(string(in), "docker-credential-"+helper, "store")
}

// helperLists is what another credential helper lists.
func (h *home) helperLists(helper string) []string {
	h.t.Helper()
	items := map[string]string{}
	h.check(json.Unmarshal([]byte(h.ok("", "docker-credential-"+helper, "list").stdout), &items))
	return slices.Sorted(maps.Keys(items))
}

type importItem struct {
	Source, Registry, Status, Verification, Detail string
	Removed                                        bool
}

// imports runs zen import for a script. The items are by source and registry.
func (h *home) imports(code int, args ...string) map[string]importItem {
	h.t.Helper()
	r := h.zen(append([]string{"import", "-o", "json"}, args...)...)
	var doc struct{ Items []importItem }
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil || r.code != code {
		h.t.Fatalf("want exit status %d (%v):\n%s", code, err, r)
	}
	items := map[string]importItem{}
	for _, i := range doc.Items {
		items[i.Source+" "+i.Registry] = i
	}
	return items
}

// Everything that a machine may have collected over the years, put there by the programs
// themselves, moves into zen.
func TestImportMovesEverything(t *testing.T) {
	h, _ := keyringHome(t)
	h.passStore()
	plain, identity, podman := basicRegistry(t), tokenRegistry(t, true), basicRegistry(t)
	pass, secrets, labelled := basicRegistry(t), tokenRegistry(t, false), basicRegistry(t)

	docker := dockers(t)[0]
	h.env["DOCKER_HOST"] = theEngine(t).host
	// an entry keeps docker from choosing a helper
	h.write(".docker/config.json", `{"detachKeys": "ctrl-e,e", "auths": {"marker.example": {}}}`)
	for _, r := range []*registry{plain, identity} {
		h.ok(r.password, docker, "login", "-u", r.username, "--password-stdin", r.host)
	}
	h.mkdirs(h.path("run/containers"))
	h.ok(
		podman.password,
		"skopeo",
		"login",
		"--authfile",
		h.path("run/containers/auth.json"),
		"--tls-verify=false",
		"-u",
		podman.username,
		"--password-stdin",
		podman.host,
	)
	h.helperStores("pass", "https://"+pass.host, pass.username, pass.password)
	h.helperStores("secretservice", secrets.host, secrets.username, secrets.password)
	h.ok(labelled.password, "secret-tool", "store", "--label=Registry credentials for https://"+labelled.host,
		"xdg:schema", "io.docker.Credentials", "label", "Docker Credentials", "docker_cli", "1",
		// as version 0.9 of the helper does
		"server", "https://"+labelled.host, "username", labelled.username)
	all := []*registry{plain, identity, podman, pass, secrets, labelled}
	for _, r := range []*registry{plain, podman} {
		if len(h.filesWith(r.password)) == 0 {
			t.Fatalf("the rig is wrong: nobody keeps the password of the %s in plain text", r)
		}
	}
	dockerBefore, podmanBefore := h.read(".docker/config.json"), h.read("run/containers/auth.json")
	for _, r := range all {
		h.watch(r.password)
	}

	wanted := map[string]string{
		"docker " + plain.host: "", "docker " + identity.host: "", "containers " + podman.host: "", "pass " +
			pass.host: "",
		"secretservice " + secrets.host: "", "secretservice " + labelled.host: "",
	}
	planned := h.imports(0)
	for key := range wanted {
		if planned[key].Status != "to import" {
			t.Errorf("%s is planned as %+v", key, planned[key])
		}
	}
	if len(planned) != len(wanted) || h.read(".docker/config.json") != dockerBefore ||
		len(h.status().Logins) != 0 {
		t.Errorf("a dry run did something, or found %v", planned)
	}

	done := h.imports(0, "--yes", "--remove")
	for key := range wanted {
		if i := done[key]; i.Status != "imported" || i.Verification != "valid" || !i.Removed {
			t.Errorf("%s: %+v", key, i)
		}
	}
	for _, r := range all {
		h.holdsNo(r.password)
		if got := h.secretOf(r.host); r != identity && got != r.password {
			t.Errorf("zen answers for the %s with another secret", r)
		}
	}
	h.ok("", "skopeo", "login", "--get-login", "--tls-verify=false", podman.host)
	for _, helper := range []string{"pass", "secretservice"} {
		if left := h.helperLists(helper); len(left) > 0 {
			t.Errorf("docker-credential-%s still has %q", helper, left)
		}
	}
	if config := h.dockerConfig(); config["credsStore"] != "zen" || config["detachKeys"] != "ctrl-e,e" {
		t.Errorf("docker is set up as %v", config)
	}
	if again := h.imports(0, "--yes"); len(again) != 0 {
		t.Errorf("there is still something to import: %v", again)
	}

	h.killZend()
	h.imports(0, "--undo", "--yes")
	h.zenOK("setup", "--undo")
	if got := h.read("run/containers/auth.json"); got != podmanBefore {
		t.Errorf("podman's file is %s, was %s", got, podmanBefore)
	}
	for _, r := range []*registry{plain, podman} {
		if len(h.filesWith(r.password)) == 0 {
			t.Errorf("the login for the %s was not put back", r)
		}
	}
	if got := h.helperLists("pass"); !slices.Equal(got, []string{"https://" + pass.host}) {
		t.Errorf("docker-credential-pass was given back %q", got)
	}
	if got := h.helperLists("secretservice"); len(got) != 2 {
		t.Errorf("docker-credential-secretservice was given back %q", got)
	}
	h.zenOK("logout", "--all")
	h.ok("", docker, "login", plain.host) // with what is in its file
}

// An import that is killed at any moment loses nothing: each login is in its file or in
// zen, or in both.
func TestImportIsKilled(t *testing.T) {
	h := newHome(t)
	const n = 25
	type entry struct{ host, secret string }
	var entries []entry
	auths := map[string]any{}
	for i := range n {
		e := entry{fmt.Sprintf("r%d.example", i), randomPassword()}
		entries = append(entries, e)
		auths[e.host] = map[string]string{
			"auth": base64.StdEncoding.EncodeToString([]byte("alice:" + e.secret)),
		}
	}
	config, err := json.Marshal(map[string]any{"auths": auths})
	h.check(err)
	h.storeSecret("other.example", "alice", "x") // zend runs, the vault is there
	start := time.Now()
	h.write(".docker/config.json", string(config))
	h.zenOK("import", "--yes", "--no-verify")
	whole := time.Since(start)

	halfway := 0
	const rounds = 24
	for round := range rounds {
		h.zenOK("logout", "--all")
		h.zenOK("setup", "--undo")
		h.write(".docker/config.json", string(config))
		cmd := h.command("zen", "import", "--yes", "--no-verify")
		h.check(cmd.Start())
		time.Sleep(whole * time.Duration(round) / rounds)
		cmd.Process.Kill()
		cmd.Wait()

		file := h.read(".docker/config.json")
		inZen := h.ok("", "docker-credential-zen", "list").stdout
		stored := 0
		for _, e := range entries {
			inFile := strings.Contains(file, base64.StdEncoding.EncodeToString([]byte("alice:"+e.secret)))
			if strings.Contains(inZen, `"`+e.host+`"`) && h.secretOf(e.host) == e.secret {
				stored++
			} else if !inFile {
				t.Fatalf("killed after %s of %s: the login for %s is lost\n%s",
					whole*time.Duration(round)/rounds, whole, e.host, file)
			}
		}
		if stored > 0 && stored < n {
			halfway++
		}
		if !json.Valid([]byte(file)) {
			t.Fatalf("docker's file is broken: %s", file)
		}
	}
	if halfway == 0 {
		t.Error("no kill came in the middle: the test shows nothing")
	}
	h.zenOK("import", "--yes", "--no-verify")
	for _, e := range entries {
		h.holdsNo(e.secret)
		if h.secretOf(e.host) != e.secret {
			t.Errorf("%s is lost in the end", e.host)
		}
	}
	left, err := os.ReadDir(h.path(".docker"))
	h.check(err)
	if len(left) > 2 { // config.json and a lock
		t.Errorf("files are left behind: %v", left)
	}
}
