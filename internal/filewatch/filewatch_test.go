package filewatch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// watched are files that are being watched. Their contents are told after each look that
// found others.
type watched struct {
	t     *testing.T
	told  chan string
	looks chan struct{}
	wake  chan struct{}

	mu    sync.Mutex
	paths []string
}

// starter begins to watch files.
type starter func(t *testing.T, paths ...string) *watched

// onEach runs a test with what watches here, and with what watches on other systems.
func onEach(t *testing.T, test func(t *testing.T, start starter)) {
	t.Helper()
	for name, open := range map[string]func() (source, error){"system": newSource, "portable": newPortable} {
		t.Run(name, func(t *testing.T) {
			test(
				t,
				func(t *testing.T, paths ...string) *watched {
					return start(t, Watch{source: open},
						paths...)
				},
			)
		})
	}
}

func start(t *testing.T, watch Watch, paths ...string) *watched {
	t.Helper()
	w := &watched{
		t:     t,
		told:  make(chan string, 1000),
		looks: make(chan struct{}, 100_000),
		wake:  make(chan struct{}),
		paths: paths,
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	last := "nothing yet"
	go func() {
		watch.Paths, watch.Wake = w.all, w.wake
		watch.Beside = func(path string) bool { return strings.HasSuffix(path, ".left") }
		watch.Look = func(context.Context) time.Duration {
			now := w.content()
			if w.looks <- struct{}{}; now != last {
				last = now
				w.told <- now
			}
			return 0
		}
		ended <- watch.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	return w
}

func (w *watched) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.paths)
}

// content is what the files hold, and how many files are left beside them.
func (w *watched) content() string {
	var all []string
	for _, path := range w.all() {
		b, err := os.ReadFile(path)
		if err != nil {
			b = []byte("-")
		}
		left, _ := filepath.Glob(filepath.Dir(path) + "/*.left")
		all = append(all, string(b)+strings.Repeat("+", len(left)))
	}
	return strings.Join(all, " ")
}

// want waits until the files were found to hold this; on the way there they may be found
// to hold something else.
func (w *watched) want(content string) {
	w.t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case got := <-w.told:
			if got == content {
				return
			}
		case <-late:
			w.t.Fatalf("it was not noticed that the files hold %q", content)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestFilesComeAndGo(t *testing.T) {
	onEach(t, func(t *testing.T, start starter) {
		top := t.TempDir()
		one, two := filepath.Join(top, "a", "one"), filepath.Join(top, "b", "c", "two")
		w := start(t, one, two)
		w.want("- -")
		write(t, two, "2")
		w.want("- 2")
		write(t, one, "1")
		w.want("1 2")
		must(t, os.RemoveAll(filepath.Join(top, "b")))
		w.want("1 -")
		write(t, two+".new", "3")
		must(t, os.Rename(two+".new", two))
		w.want("1 3")
		must(t, os.Rename(filepath.Dir(two), filepath.Join(top, "away")))
		w.want("1 -")
		must(t, os.Rename(filepath.Join(top, "away"), filepath.Dir(two)))
		w.want("1 3")
		write(t, filepath.Join(top, "a", "x.left"), "")
		w.want("1+ 3")
		must(t, os.Chmod(one, 0o640))
		must(t, os.Remove(filepath.Join(top, "a", "x.left")))
		w.want("1 3")
	})
}

// Somebody moves a whole tree away and puts another in its place.
func TestDirectoryFarAboveIsReplaced(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("fsnotify can watch no more than the nearest directories on this system")
	}
	top := t.TempDir()
	path := filepath.Join(top, "config", "containers", "deep", "auth.json")
	write(t, path, "old")
	write(t, filepath.Join(top, "new", "containers", "deep", "auth.json"), "new")
	w := start(t, Watch{}, path)
	w.want("old")
	must(t, os.Rename(filepath.Join(top, "config"), filepath.Join(top, "saved")))
	w.want("-")
	must(t, os.Rename(filepath.Join(top, "new"), filepath.Join(top, "config")))
	w.want("new")
	write(t, path, "edited")
	w.want("edited")
	write(t, filepath.Join(top, "saved", "containers", "deep", "auth.json"), "not ours")
	write(t, path, "again")
	w.want("again")
}

