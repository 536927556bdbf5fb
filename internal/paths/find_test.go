package paths

import (
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/credential"
)

// place is a machine: a home directory, /run/user and /etc/passwd below a temporary
// directory.
type place struct {
	t    *testing.T
	root string
	env  map[string]string
	uid  int
}

func newPlace(t *testing.T) *place {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, root: root, uid: os.Geteuid(), env: map[string]string{"HOME": root + "/home"}}
	p.dir("home", 0o700)
	p.dir("run", 0o755)
	p.file("passwd", "")
	return p
}

func (p *place) dir(name string, mode os.FileMode) {
	p.t.Helper()
	path := filepath.Join(p.root, name)
	if err := os.MkdirAll(path, 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) file(name, content string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.root, name), []byte(strings.ReplaceAll(content, "%", p.root)),
		0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) link(to, name string) {
	p.t.Helper()
	if err := os.Symlink(filepath.Join(p.root, to), filepath.Join(p.root, name)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) find() (Dirs, error) {
	f := finder{
		getenv:  func(name string) string { return strings.ReplaceAll(p.env[name], "%", p.root) },
		uid:     p.uid,
		runUser: p.root + "/run",
		passwd:  p.root + "/passwd",
	}
	return f.find()
}

// dirs are found directories, with % for the place and without what the platform calls
// them.
type dirs struct{ Data, Config, State, Runtime, Socket string }

func (p *place) short(d Dirs) dirs {
	p.t.Helper()
	cut := func(path string) string { return strings.Replace(path, p.root, "%", 1) }
	socket, err := d.Socket()
	if err != nil {
		p.t.Fatal(err)
	}
	return dirs{cut(d.Data), cut(d.Config), cut(d.State), cut(d.Runtime), cut(socket)}
}

func defaults(runtime string) dirs {
	return dirs{
		"%/home/" + dataDir,
		"%/home/" + configDir,
		"%/home/" + stateDir,
		runtime,
		runtime + "/zend.sock",
	}
}

const fallbackRuntime = "%/home/" + cacheDir + "/run"

func TestFind(t *testing.T) {
	own := strconv.Itoa(os.Geteuid())
	withRun := func(p *place) { p.dir("run/"+own, 0o700) }
	tests := []struct {
		name  string
		env   map[string]string
		setup func(p *place)
		want  dirs
		notes []string // VARIABLE=WANTED why
		linux bool     // only where sessions are expected to have XDG_RUNTIME_DIR
	}{
		{
			name:  "a session",
			env:   map[string]string{"XDG_RUNTIME_DIR": "%/session"},
			setup: func(p *place) { p.dir("session", 0o700) },
			want:  defaults("%/session/zen"),
		},
		{
			name: "everything set", setup: func(p *place) { p.dir("session", 0o700) },
			env: map[string]string{
				"XDG_RUNTIME_DIR": "%/session", "XDG_DATA_HOME": "%/data", "XDG_CONFIG_HOME": "%/config",
				"XDG_STATE_HOME": "%/state", "XDG_CACHE_HOME": "%/cache",
			},
			want: dirs{
				"%/data/zen",
				"%/config/zen",
				"%/state/zen",
				"%/session/zen",
				"%/session/zen/zend.sock",
			},
		},
		{
			name: "relative directories", setup: func(p *place) { p.dir("session", 0o700) },
			env: map[string]string{
				"XDG_RUNTIME_DIR": "%/session",
				"XDG_DATA_HOME":   "data",
				"XDG_CONFIG_HOME": "./config",
				"XDG_STATE_HOME":  "~/state",
			},
			want: defaults("%/session/zen"),
			notes: []string{"XDG_DATA_HOME=data is not an absolute path", "XDG_CONFIG_HOME=./config is " +
				"not an absolute path", "XDG_STATE_HOME=~/state is not an absolute path"},
		},
		{name: "no session", want: defaults(fallbackRuntime), notes: []string{"XDG_RUNTIME_DIR= is not " +
			"set"}, linux: true},
		{
			name:  "no session, the system has a directory",
			setup: withRun,
			want:  defaults("%/run/" + own + "/zen"),
			notes: []string{"XDG_RUNTIME_DIR= is not set"},
			linux: true,
		},
		{
			name:  "no session, the system's directory is open",
			setup: func(p *place) { p.dir("run/"+own, 0o777) },
			want:  defaults(fallbackRuntime), notes: []string{"XDG_RUNTIME_DIR= is not set"}, linux: true,
		},
		{
			name: "no session, a cache of its own", env: map[string]string{"XDG_CACHE_HOME": "%/cache"},
			want: defaults("%/cache/zen/run"), notes: []string{"XDG_RUNTIME_DIR= is not set"}, linux: true,
		},
		{
			name: "session relative", env: map[string]string{"XDG_RUNTIME_DIR": "session"},
			want: defaults(fallbackRuntime), notes: []string{"XDG_RUNTIME_DIR=session is not an absolute " +
				"path"},
		},
		{
			name: "session absent", env: map[string]string{"XDG_RUNTIME_DIR": "%/session"},
			want: defaults(fallbackRuntime), notes: []string{"XDG_RUNTIME_DIR=%/session cannot be used: " +
				"lstat %/session: no such file or directory"},
		},
		{
			name: "session is a file", env: map[string]string{"XDG_RUNTIME_DIR": "%/session"},
			setup: func(p *place) { p.file("session", "") },
			want:  defaults(fallbackRuntime), notes: []string{"XDG_RUNTIME_DIR=%/session is not a directory"},
		},
		{
			name: "session is a link", env: map[string]string{"XDG_RUNTIME_DIR": "%/session"},
			setup: func(p *place) { p.link("home", "session") },
			want:  defaults(fallbackRuntime), notes: []string{"XDG_RUNTIME_DIR=%/session is a symbolic link"},
		},
		{
			name: "session is open", env: map[string]string{"XDG_RUNTIME_DIR": "%/session"},
			setup: func(p *place) { p.dir("session", 0o770) },
			want:  defaults(fallbackRuntime), notes: []string{"XDG_RUNTIME_DIR=%/session can be written " +
				"by other users"},
		},
		{
			name: "session can be read", env: map[string]string{"XDG_RUNTIME_DIR": "%/session"},
			setup: func(p *place) { p.dir("session", 0o755) },
			want:  defaults("%/session/zen"), // what zen makes in there is its own alone
		},
		{
			name: "socket", env: map[string]string{
				"ZEN_SOCKET":      "%/else/where/../z.sock",
				"XDG_RUNTIME_DIR": "nonsense",
			},
			want: dirs{
				"%/home/" + dataDir,
				"%/home/" + configDir,
				"%/home/" + stateDir,
				"%/else",
				"%/else/z.sock",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.linux && !runtimeIsXDG {
				t.Skip("XDG_RUNTIME_DIR means nothing on this system")
			}
			p := newPlace(t)
			maps.Copy(p.env, tt.env)
			if tt.setup != nil {
				tt.setup(p)
			}
			d, err := p.find()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, p.short(d)); diff != "" {
				t.Error(diff)
			}
			var notes []string
			for _, f := range d.Fallbacks {
				notes = append(notes, strings.ReplaceAll(f.Variable+"="+f.Wanted+" "+f.Why, p.root, "%"))
				if f.Used == "" {
					t.Errorf("%s: it is not told what is used", f.Variable)
				}
			}
			if diff := cmp.Diff(tt.notes, notes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Runtime directories of other users are not used: sudo leaves XDG_RUNTIME_DIR as it was.
func TestForeignRuntimeDirectory(t *testing.T) {
	p := newPlace(t)
	p.uid = os.Geteuid() + 1
	p.dir("session", 0o700)
	p.env["XDG_RUNTIME_DIR"] = "%/session"
	d, err := p.find()
	if err != nil {
		t.Fatal(err)
	}
	owner := "user " + strconv.Itoa(os.Geteuid())
	if os.Geteuid() == 0 {
		owner = "root"
	}
	if len(d.Fallbacks) == 0 || d.Fallbacks[len(d.Fallbacks)-1].Why != "belongs to "+owner ||
		strings.HasPrefix(d.Runtime, p.root+"/session") {
		t.Errorf("%+v", d)
	}
}

func TestHome(t *testing.T) {
	uid := strconv.Itoa(os.Geteuid())
	tests := []struct {
		name, home, passwd string
		uid                int // 0: the test's own
		want               string
		note               string
		mine               string // a directory that belongs to uid
	}{
		{name: "set", home: "%/home", passwd: "me:x:" + uid + ":1::%/other:/bin/sh\n", want: "%/home"},
		{
			name: "not set",
			passwd: "root:x:99:0::/99:/bin/sh\nme:x:" + uid + ":1:Me,,:%/home:/bin/sh\nme2:x:" + uid +
				":1::/second:/bin/sh\n",
			want: "%/home",
		},
		{name: "relative", home: "home", passwd: "me:x:" + uid + ":1::%/home:/bin/sh", want: "%/home"},
		{name: "nowhere", passwd: "other:x:99:1::/other:/bin/sh\n"},
		{name: "odd lines", passwd: "\n:\nme:x:" + uid + "\nme:x:" + uid + ":1::relative:/bin/sh\n"},
		{name: "absent", home: "%/none", passwd: "", want: "%/none"},
		{
			name: "another user's", home: "%/home", uid: os.Geteuid() + 1, passwd: "me:x:" +
				strconv.Itoa(os.Geteuid()+1) + ":1::%/mine:/bin/sh\n",
			want: "%/mine", note: "HOME", mine: "mine",
		},
		{
			name:   "another user's, and the listed one is absent",
			home:   "%/home",
			uid:    os.Geteuid() + 1,
			passwd: "me:x:" + strconv.Itoa(os.Geteuid()+1) + ":1::%/mine:/bin/sh\n",
			want:   "%/home",
		},
		{name: "another user's, and none else", home: "%/home", uid: os.Geteuid() + 1, want: "%/home"},
		{
			name:   "another user's, says the system too",
			home:   "%/home",
			uid:    os.Geteuid() + 1,
			passwd: "me:x:" + strconv.Itoa(os.Geteuid()+1) + ":1::%/home:/bin/sh\n",
			want:   "%/home",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlace(t)
			p.env["HOME"] = tt.home
			p.file("passwd", tt.passwd)
			if tt.uid != 0 {
				p.uid = tt.uid
			}
			if tt.mine != "" {
				if os.Geteuid() != 0 {
					t.Skip("only root can give a directory away")
				}
				p.dir(tt.mine, 0o700)
				if err := os.Chown(filepath.Join(p.root, tt.mine), tt.uid, -1); err != nil {
					t.Fatal(err)
				}
			}
			d, err := p.find()
			if tt.want == "" {
				if !credential.InvalidInput.Is(err) || err.Error() != "HOME is not set to an absolute path" {
					t.Errorf("%+v, %v", d, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Replace(tt.want, "%", p.root, 1); d.Data != filepath.Join(want, dataDir) {
				t.Errorf("%s is not below %s", d.Data, want)
			}
			noted := 0
			for _, f := range d.Fallbacks {
				if f.Variable == "HOME" {
					noted++
				}
			}
			if (noted == 1) != (tt.note == "HOME") || noted > 1 {
				t.Errorf("told %d times: %+v", noted, d.Fallbacks)
			}
		})
	}
	p := newPlace(t)
	p.env["HOME"] = ""
	if err := os.Remove(filepath.Join(p.root, "passwd")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.find(); !credential.InvalidInput.Is(err) {
		t.Errorf("%v", err)
	}
}

func TestSocketErrors(t *testing.T) {
	p := newPlace(t)
	p.env["ZEN_SOCKET"] = "zend.sock\x1b"
	if _, err := p.find(); !credential.InvalidInput.Is(err) || err.Error() != `ZEN_SOCKET is not an `+
		`absolute path: "zend.sock\x1b"` {
		t.Errorf("%v", err)
	}
	for length, ok := range map[int]bool{MaxSocketPath: true, MaxSocketPath + 1: false} {
		path := "/" + strings.Repeat("x", length-1)
		p.env["ZEN_SOCKET"] = path
		d, err := p.find()
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Socket()
		if ok && (err != nil || got != path) ||
			!ok &&
				(!credential.InvalidInput.Is(err) || !strings.Contains(err.Error(), "too long "+
					"("+strconv.Itoa(length)+" bytes")) {
			t.Errorf("%d bytes: %q, %v", length, got, err)
		}
	}
}

// The names that others rely on: documents, units, and versions of zen to come.
func TestNames(t *testing.T) {
	d := Dirs{Data: "/d", Config: "/c", State: "/s", Runtime: "/r"}
	socket, err := d.Socket()
	if err != nil {
		t.Fatal(err)
	}
	got := []string{
		d.Vault(), d.Hosts(), d.Log(), d.Audit(), d.Misses(), d.ConfigFile(),
		d.Lock(), d.SpawnLock(), socket,
	}
	want := []string{
		"/d/vault.json",
		"/d/hosts",
		"/s/zend.log",
		"/s/audit.jsonl",
		"/s/misses.jsonl",
		"/c/config.toml",
		"/r/zend.lock",
		"/r/spawn.lock",
		"/r/zend.sock",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Find looks at the process's own environment.
func TestFindReadsTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"} {
		t.Setenv(name, dir)
	}
	t.Setenv("ZEN_SOCKET", "")
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(dir, "zen")
	if d.Data != want || d.Config != want || d.State != want || d.Runtime != want || d.Fallbacks != nil {
		t.Errorf("%+v", d)
	}
}
