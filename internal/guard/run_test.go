package guard

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/filewatch"
)

// running is a guard that watches real files.
type running struct {
	*home

	looks atomic.Int64
	stop  func()
}

// run starts the guard, with less patience than usual.
func (h *home) run() *running {
	h.t.Helper()
	r := &running{home: h}
	h.guard.run = func(w filewatch.Watch, ctx context.Context) error {
		look := w.Look
		w.Look = func(ctx context.Context) time.Duration {
			defer r.looks.Add(1)
			return look(ctx)
		}
		w.Settle, w.MaxSettle = 20*time.Millisecond, 200*time.Millisecond
		return w.Run(ctx)
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	var running sync.WaitGroup
	running.Go(func() { h.guard.Run(ctx) })
	r.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	h.t.Cleanup(r.stop)
	r.eventually("the first look", func() bool { return r.looks.Load() > 0 })
	return r
}

func (h *home) eventually(what string, ok func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.t.Fatalf("not in 20 s: %s; notices: %q", what, h.notices())
		}
	}
}

func (h *home) holds(name, text string) func() bool {
	return func() bool {
		b, err := os.ReadFile(h.at(name))
		return err == nil && string(b) == text
	}
}

func (h *home) tells(text string) func() bool {
	return func() bool { return strings.Contains(strings.Join(h.notices(), "\n"), text) }
}

const (
	clean = `{"credsStore":"zen","auths": {"ghcr.io": {}}}`
	told  = "~/.docker/config.json stores credentials in plain text: ghcr.io"
)

func dirty(secret string) string {
	return `{"credsStore":"zen","auths": {"ghcr.io": {"auth":"` + basic(secret) + `"}}}`
}

// What the guard itself writes makes it look once more, and do nothing.
func TestDoesNotAnswerItself(t *testing.T) {
	h := newHome(t, Import)
	h.config("{}")
	h.setup("docker")
	r := h.run()
	h.config(`{` + auths("ghcr.io") + `}`)
	r.eventually("import and repair", h.tells("is in the vault now"))
	h.wantFile(docker, `{"auths": {"ghcr.io": {}},"credsStore": "zen"}`)
	info, err := os.Stat(h.at(docker))
	h.must(err)
	state, err := os.Stat(h.at("state/guard.json"))
	h.must(err)
	looks := int64(0)
	r.eventually("quiet", func() bool { // for half a second
		n := r.looks.Load()
		same := n == looks
		looks = n
		time.Sleep(500 * time.Millisecond)
		return same
	})
	if looks > 10 {
		t.Errorf("looked %d times", looks)
	}
	for name, before := range map[string]os.FileInfo{docker: info, "state/guard.json": state} {
		if now, err := os.Stat(h.at(name)); err != nil || !os.SameFile(before, now) ||
			!now.ModTime().Equal(before.ModTime()) {
			t.Errorf("%s was written again", name)
		}
	}
	if h.vault.stores != 1 {
		t.Errorf("stored %d times", h.vault.stores)
	}
}