// Links to the file, to its directory and further up are switched, as people do who keep
// their settings elsewhere.
func TestLinksAreSwitched(t *testing.T) {
	onEach(t, func(t *testing.T, start starter) {
		top := t.TempDir()
		for _, v := range []string{"v1", "v2"} {
			write(t, filepath.Join(top, v, "docker", "config.json"), v)
			write(t, filepath.Join(top, v, "docker", "other.json"), v+" other")
		}
		link := func(target, name string) {
			must(t, os.Symlink(target, name+".new"))
			must(t, os.Rename(name+".new", name))
		}
		link("v1", filepath.Join(top, "current"))
		link("current/docker", filepath.Join(top, "dot"))
		path := filepath.Join(top, "dot", "config.json")
		w := start(t, path)
		w.want("v1")
		link("v2", filepath.Join(top, "current")) // a link on the way of a link
		w.want("v2")
		link(filepath.Join(top, "v1", "docker"), filepath.Join(top, "dot"))
		w.want("v1")
		link("../../v2/docker/other.json", path) // in v1/docker by now
		w.want("v2 other")
		write(t, filepath.Join(top, "v2", "docker", "other.json"), "edited")
		w.want("edited")
		link("config.json", path) // a circle
		w.want("-")
		link("missing.json", path)
		write(t, filepath.Join(top, "v1", "docker", "missing.json"), "there now")
		w.want("there now")
	})
}

// A shell stays in a directory that is removed and made again; until it leaves, the old
// one is still there for the system.
func TestDirectoryInUseIsRemoved(t *testing.T) {
	onEach(t, func(t *testing.T, start starter) {
		top := t.TempDir()
		path := filepath.Join(top, "a", "b", "config.json")
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		var shells []*os.File
		stay := func(dir string) {
			f, err := os.Open(dir)
			must(t, err)
			shells = append(shells, f)
		}
		stay(filepath.Dir(path))
		stay(filepath.Join(top, "a"))
		w := start(t, path)
		w.want("-")
		must(t, os.Remove(filepath.Dir(path)))
		write(t, path, "new")
		w.want("new")
		stay(filepath.Dir(path))
		must(t, os.RemoveAll(filepath.Join(top, "a")))
		w.want("-")
		write(t, path, "newer")
		w.want("newer")
		for _, f := range shells {
			must(t, f.Close())
		}
		write(t, path, "newest")
		w.want("newest")
	})
}

// One file with two names is watched under both.
func TestHardLink(t *testing.T) {
	onEach(t, func(t *testing.T, start starter) {
		top := t.TempDir()
		one, two := filepath.Join(top, "a", "one"), filepath.Join(top, "b", "two")
		write(t, one, "1")
		must(t, os.MkdirAll(filepath.Dir(two), 0o700))
		must(t, os.Link(one, two))
		w := start(t, one, two)
		w.want("1 1")
		write(t, two, "2")
		w.want("2 2")
		write(t, one+".new", "3")
		must(t, os.Rename(one+".new", one))
		w.want("3 2")
		write(t, two, "4")
		w.want("3 4")
		write(t, one, "5")
		w.want("5 4")
	})
}

