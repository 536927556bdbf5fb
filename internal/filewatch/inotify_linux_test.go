package filewatch

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"
)

// words says what is watched: ends, changes, content, entries, removals; the larger ones
// hold the smaller ones.
func words(mask uint32) string {
	var all []string
	for _, is := range []struct {
		name string
		mask uint32
	}{
		{"content", content},
		{"entries", entries},
		{"changes", changes},
		{"ends", ends},
		{"removals", removals},
	} {
		if mask&is.mask == is.mask && (is.name == "content" || mask&^is.mask != mask) {
			all, mask = append(all, is.name), mask&^is.mask
		}
	}
	if mask != 0 {
		return "more than that"
	}
	return strings.Join(all, "+")
}

func TestWhatIsWatched(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	home := filepath.Join(top, "home")
	write(t, filepath.Join(home, ".docker", "config.json"), "{}")
	write(t, filepath.Join(home, ".docker", "config.json77"), "{}")
	write(t, filepath.Join(home, "dotfiles", "zen", "config.toml"), "")
	must(t, os.MkdirAll(filepath.Join(home, ".config"), 0o700))
	must(t, os.Symlink("../dotfiles/zen", filepath.Join(home, ".config", "zen")))
	must(t, os.Symlink("dotfiles/zen/config.toml", filepath.Join(home, ".zenrc")))
	must(t, os.Symlink("nowhere", filepath.Join(home, "dangling")))
	must(t, os.Symlink(os.DevNull, filepath.Join(home, "null")))
	must(t, os.Symlink("circle", filepath.Join(home, "circle")))
	must(t, os.MkdirAll(filepath.Join(top, "tmp", "ci"), 0o700))
	must(t, os.Chmod(filepath.Join(top, "tmp"), 0o777|os.ModeSticky))
	must(t, unix.Mkfifo(filepath.Join(top, "tmp", "ci", "pipe"), 0o600))

	for name, tt := range map[string]struct {
		paths  []string
		beside string
		want   string // what is above is watched for its end
	}{
		"file": {[]string{"home/.docker/config.json"}, "", "home ends+removals, home/.docker " +
			"entries, home/.docker/config.json content"},
		"file to come":  {[]string{"home/.docker/other"}, "", "home ends+removals, home/.docker entries"},
		"right in home": {[]string{"home/.dockercfg"}, "", ". ends+removals, home entries"},
		"one missing":   {[]string{"home/.regctl/config.json"}, "", ". ends+removals, home entries"},
		"many missing": {[]string{"home/.config/helm/registry/config.json"}, "", "home ends+removals, " +
			"home/.config entries"},
		"all missing": {[]string{"elsewhere/a/b"}, "", ". entries, .. ends+removals"},
		"below a file": {[]string{"home/.docker/config.json/x"}, "", "home ends+removals, " +
			"home/.docker entries, home/.docker/config.json content"},
		"a directory":  {[]string{"home/.docker"}, "", ". ends+removals, home entries, home/.docker ends"},
		"right in tmp": {[]string{"tmp/auth.json"}, "", ". ends+removals, tmp entries"},
		"below tmp":    {[]string{"tmp/ci/auth.json"}, "", "tmp ends, tmp/ci entries"},
		"pipe":         {[]string{"tmp/ci/pipe"}, "", "tmp ends, tmp/ci entries, tmp/ci/pipe changes"},
		"dangling": {[]string{"home/dangling"}, "", ". ends+removals, home entries, home/dangling " +
			"changes"},
		"circle": {[]string{"home/circle"}, "", ". ends+removals, home entries, home/circle " +
			"changes"},
		"device": {[]string{"home/null"}, "", "/ removals, /dev entries, /dev/null changes, " +
			"home ends, home/null changes"},
		"file beside": {[]string{"home/.docker/config.json"}, "77", "home ends+removals, " +
			"home/.docker entries, home/.docker/config.json content, home/.docker/config.json77 content"},
		"linked file": {[]string{"home/.zenrc"}, "", "home ends, home/.zenrc changes, home/dotfiles " +
			"ends+removals, home/dotfiles/zen entries, home/dotfiles/zen/config.toml content"},
		"linked above": {[]string{"home/.config/zen/config.toml"}, "", "home ends, home/.config ends, " +
			"home/.config/zen changes, home/dotfiles ends+removals, home/dotfiles/zen entries, " +
			"home/dotfiles/zen/config.toml content"},
		"linked, to come": {[]string{"home/.config/zen/new/x"}, "", "home ends, home/.config ends, " +
			"home/.config/zen changes, home/dotfiles ends+removals, home/dotfiles/zen entries"},
		"several": {
			[]string{"home/.docker/config.json", "home/.docker/other", "home/.config/containers/auth.json"},
			"",
			"home ends+removals, home/.config entries, home/.docker entries, home/.docker/config.json " +
				"content",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var ways []way
			var beside []string
			for _, path := range tt.paths {
				ways = append(ways, wayTo(filepath.Join(top, path)))
			}
			if tt.beside != "" {
				track := tracker{
					beside: func(path string) bool { return strings.HasSuffix(path, tt.beside) },
					near:   map[string]bool{ways[0].dir(): true},
				}
				beside = track.others()
			}
			var list []string
			for name, mask := range masks(ways, beside) {
				is := words(mask)
				if strings.HasPrefix(top, name) && is == "ends" {
					continue
				}
				if below, err := filepath.Rel(top, name); err == nil && !strings.HasPrefix(below, "../") {
					name = below
				}
				list = append(list, name+" "+is)
			}
			slices.Sort(list)
			if text := strings.Join(list, ", "); text != tt.want {
				t.Errorf("watches\n%s\nwant\n%s", text, tt.want)
			}
		})
	}
}

