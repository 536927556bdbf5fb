//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
)

// hub is a registry with several accounts, as a public one has them: each may write below
// its own name and nowhere else, and everybody may read what is below "public".
type hub struct {
	registry

	signer    *tokenServer
	passwords map[string]string // by account
}

func startHub(t *testing.T, accounts ...string) *hub {
	t.Helper()
	dir := t.TempDir()
	b := &hub{registry: registry{kind: "hub"}, signer: &tokenServer{}, passwords: map[string]string{}}
	b.signer.makeKey(t, dir)
	for _, account := range accounts {
		b.passwords[account] = randomPassword()
	}
	srv := httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(srv.Close)
	b.start(t, dir, fmt.Sprintf(
		"  token:\n    realm: %s\n    service: %s\n    issuer: %s\n    "+
			"rootcertbundle: %s\n",
		strings.Replace(
			srv.URL,
			"127.0.0.1",
			"localhost",
			1,
		)+"/token",
		tokenService,
		tokenIssuer,
		b.signer.certificate,
	))
	return b
}

// serve grants each account what it may do; who names none is anonymous, and a wrong
// password is refused.
func (b *hub) serve(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet {
		w.WriteHeader(http.StatusNotFound) // the client goes on with GET
		return
	}
	account, password, given := req.BasicAuth()
	if given && (password == "" || b.passwords[account] != password) {
		refuse(w)
		return
	}
	var granted []string
	for _, scope := range req.URL.Query()["scope"] {
		switch {
		case given && strings.HasPrefix(scope, "repository:"+account+"/"):
			granted = append(granted, scope)
		case strings.HasPrefix(scope, "repository:public/"):
			granted = append(granted, scope[:strings.LastIndexByte(scope, ':')]+":pull")
		}
	}
	reply(w, map[string]any{"token": b.signer.token(account, granted, true), "expires_in": 300})
}

// account is the registry as one of its accounts sees it.
func (b *hub) account(name string) *registry {
	return &registry{kind: b.kind, host: b.host, username: name, password: b.passwords[name]}
}

// in makes the home's programs run in a directory of it.
func (h *home) in(dir string) *home {
	h.t.Helper()
	h.mkdirs(h.path(dir))
	there := *h
	there.dir = h.path(dir)
	return &there
}

// pusher makes ready to push an image to the account's own repository, and gives the
// command that does it.
type pusher struct {
	name string
	push func(h *home, image string) []string
}

// pushers are docker's command line of Debian and of today, crane, and skopeo: those that
// send their request through the engine, that ask for the repository first, and that read
// credHelpers only.
func pushers() []pusher {
	throughEngine := func(docker string) func(h *home, image string) []string {
		return func(h *home, image string) []string {
			h.tagged("docker", image)
			return []string{docker, "push", image}
		}
	}
	return []pusher{
		{"debian", throughEngine("/usr/bin/docker")},
		{"docker", throughEngine("docker")},
		{
			"crane",
			func(h *home, image string) []string {
				return []string{
					"crane", "append", "-f", h.layer(), "-t",
					image,
				}
			},
		},
		{"skopeo", func(h *home, image string) []string {
			from := "docker-archive:" + h.archive()
			return []string{
				"skopeo",
				"--insecure-policy",
				"copy",
				"--dest-tls-verify=false",
				from,
				"docker://" + image,
			}
		}},
	}
}

// accountsHome has a connector for each account of a hub, and clients that ask zen.
func accountsHome(t *testing.T, b *hub) *home {
	t.Helper()
	h := newHome(t)
	h.calls()
	h.zenOK("setup", "docker", "--host", b.host) // for skopeo
	for account := range b.passwords {
		h.register(account, b.account(account))
	}
	return h
}

// pushing is one push that is to come. Each has a repository of its own: distribution may
// answer two at once to one with an error of its own.
type pushing struct {
	where *home
	image string
	args  []string
}

// atOncePushed carries pushes out at the same moment.
func atOncePushed(list []pushing) []result {
	results := make([]result, len(list))
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i, p := range list {
		cmd := p.where.command(p.args[0], p.args[1:]...)
		wg.Go(func() {
			<-start
			results[i] = execute(p.where.t, cmd, "")
		})
	}
	close(start)
	wg.Wait()
	return results
}

// answeredBy is the connector that zen says would answer for a registry here.
func (h *home) answeredBy(host string) string {
	h.t.Helper()
	var why api.WhyResult
	h.check(json.Unmarshal([]byte(h.zenOK("why", host, "-o", "json").stdout), &why))
	if why.Login == nil {
		return ""
	}
	return why.Login.ConnectorName
}