// zen setup, its undo, and zen import are not answered either.
func TestDoesNotAnswerZen(t *testing.T) {
	h := newHome(t, Import)
	h.config("{}")
	r := h.run()
	for range 5 {
		h.setup("docker")
		if _, err := h.env.Undo(t.Context(), "docker", clientconfig.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	h.config("{ }") // the last thing that happens
	looks := r.looks.Load()
	r.eventually("a look at it", func() bool { return r.looks.Load() > looks })
	h.guard.Wake()
	looks = r.looks.Load()
	r.eventually("one more look", func() bool { return r.looks.Load() > looks })
	h.wantFile(docker, "{ }")
	h.wantNotices()
}

// Editors, tools that rename, links that are switched, directories that go and come.
func TestSurvives(t *testing.T) {
	h := newHome(t, Import)
	r := h.run()
	n := 0
	next := func() string { n++; return canary + strconv.Itoa(n) }
	check := func(what string) {
		t.Helper()
		r.eventually(what, h.holds(docker, clean))
		h.vault.has(t, "ghcr.io", "alice:"+canary+strconv.Itoa(n))
	}
	h.config(dirty(next())) // the directory is new
	check("a new directory")

	h.write(docker+"123", dirty(next()))
	h.must(os.Rename(h.at(docker+"123"), h.at(docker)))
	check("a rename, as of docker")

	h.must(os.Rename(h.at(docker), h.at(docker+"~")))
	f, err := os.Create(h.at(docker))
	h.must(err)
	for _, piece := range strings.SplitAfter(dirty(next()), ",") {
		_, err := f.WriteString(piece)
		h.must(err)
	}
	h.must(f.Close())
	check("an editor that writes piece by piece")

	h.must(os.RemoveAll(h.at(".docker")))
	h.config(dirty(next()))
	check("a directory that was removed and made again")

	h.must(os.Rename(h.at(".docker"), h.at("saved")))
	h.must(os.MkdirAll(h.at("dotfiles"), 0o700))
	h.write("dotfiles/config.json", dirty(next()))
	h.must(os.Symlink("dotfiles", h.at(".docker")))
	check("the directory is a link now")

	h.write("other/config.json", dirty(next()))
	h.must(os.Symlink("other", h.at("new")))
	h.must(os.Rename(h.at("new"), h.at(".docker")))
	check("the link is switched")

	h.write("other/real.json", dirty(next()))
	h.must(os.Symlink("real.json", h.at("other/new")))
	h.must(os.Rename(h.at("other/new"), h.at("other/config.json")))
	check("the file is a link now")
	if info, err := os.Lstat(h.at("other/config.json")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced by a file")
	}
	h.must(os.RemoveAll(h.at("saved")))
	h.must(os.Remove(h.at("other/config.json")))
	r.eventually("the file is gone", func() bool { return r.looks.Load() > 0 })
	h.wantSecretIn()
}

// Thousands of changes, by two tools at once, are a few looks; what they end with is what
// counts.
func TestStorm(t *testing.T) {
	h := newHome(t, Report)
	h.config(clean)
	r := h.run()
	var tools sync.WaitGroup
	for tool := range 2 {
		tools.Go(func() {
			temp := h.at(docker) + strconv.Itoa(tool)
			for i := range 2000 {
				content := clean
				if i%2 == tool {
					content = dirty(canary)
				}
				if os.WriteFile(temp, []byte(content), 0o600) != nil || os.Rename(temp, h.at(docker)) != nil {
					t.Error("cannot write")
				}
				h.must(os.WriteFile(h.at(".docker/other"+strconv.Itoa(i%50)), nil, 0o600))
			}
		})
	}
	tools.Wait()
	h.config(dirty(canary))
	r.eventually("the end is seen", h.tells(told))
	h.config(clean)
	r.eventually("the end is seen", func() bool { return len(h.notices()) == 0 })
	if n := r.looks.Load(); n > 400 {
		t.Errorf("looked %d times at 8,000 changes", n)
	}
}

// docker, which takes no lock and writes from memory, and a tool that edits as zen does
// are at it at the same time as the guard. Every login arrives in the vault, nothing of
// the file is lost or broken by zen, and what docker wrote again from its memory is told
// of.
func TestTwoWritersAtOnce(t *testing.T) {
	h := newHome(t, Import)
	h.config(`{"credsStore":"zen","auths":{}}`)
	r := h.run()
	const rounds = 8
	var tools sync.WaitGroup
	tools.Go(func() {
		for i := range rounds {
			host := "h" + strconv.Itoa(i) + ".example"
			for !h.stored(host) { // the other one may have read the file before and write it after
				h.dockerLogin(host)
				r.eventually("the login is moved or lost", func() bool {
					return h.stored(host) || !strings.Contains(h.read(docker), host)
				})
			}
		}
	})
	tools.Go(func() {
		for i := range rounds {
			_, err := fileedit.Edit(
				t.Context(),
				h.at(docker),
				func(before fileedit.Content) (fileedit.Content, error) {
					text := strings.Replace(
						string(before.Data),
						`"auths"`,
						`"edit`+strconv.Itoa(i)+`": 1, "auths"`,
						1,
					)
					return fileedit.Content{Data: []byte(text), Exists: true}, nil
				},
			)
			if err != nil {
				t.Error(err)
			}
		}
	})
	tools.Wait()
	left := func() (hosts []string) { // in plain text
		var last struct {
			CredsStore string                       `json:"credsStore"`
			Auths      map[string]map[string]string `json:"auths"`
		}
		h.must(json.Unmarshal([]byte(h.read(docker)), &last))
		if last.CredsStore != "zen" {
			t.Errorf("%s", h.read(docker))
		}
		for host, entry := range last.Auths {
			if entry["auth"] != "" {
				hosts = append(hosts, host)
			}
		}
		return hosts
	}
	r.eventually("every login in plain text is told of", func() bool {
		notices := strings.Join(h.notices(), "\n")
		told, _, _ := strings.Cut(notices, "; zen already moved them once, and they were put back")
		return !slices.ContainsFunc(left(), func(host string) bool { return !strings.Contains(told, host) })
	})
	for i := range rounds {
		h.vault.has(t, "h"+strconv.Itoa(i)+".example", "alice:"+canary)
	}
	if list := h.secretIn(); len(list) > 1 || len(list) == 1 && list[0] != docker {
		t.Errorf("the password is in %q", list)
	}
}

func (h *home) stored(host string) bool {
	h.vault.mu.Lock()
	defer h.vault.mu.Unlock()
	return h.vault.stored[host] != ""
}

// dockerLogin is what docker's code does with its file: read all, add a login, write all
// beside it, rename.
func (h *home) dockerLogin(host string) {
	var all map[string]any
	if json.Unmarshal([]byte(h.read(docker)), &all) != nil {
		h.t.Error("docker cannot read its file")
		return
	}
	all["auths"].(map[string]any)[host] = map[string]string{"auth": basic(canary)}
	data, err := json.Marshal(all)
	if err == nil {
		err = os.WriteFile(h.at(docker+"77"), data, 0o600)
	}
	if err == nil {
		err = os.Rename(h.at(docker+"77"), h.at(docker))
	}
	if err != nil {
		h.t.Error(err)
	}
}

// A file that its writer left behind is told of once it is old enough not to be in use
// any more.
func TestLeftovers(t *testing.T) {
	h := newHome(t, Import)
	h.config(clean)
	h.write(docker+"4711", `{`+auths("ghcr.io")+`}`)
	h.write(docker+"4712", `{"auths`)
	h.write(docker+"4713", `{}`)
	again := h.guard.look(t.Context())
	h.wantNotices()
	if again <= 0 || again > young {
		t.Errorf("looks again in %v", again)
	}
	h.clock = h.clock.Add(young)
	if again := h.guard.look(t.Context()); again != 0 {
		t.Errorf("looks again in %v", again)
	}
	h.wantNotices("~/.docker/config.json4711 was left behind by a client that was interrupted, and " +
		"stores credentials in plain text: ghcr.io -> zen import --remove")
	h.wantSecretIn(docker + "4711")
}

func TestLeftoverIsNoticed(t *testing.T) {
	h := newHome(t, Report)
	h.config(clean)
	r := h.run()
	looks := r.looks.Load()
	h.write(docker+"4711", `{`+auths("ghcr.io")+`}`)
	r.eventually("a look", func() bool { return r.looks.Load() > looks })
	looks = r.looks.Load()
	h.write(".docker/unrelated", "")
	h.write(".docker/config.json.swp", "")
	h.guard.Wake()
	r.eventually("a look", func() bool { return r.looks.Load() > looks })
}

// A mode takes effect at once; off means that nothing is looked at, and nothing told.
func TestModes(t *testing.T) {
	h := newHome(t, Off)
	h.config(dirty(canary))
	h.guard.run = func(filewatch.Watch, context.Context) error {
		t.Error("watching, though it is off")
		return errors.New("no")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { h.guard.Run(ctx) })
	h.guard.Wake()
	h.eventually("asleep again", func() bool { return len(h.guard.wake) == 0 })
	cancel()
	running.Wait()

	r := h.run2()
	h.guard.SetMode(Report)
	r.eventually("it is told", h.tells(told))
	h.guard.SetMode(Off)
	r.eventually("it is no longer told", func() bool { return len(h.notices()) == 0 })
	h.guard.SetMode(Import)
	r.eventually("import", h.holds(docker, clean))
	h.guard.SetMode(Report)
	h.config(dirty(canary + "2"))
	r.eventually("it is told", h.tells(told))
	h.wantFile(docker, dirty(canary+"2"))
}

// run2 is run for a guard that is off.
func (h *home) run2() *running {
	h.guard.SetMode(Report)
	defer h.guard.SetMode(Off)
	return h.run()
}

// Without watches, files are looked at from time to time, and it is tried again to watch
// them.
func TestWithoutWatches(t *testing.T) {
	h := newHome(t, Report)
	h.config(dirty(canary))
	synctest.Test(t, func(t *testing.T) {
		tries, failing := 0, true
		h.restart(Report)
		h.guard.run = func(w filewatch.Watch, ctx context.Context) error {
			if tries++; failing {
				return errors.New("too many open files")
			}
			w.Look(ctx)
			<-ctx.Done()
			return ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		go h.guard.Run(ctx)
		synctest.Wait() // SetMode asked for a look, which is the first one
		if list := h.notices(); len(list) != 2 || !strings.HasPrefix(list[0], told) ||
			!strings.Contains(list[1], "once a minute only: too many open files") {
			t.Errorf("%q", list)
		}
		h.config(clean)
		time.Sleep(poll + time.Second)
		synctest.Wait()
		if list := h.notices(); len(list) != 1 || tries != 2 {
			t.Errorf("%q, %d tries", list, tries)
		}
		failing = false
		h.config(dirty(canary))
		h.guard.Wake()
		synctest.Wait()
		if list := h.notices(); len(list) != 1 || !strings.HasPrefix(list[0], told) {
			t.Errorf("%q", list)
		}
		cancel()
		synctest.Wait()
		if n := strings.Count(h.log.String(), "Cannot watch"); n != 1 {
			t.Errorf("the log says %d times that nothing can be watched", n)
		}
	})
}

// Paths are watched that zen setup recorded, and its record.
func TestPaths(t *testing.T) {
	h := newHome(t, Report)
	h.vars["DOCKER_CONFIG"] = h.at("ci")
	h.setup("docker")
	h.vars["DOCKER_CONFIG"] = ""
	var got []string
	for _, path := range h.guard.paths() {
		name, _ := filepath.Rel(h.dir, path)
		got = append(got, name)
	}
	want := "state/setup/undo.json .docker/config.json run/containers/auth.json " +
		".config/containers/auth.json .dockercfg " +
		".config/helm/registry/config.json .regctl/config.json .config/regctl/config.json ci/config.json " +
		"ci/config.json"
	if strings.Join(got, " ") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, " "), want)
	}
	for name, want := range map[string]bool{
		"/x/config.json123": true, "/x/.tmp-auth.json7": true, "/x/.dockercfg1": true,
		"/x/config.json": false, "/x/config.json.zen-1": false, "/x/config": false, "/x/1": false,
		"/x/other7": false,
	} {
		if isTemporary(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
