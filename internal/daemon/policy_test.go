package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/config"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/policy"
)

func TestPolicyRules(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	ghcr, err := address.Parse("ghcr.io/team")
	if err != nil {
		t.Fatal(err)
	}
	got := policyRules([]config.Rule{
		{Confirm: true},
		{
			Connector: "prod-*", Registry: "ghcr.io/team",
			Executables: []config.Executable{"~/bin/docker", "docker", "/usr/bin/x", "~x"},
			Directories: []config.Directory{
				"~",
				"~/src/../a",
				"/src",
			}, Confirm: true, ConfirmKeep: config.Duration(time.Minute),
			Rate: config.Rate{Count: 3, Per: time.Hour},
		},
	})
	want := []policy.Rule{
		{Number: 1, Confirm: true},
		{
			Number: 2, Connector: "prod-*", Registry: ghcr,
			Executables: []string{"/home/me/bin/docker", "docker", "/usr/bin/x", "~x"},
			Directories: []string{
				"/home/me",
				"/home/me/a",
				"/src",
			}, Confirm: true, Keep: time.Minute, Rate: policy.Rate{Count: 3, Per: time.Hour},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// An edited policy holds at once; a request that waits is a notice, and so is a rule
// about nothing.
func TestPolicyIsTakenOver(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	w.store("ghcr.io")
	w.wantGet("ghcr.io", canary)
	w.write(w.dirs.ConfigFile(), "[[policy]]\nexecutables = "+
		"[\"/nowhere/docker\"]\n\n[[policy]]\nconnector = \"prod\"\nconfirm = true\n")
	p.awaitLog("Took over the edited config.toml")
	w.wantGet("ghcr.io", "denied")
	eventually(t, "the rule about nothing is told of", func() bool {
		return len(w.status().Notices) == 1 && strings.Contains(w.status().Notices[0].Text, "rule 2 of "+
			"the policy is about service connector 'prod', which does not exist")
	})
	w.store("quay.io")
	w.write(w.dirs.ConfigFile(), "[[policy]]\nconfirm = true\n")
	p.awaitLogs("Took over the edited config.toml", 2)
	for _, want := range []string{"a request waits until you allow it", "2 requests wait until you allow " +
		"them"} {
		host := map[bool]string{true: "ghcr.io", false: "quay.io/team/app"}[strings.HasPrefix(want, "a ")]
		go w.get(host)
		eventually(t, want, func() bool {
			list := w.status().Notices
			return len(list) == 1 && list[0].Text == want && list[0].Hint == "zen approve"
		})
	}
	if got := w.mustCall(api.MethodApprovalList, api.Empty{}); !strings.Contains(
		got,
		`"address":"ghcr.io"`,
	) ||
		!strings.Contains(got, `"address":"quay.io/team/app"`) {
		t.Errorf("%s", got)
	}
	w.mustCall(api.MethodApprovalAnswer, api.AnswerApproval{All: true})
	eventually(t, "nothing waits any more", func() bool { return len(w.status().Notices) == 0 })
}

// breakage is something that keeps config.toml from being read.
type breakage struct {
	name string
	do   func(w *world, path string)
	want string // what is said about it
}

func breakages() []breakage {
	text := func(text string) func(*world, string) {
		return func(w *world, path string) { w.write(path, text) }
	}
	return []breakage{
		{"no TOML", text("[[policy]]\nconfirm = \n"), "config.toml, line 2: "},
		{"another type", text("\n[[policy]]\nconfirm = \"yes\"\n"), "config.toml, line 3: policy.confirm: "},
		{"unknown setting of a rule", text("[[policy]]\nconector = \"prod\"\n"), `config.toml, line 2: ` +
			`there is no setting "policy.conector"`},
		{"unknown setting elsewhere", text("idle_exitt = \"1h\"\n[[policy]]\nconfirm = " +
			"true\n"), `config.toml, line 1: there is no setting "idle_exitt"`},
		{"unknown table", text("[[policy]]\nconfirm = true\n[foo]\n"), `config.toml, line 3: there is no ` +
			`setting "foo"`},
		{"no time", text("[[policy]]\nconfirm = true\nconfirm_keep = \"10 minutes\"\n"), "config.toml, " +
			"line 3: policy.confirm_keep: "},
		{"a rule that asks for nothing", text("\n[[policy]]\nconnector = \"prod\"\n"), "config.toml, " +
			"line 2: policy, rule 1: "},
		{"too large", text(strings.Repeat("#", 1<<20+1)), "config.toml: cannot be read: it has more than"},
		{"directory", func(w *world, path string) { w.mkdir(path) }, "config.toml: cannot be read: it is " +
			"not a file"},
		{
			"dangling link",
			func(w *world, path string) { w.must(os.Symlink("gone.toml", path)) },
			"it is a symbolic link that leads nowhere",
		},
		{"dangling link to the directory", func(w *world, path string) {
			w.must(os.Remove(filepath.Dir(path)))
			w.must(os.Symlink("gone", filepath.Dir(path)))
		}, "it is a symbolic link that leads nowhere"},
		{"link to itself", func(w *world, path string) { w.must(os.Symlink(path, path)) }, "config.toml: " +
			"cannot be read: too many levels"},
		{"FIFO", func(w *world, path string) { w.must(syscall.Mkfifo(path, 0o600)) }, "it is not a file"},
		{"device", func(w *world, path string) { w.must(os.Symlink("/dev/zero", path)) }, "it is not a file"},
		{"file in the directory's place", func(w *world, path string) {
			w.must(os.Remove(filepath.Dir(path)))
			w.must(os.WriteFile(filepath.Dir(path), nil, 0o600))
		}, "config.toml: cannot be read: not a directory"},
		{"not readable", func(w *world, path string) {
			if os.Geteuid() == 0 { // who reads everything
				w.must(os.Symlink("/proc/self/mem", path))
				return
			}
			w.write(path, "[[policy]]\nconfirm = true\n")
			w.must(os.Chmod(path, 0))
		}, "config.toml: cannot be read: "},
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// place exchanges what stands in the place of config.toml for what do makes, at once: an
// absent file would mean something, too.
func (w *world) place(do func(w *world, path string)) {
	w.t.Helper()
	dir := filepath.Dir(w.dirs.ConfigFile())
	w.mkdir(filepath.Dir(dir))
	real, err := os.MkdirTemp(filepath.Dir(dir), "real")
	w.must(err)
	do(w, filepath.Join(real, "config.toml"))
	w.must(os.Symlink(real, dir+".new"))
	w.must(os.Rename(dir+".new", dir))
}

// With a config.toml that cannot be read when zend starts, the rules are not known:
// nothing is handed out that they could forbid, and everything else goes on. A mended
// file holds at once.
func TestBrokenSettingsAtTheStart(t *testing.T) {
	for _, tt := range breakages() {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.place(tt.do)
			p := w.start()
			w.store("ghcr.io")
			_, err := w.call(api.MethodGet, map[string]string{"ServerURL": "ghcr.io"})
			e, _ := errors.AsType[*credential.Error](err)
			if !credential.Denied.Is(err) || !strings.Contains(e.Message, tt.want) ||
				!strings.HasPrefix(e.Hint, "edit "+w.dirs.ConfigFile()) {
				t.Errorf("get: %v", err)
			}
			w.wantGet("quay.io", "not_logged_in")
			if list := w.mustCall(api.MethodList, api.Empty{}); !strings.Contains(list, `"ghcr.io":"alice"`) {
				t.Errorf("list: %s", list)
			}
			s := w.status()
			if len(s.Notices) == 0 || !s.Notices[0].Urgent || !strings.Contains(s.Notices[0].Text, tt.want) ||
				s.Logins[0].Problem == "" {
				t.Errorf("status: %+v", s)
			}
			w.place(func(w *world, path string) {
				w.write(path, "[[policy]]\nexecutables = "+
					"[\"/nowhere/docker\"]\n")
			})
			p.awaitLog("Took over the edited config.toml")
			if _, err := w.call(api.MethodGet, map[string]string{"ServerURL": "ghcr.io"}); err == nil ||
				!strings.Contains(err.Error(), "/nowhere/docker") {
				t.Errorf("with the mended file: %v", err)
			}
			w.must(os.Remove(w.dirs.ConfigFile()))
			p.awaitLogs("Took over the edited config.toml", 2)
			w.wantGet("ghcr.io", canary)
			if n := w.status().Notices; len(n) > 0 {
				t.Errorf("without a file: %+v", n)
			}
		})
	}
}

// While zend runs, the rules from before a mistake hold.
func TestBrokenSettingsLater(t *testing.T) {
	w := newWorld(t)
	w.place(func(w *world, path string) {
		w.write(path, "[[policy]]\nregistry = \"ghcr.io\"\nexecutables = [\"/nowhere/docker\"]\n")
	})
	w.start()
	w.store("ghcr.io")
	w.store("quay.io")
	for _, tt := range breakages() {
		t.Run(tt.name, func(t *testing.T) {
			w.t = t
			w.place(tt.do)
			eventually(t, "the mistake is told first", func() bool {
				n := w.status().Notices
				return len(n) > 0 && n[0].Urgent && strings.Contains(n[0].Text, tt.want) &&
					strings.HasPrefix(n[0].Hint, "edit "+w.dirs.ConfigFile())
			})
			w.wantGet("ghcr.io", "denied")
			w.wantGet("quay.io", canary)
		})
	}
}

// What was used before a restart counts for a rate.
func TestRatesOutliveZend(t *testing.T) {
	w := newWorld(t)
	w.write(w.dirs.ConfigFile(), "[[policy]]\nrate = \"2/1h\"\n")
	p := w.start()
	w.store("ghcr.io")
	w.wantGet("ghcr.io", canary)
	p.signal(syscall.SIGTERM)
	p.awaitExit()
	w.start()
	w.wantGet("ghcr.io", canary)
	w.wantGet("ghcr.io", "rate_limited")
}