// Two accounts on one registry: each directory has its own, at the same time, with every
// way of asking and no login between.
func TestTwoAccountsByDirectory(t *testing.T) {
	b := startHub(t, "alice", "bob")
	h := accountsHome(t, b)
	// alice's own work, a project below it that belongs to bob, and a directory of bob's
	// elsewhere.
	dirs := map[string]string{"work/deep/inside": "alice", "work/bobs/project": "bob", "private": "bob"}
	h.mkdirs(h.path("work/bobs"))
	h.mkdirs(h.path("private"))
	h.zenOK("login", "alice", "--dir", h.path("work"))
	h.zenOK("login", "bob", "--dir", h.path("work/bobs"))
	h.in("private").zenOK("login", "bob", "--dir", ".")

	var own, foreign []pushing
	for _, dir := range []string{"work/deep/inside", "work/bobs/project", "private"} {
		there := h.in(dir)
		for _, p := range pushers() {
			image := b.image(dirs[dir] + "/" + dir + "/" + p.name + ":1")
			own = append(own, pushing{there, image, p.push(there, image)})
			other := map[string]string{"alice": "bob", "bob": "alice"}[dirs[dir]]
			image = b.image(other + "/" + dir + "/" + p.name + ":1")
			foreign = append(foreign, pushing{there, image, p.push(there, image)})
		}
		if got := there.answeredBy(b.host); got != dirs[dir] {
			t.Errorf("zen why in %s names %q, not %s", dir, got, dirs[dir])
		}
	}
	start := time.Now()
	for i, r := range atOncePushed(own) {
		if r.code != 0 {
			t.Errorf("the account of %s does not push:\n%s", own[i].where.dir, r)
		}
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("%d pushes at once took %s", len(own), took)
	}
	for _, r := range atOncePushed(foreign) {
		h.refused(r)
	}

	elsewhere := h.in("elsewhere") // is nobody's
	for _, p := range pushers() {
		image := b.image("alice/elsewhere:" + p.name)
		h.refused(atOncePushed([]pushing{{elsewhere, image, p.push(elsewhere, image)}})[0])
	}
	h.zenOK("logout", "alice")
	for _, p := range own {
		r := p.where.run("", p.args[0], p.args[1:]...)
		if strings.HasPrefix(strings.TrimPrefix(p.image, b.host), "/alice/") {
			h.refused(r)
		} else {
			h.did(r)
		}
	}
	for _, password := range b.passwords {
		h.holdsNo(password)
	}
}

// Two accounts by repository, for clients that ask for one: from a single directory, by
// what is pushed.
func TestTwoAccountsByPath(t *testing.T) {
	b := startHub(t, "alice", "bob")
	h := accountsHome(t, b)
	h.zenOK("login", "alice", "--path", "alice")
	h.zenOK("login", "bob", "--path", "bob/app")
	crane := pushers()[2]
	var list []pushing
	for _, name := range []string{"alice/app:1", "alice/deep/app:1", "bob/app:1", "bob/app/deep:1"} {
		image := b.image(name)
		list = append(list, pushing{h, image, crane.push(h, image)})
	}
	for _, r := range atOncePushed(list) {
		h.did(r)
	}
	image := b.image("bob/other:1") // which is nobody's
	h.refused(h.run("", "crane", crane.push(h, image)[1:]...))
	h.refused(h.run("", "ask", "docker", "resolve", b.image("alice/app:1"))) // docker asks for the registry
	h.did(h.run("", "ask", "ggcr", "resolve", b.image("alice/app:1")))
}

// Two accounts by profile: one in a shell of its own, one by a helper of its own in a
// configuration or for a repository.
func TestTwoAccountsByProfile(t *testing.T) {
	b := startHub(t, "alice", "bob")
	h := accountsHome(t, b)
	h.zenOK("login", "alice", "--profile", "work")
	h.zenOK("login", "bob")
	h.ownPrograms() // the link for the profile is made beside them

	shell := *h // where the profile is set for all that runs
	shell.env = copied(h.env, "ZEN_PROFILE", "work")
	configured := *h // where docker's configuration names the profile's helper
	configured.env = copied(h.env, "DOCKER_CONFIG", h.path(".docker-work"))
	configured.zenOK("setup", "docker", "--profile", "work")
	configured.zenOK("setup", "docker", "--profile", "work", "--host", b.host) // for skopeo

	var own, foreign []pushing
	for i, where := range []*home{&shell, &configured, h} {
		mine, other := "alice", "bob"
		if where == h {
			mine, other = "bob", "alice"
		}
		for _, p := range pushers() {
			image := b.image(fmt.Sprintf("%s/%d/%s:1", mine, i, p.name))
			own = append(own, pushing{where, image, p.push(where, image)})
			image = b.image(fmt.Sprintf("%s/%d/%s:1", other, i, p.name))
			foreign = append(foreign, pushing{where, image, p.push(where, image)})
		}
	}
	for _, r := range atOncePushed(own) {
		if r.code != 0 {
			t.Errorf("an account does not push:\n%s", r)
		}
	}
	for _, r := range atOncePushed(foreign) {
		h.refused(r)
	}
	// buildx has a configuration for a single repository, which it asks for what a build
	// starts from.
	h.write("context/Dockerfile", "FROM "+own[0].image+"\nLABEL e2e=1\n")
	build := []string{"buildx", "build", "--no-cache", "--pull", h.path("context")}
	h.fails(refusals, "", "docker", build...)
	repository, _, _ := strings.Cut(strings.TrimPrefix(own[0].image, b.host+"/"), ":")
	h.zenOK("setup", "buildx", "--profile", "work", "--host", b.host+"/"+repository)
	h.ok("", "docker", build...)
	h.zenOK("setup", "buildx", "--undo", "--host", b.host+"/"+repository) // which BuildKit would notice later
	if !isExecutable(h.path("bin/docker-credential-zen-work")) {
		t.Error("the link is gone although a configuration names it")
	}
	configured.zenOK("setup", "--undo")
	if _, err := os.Lstat(h.path("bin/docker-credential-zen-work")); err == nil {
		t.Error("the link is left")
	}
	for _, password := range b.passwords {
		h.holdsNo(password)
	}
}

// copied is an environment with one more variable.
func copied(env map[string]string, name, value string) map[string]string {
	c := maps.Clone(env)
	c[name] = value
	return c
}