// asAnotherUser runs the test once more as a user that is not root.
func asAnotherUser(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "filewatch") // t.TempDir is inside of a directory that others cannot enter
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	program, err := os.ReadFile(os.Args[0])
	must(t, err)
	bin := filepath.Join(dir, "test")
	must(t, errors.Join(os.Chmod(dir, 0o777), os.WriteFile(bin, program, 0o755)))
	cmd := exec.CommandContext(t.Context(), bin, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "HOME="+dir, "GORACE=atexit_sleep_ms=0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" (") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// What may not be read is looked at again once it may.
func TestUnreadableFile(t *testing.T) {
	if os.Geteuid() == 0 { // who may read everything
		asAnotherUser(t)
		return
	}
	onEach(t, func(t *testing.T, start starter) {
		path := filepath.Join(t.TempDir(), "a", "config.json")
		write(t, path, "secret")
		must(t, os.Chmod(path, 0))
		w := start(t, path)
		w.want("-")
		must(t, os.Chmod(path, 0o600))
		w.want("secret")
		write(t, path, "edited")
		w.want("edited")
	})
}

// Two tools that write without end do not keep the file from being looked at, nor make a
// look of each write; when they are done, the last content has been seen.
func TestThousandsOfEvents(t *testing.T) {
	onEach(t, func(t *testing.T, start starter) {
		top := t.TempDir()
		path := filepath.Join(top, "config.json")
		write(t, path, "start")
		w := start(t, path)
		w.want("start")
		var writers sync.WaitGroup
		for tool := range 2 {
			writers.Go(func() {
				temp := path + strconv.Itoa(tool) + ".tmp"
				for i := range 1000 {
					if os.WriteFile(temp, []byte(strconv.Itoa(i)), 0o600) != nil ||
						os.Rename(temp, path) != nil {
						t.Error("cannot write")
					}
				}
			})
		}
		writers.Wait()
		write(t, path, "end")
		w.want("end")
		if n := len(w.looks); n > 50 {
			t.Errorf("looked %d times at 2,000 writes", n)
		}
	})
}

// What to watch may change with what is found.
func TestPathsChange(t *testing.T) {
	onEach(t, func(t *testing.T, start starter) {
		top := t.TempDir()
		one, two := filepath.Join(top, "a", "one"), filepath.Join(top, "b", "two")
		write(t, one, "1")
		w := start(t, one)
		w.want("1")
		w.mu.Lock()
		w.paths = []string{two}
		w.mu.Unlock()
		w.wake <- struct{}{}
		w.want("-")
		write(t, two, "2")
		w.want("2")
		write(t, one, "not watched any more")
		write(t, two, "3")
		w.want("3")
	})
}

func TestWayTo(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(top, "real", "sub"), 0o700))
	must(t, os.Symlink("real/sub", filepath.Join(top, "link")))
	must(t, os.Symlink("../../gone", filepath.Join(top, "real", "sub", "dangling")))
	must(t, os.Symlink("loop", filepath.Join(top, "loop")))
	must(t, os.Symlink("../file", filepath.Join(top, "real", "sub", "up"))) // up from where the link led
	write(t, filepath.Join(top, "real", "file"), "")
	for path, want := range map[string]string{
		"real/file":     "real real/file",
		"link/x":        "link real real/sub real/sub/x",
		"link/../file":  "file", // filepath.Join takes it out
		"link/up":       "link real real/sub real/sub/up real/file",
		"link/dangling": "link real real/sub real/sub/dangling gone",
		"no/such/file":  "no",
		"real/file/x":   "real real/file",
	} {
		var got []string
		for _, s := range wayTo(filepath.Join(top, path)) {
			if below, ok := strings.CutPrefix(s.name, top+"/"); ok {
				got = append(got, below)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := wayTo(filepath.Join(top, "loop")); len(got) > 200 {
		t.Errorf("a circle: %d names", len(got))
	}
}

// Whatever happens to a tree of files, directories and links, in which processes work:
// what is there afterwards is noticed.
func TestAnyChanges(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("fsnotify can watch no more than the nearest directories on this system")
	}
	for seed := range uint64(4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			c := chaos{Rand: rand.New(rand.NewPCG(seed, 0)), t: t, top: t.TempDir()}
			w := start(
				t,
				Watch{Settle: time.Millisecond},
				c.path("a", "b", "one"),
				c.path("a", "two"),
				c.path("b", "c", "a", "three"),
				c.path("four"),
			)
			last := ""
			for round := range 500 {
				for range 1 + c.IntN(6) {
					c.change()
				}
				want, late := w.content(), time.After(10*time.Second)
				for last != want {
					select {
					case last = <-w.told:
					case <-late:
						t.Fatalf("round %d: they hold %q, and the last that was noticed is %q; before "+
							"it:\n%s", round, want, last, strings.Join(c.done, "\n"))
					}
				}
				c.done = nil
			}
		})
	}
}

// chaos changes what is below a directory, at random.
type chaos struct {
	*rand.Rand

	t    *testing.T
	top  string
	done []string
}

func (c *chaos) path(names ...string) string {
	return filepath.Join(append([]string{c.top}, names...)...)
}

func (c *chaos) pick(names ...string) string { return names[c.IntN(len(names))] }

// any is some name at most four levels down; many of them are on the way to the files.
func (c *chaos) any() string {
	names := []string{}
	for range c.IntN(3) {
		names = append(names, c.pick("a", "b", "c"))
	}
	return c.path(append(names, c.pick("a", "b", "c", "one", "two", "three", "four", "x"))...)
}

// change does one thing, which may fail.
func (c *chaos) change() {
	one, two := c.any(), c.any()
	did := func(what string, err error) {
		c.done = append(c.done, fmt.Sprint(what, " ", one, " ", two, ": ", err))
	}
	switch c.IntN(10) {
	case 0, 1, 2:
		two = strconv.Itoa(c.IntN(1000))
		did(
			"write",
			errors.Join(os.MkdirAll(filepath.Dir(one), 0o700), os.WriteFile(one, []byte(two), 0o600)),
		)
	case 3:
		did("mkdir", os.MkdirAll(one, 0o700))
	case 4, 5:
		did("rename", os.Rename(one, two))
	case 6:
		did("remove", os.Remove(one))
	case 7:
		did("remove all", os.RemoveAll(one))
	case 8:
		two = c.pick("a", "b", "../a", "../b/c", ".", "one", "../two", c.path("b"), "gone/x")
		did("link", os.Symlink(two, one))
	case 9:
		if f, err := os.Open(one); err == nil {
			c.t.Cleanup(func() { _ = f.Close() })
			did("stay in", nil)
		}
	}
}