// following is a tracker that follows files, and what the system tells it.
type following struct {
	*tracker

	t *testing.T
}

func follow(t *testing.T, beside func(string) bool, paths ...string) following {
	t.Helper()
	src, err := newSource()
	must(t, err)
	t.Cleanup(func() {
		if err := src.close(); err != nil {
			t.Error(err)
		}
	})
	f := following{&tracker{source: src, beside: beside}, t}
	must(t, f.follow(paths))
	return f
}

// next is the next thing that the system tells, whether it matters or not.
func (f following) next() fsnotify.Event {
	f.t.Helper()
	select {
	case e := <-f.source.events():
		return e
	case <-time.After(10 * time.Second):
		f.t.Fatal("nothing happens")
		return fsnotify.Event{}
	}
}

// wantNext fails if something else was told before.
func (f following) wantNext(name string, op fsnotify.Op) {
	f.t.Helper()
	if e := f.next(); e.Name != name || e.Op != op {
		f.t.Fatalf("%v, want %v %s", e, op, name)
	}
}

// In the usual places nothing is told of what others write to their files, nor of
// anything that zend writes.
func TestWritesOfOthersAreNotTold(t *testing.T) {
	home, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	at := func(name string) string { return filepath.Join(home, name) }
	docker, tmp := at(".docker/config.json"), filepath.Dir(home)
	state, data := at(".local/state/zen"), at(".local/share/zen")
	write(t, docker, "{}")
	write(t, at(".config/zen/config.toml"), "")
	must(t, os.MkdirAll(filepath.Join(state, "setup"), 0o700))
	must(t, os.MkdirAll(data, 0o700))
	must(t, os.MkdirAll(at("run"), 0o700))
	others := []string{
		at(
			".bash_history",
		), at(".config/user-dirs.dirs"), at(".docker/daemon.json"), at(".docker/config.json.swp"),
		at("run/bus.log"),
		filepath.Join(tmp, "other"), filepath.Join(state, "audit.jsonl"), filepath.Join(state, "zend.log"),
	}
	for _, name := range others {
		write(t, name, "before")
	}
	f := follow(
		t,
		func(path string) bool { return strings.HasSuffix(path, ".json77") },
		filepath.Join(
			state,
			"setup",
			"undo.json",
		),
		docker,
		at("run/containers/auth.json"),
		at(".config/containers/auth.json"),
		at(".dockercfg"),
		at(
			".config/helm/registry/config.json",
		),
		at(".regctl/config.json"),
		at(".config/regctl/config.json"),
		at(".config/zen/config.toml"),
	)

	for _, name := range others {
		for range 10 {
			file, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
			must(t, err)
			_, err = file.WriteString("a line\n")
			must(t, err)
			must(t, file.Close())
		}
		must(t, os.WriteFile(name, []byte("truncated first"), 0o600))
	}
	for _, name := range []string{"vault.json", "hosts"} { // a new generation each
		write(t, filepath.Join(data, name+".tmp"), "new")
		must(t, os.Rename(filepath.Join(data, name+".tmp"), filepath.Join(data, name)))
	}
	must(t, os.Rename(filepath.Join(state, "audit.jsonl"), filepath.Join(state, "audit.jsonl.1"))) // rotation
	write(t, filepath.Join(state, "audit.jsonl"), "new")
	write(t, at(".local/other/deep/file"), "")
	// in a directory above the home directory
	write(t, filepath.Join(filepath.Dir(tmp), filepath.Base(tmp), "new"), "")
	must(t, os.Remove(filepath.Join(tmp, "other")))

	write(t, docker, "{ }")
	seen := f.next()
	// told, since the home directory is in it and could have been the one
	if seen.Name == filepath.Join(tmp, "other") {
		seen = f.next()
	}
	if seen.Name != docker || seen.Op != fsnotify.Write {
		t.Errorf("before a change that matters, %v was told", seen)
	}
}

// A file that has just been made is watched before anybody looks, so that its writer is
// waited for.
func TestNewFileIsWatchedAtOnce(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	path := filepath.Join(top, "config.json")
	f := follow(t, nil, path)
	file, err := os.Create(path)
	must(t, err)
	defer file.Close()
	e := f.next()
	if e.Name != path || !e.Has(fsnotify.Create) || !f.matters(e) {
		t.Fatalf("%v", e)
	}
	_, err = file.WriteString("half")
	must(t, err)
	f.wantNext(path, fsnotify.Write)
	must(t, os.Remove(path))
	f.wantNext(path, fsnotify.Chmod) // one name less
	f.wantNext(path, fsnotify.Remove)
	must(t, f.follow([]string{path}))
	_, err = file.WriteString("to nowhere")
	must(t, err)
	write(t, filepath.Join(top, "next"), "")
	f.wantNext(filepath.Join(top, "next"), fsnotify.Create)
}

// A directory with two names, as mounts can make it, is watched for what both need, and
// stays so.
func TestDirectoryWithTwoNames(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	one, two := filepath.Join(top, "real", "dir"), filepath.Join(top, "mount", "dir")
	must(t, os.MkdirAll(filepath.Join(one, "sub"), 0o700))
	must(t, os.Symlink("real", filepath.Join(top, "mount")))
	ways := []way{
		{{one, directory}, {filepath.Join(one, "file"), missing}},
		{
			{two, directory},
			{filepath.Join(two, "sub"), directory},
			{filepath.Join(two, "sub", "file"), missing},
		},
	}
	src, err := newSource()
	must(t, err)
	defer func() { must(t, src.close()) }()
	for round := range 4 {
		if changed, err := src.watch(ways, nil); err != nil || changed && round > 1 ||
			!changed && round == 0 {
			t.Fatalf("round %d: changed %v, %v", round, changed, err)
		}
	}
	write(t, filepath.Join(one, "file"), "")
	f := following{&tracker{source: src}, t}
	names := []string{f.next().Name, f.next().Name}
	slices.Sort(names)
	if want := []string{filepath.Join(two, "file"), filepath.Join(one, "file")}; !slices.Equal(names, want) {
		t.Errorf("told of %q, want %q", names, want)
	}
	if changed, err := src.watch(ways[1:], nil); err != nil || changed {
		t.Errorf("fewer names: changed %v, %v", changed, err)
	}
	write(t, filepath.Join(one, "other"), "")
	must(t, os.Remove(filepath.Join(one, "other")))
	f.wantNext(filepath.Join(two, "other"), fsnotify.Remove)
}

func TestOverflowIsTold(t *testing.T) {
	f := follow(t, nil, filepath.Join(t.TempDir(), "file"))
	go f.source.(*inotify).tell(-1, unix.IN_Q_OVERFLOW, "")
	select {
	case <-f.source.errors():
	case <-time.After(10 * time.Second):
		t.Error("it is not told")
	}
}
