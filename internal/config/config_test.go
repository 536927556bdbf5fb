package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLoad(t *testing.T) {
	tests := []struct {
		name, text string
		want       Config
	}{
		{"empty", "", Default()},
		{"comments", "# nothing\n\n", Default()},
		{"all", "log_level = 'debug'\nlist=\"none\"\nlogin_ttl = \"12h\"\nauto_lock = \"15m\"\nidle_exit " +
			"= \"2ms\"\nguard = \"import\"\n", Config{
			LogLevel: "debug", List: ListNone, LoginTTL: Duration(12 * time.Hour),
			AutoLock: Duration(15 * time.Minute), IdleExit: Duration(2 * time.Millisecond),
			Guard: GuardImport,
		}},
		{
			"days",
			`login_ttl = "7d"`,
			Config{
				LogLevel: "info",
				List:     ListAll,
				Guard:    GuardReport,
				LoginTTL: Duration(7 * 24 * time.Hour),
			},
		},
		{
			"days and hours",
			`login_ttl = "1d12h"`,
			Config{LogLevel: "info", List: ListAll, Guard: GuardReport, LoginTTL: Duration(36 * time.Hour)},
		},
		{"never", "login_ttl = \"0\"\nauto_lock = \"0s\"", Default()},
		{
			"windows line ends",
			"list = \"static\"\r\n",
			Config{LogLevel: "info", List: ListStatic, Guard: GuardReport},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.toml")
			write(t, path, tt.text)
			if got, err := Load(path); err != nil || !got.Equal(tt.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	const times = `write a number and a unit such as "45s", "30m", "12h" or "7d", or "0" for never`
	tests := []struct{ name, text, want string }{
		{"unknown", "list = \"all\"\n\nidle-exit = \"1h\"\n", `config.toml, line 3: there is no setting ` +
			`"idle-exit"; settings are ` +
			`log_level, list, login_ttl, auto_lock, idle_exit, guard, misses, policy`},
		{"unknown table", "# x\n[keyring]\nimport = true\n", `config.toml, line 2: there is no setting ` +
			`"keyring"; settings are`},
		{"guard", "guard = true\n", `config.toml, line 1: guard: true is not allowed; write "report", ` +
			`"repair", "import" or "off"`},
		{"choice", "list = \"some\"\n", `config.toml, line 1: list: "some" is not allowed; write "all", ` +
			`"static" or "none"`},
		{"choice, other type", "\nlog_level = 3\n", `config.toml, line 2: log_level: 3 is not allowed; ` +
			`write "debug", "info", "warn" or "error"`},
		{"time without unit", "auto_lock = 15\n", `config.toml, line 1: auto_lock: 15 is not a valid ` +
			`time; ` + times},
		{"time in text without unit", "auto_lock = \"15\"\n", `config.toml, line 1: auto_lock: "15" is ` +
			`not a valid time; ` + times},
		{"negative", "login_ttl = \"-1h\"\n", `"-1h" is not a valid time`},
		{"negative after days", "login_ttl = \"1d-1h\"\n", `"1d-1h" is not a valid time`},
		{"too long", "login_ttl = \"90000h\"\n", `"90000h" is not a valid time`},
		{"far too long", "login_ttl = \"4095d\"\n", `"4095d" is not a valid time`},
		{"table as a time", "[login_ttl]\nx = 1\n", "is not a valid time"},
		{"twice", "list = \"all\"\nlist = \"none\"\n", "config.toml, line 2: list: "},
		{"no TOML", "list: all\n", "config.toml, line 1: "},
		{"not UTF-8", "list = \"\xff\"\n", "config.toml, line 1: "},
		{"escapes", "list = \"\\u001b[2J\"\n", `"\x1b[2J" is not allowed`},
		{"long", "list = \"" + strings.Repeat("x", 1000) + "\"\n", `xxx... is not allowed`},
		{"too large", strings.Repeat("#", maxFile+1), "more than 1048576 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.toml")
			write(t, path, tt.text)
			_, err := Load(path)
			if credential.ReasonOf(err) != credential.InvalidInput ||
				!strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
			if e, ok := errors.AsType[*credential.Error](err); !ok || e.HintText() != "edit "+path {
				t.Errorf("hint of %v", err)
			}
		})
	}
}

func TestLoadOfWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if got, err := Load(filepath.Join(dir, "no", "config.toml")); err != nil || !got.Equal(Default()) {
		t.Errorf("missing: %+v, %v", got, err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "it is not a file") {
		t.Errorf("directory: %v", err)
	}
	loop := filepath.Join(dir, "loop.toml")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(loop); err == nil || !strings.Contains(err.Error(), "loop.toml: cannot be read: ") {
		t.Errorf("loop: %v", err)
	}
	nowhere := filepath.Join(dir, "nowhere")
	if err := os.Symlink("gone", nowhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(filepath.Join(dir, "linked", "config.toml")); err != nil || !got.Equal(Default()) {
		t.Errorf("missing in a linked directory: %+v, %v", got, err)
	}
	for _, path := range []string{
		nowhere, filepath.Join(nowhere, "config.toml"),
		filepath.Join(nowhere, "zen", "config.toml"),
	} {
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), ": cannot be read: it is a "+
			"symbolic link that leads nowhere") {
			t.Errorf("%s, dangling: %v", path, err)
		}
	}
}

// example is the config.toml that people are given to begin with: it sets nothing and
// explains every setting.
func example(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("../../packaging/config.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The example explains every setting, and shows its default. config.toml may be a link to
// a file of the user's; one of another user is not obeyed, and a FIFO not waited for.
func TestLoadOfWhoseFile(t *testing.T) {
	dir := t.TempDir()
	real, file := filepath.Join(dir, "dotfiles.toml"), filepath.Join(dir, "config.toml")
	if err := errors.Join(os.WriteFile(real, []byte("guard = \"off\"\n"), 0o644),
		os.Symlink("dotfiles.toml", file)); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(file); err != nil || got.Guard != "off" {
		t.Errorf("a link: %+v, %v", got, err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(fifo); err == nil || !strings.Contains(err.Error(), "it is not a file") {
		t.Errorf("a FIFO: %v", err)
	}
	if os.Geteuid() != 0 {
		return // only root can give a file away
	}
	if err := os.Chown(real, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "belongs to user 65534") {
		t.Errorf("another user's: %v", err)
	}
}

func TestExample(t *testing.T) {
	if cfg, err := parse("example.toml", []byte(example(t))); err != nil || !cfg.Equal(Default()) {
		t.Errorf("as it is: %+v, %v", cfg, err)
	}
	var shown strings.Builder
	for line := range strings.Lines(example(t)) {
		if text, ok := strings.CutPrefix(line, "#"); ok && !strings.HasPrefix(text, " ") && text != "\n" {
			shown.WriteString(text)
		}
	}
	cfg, err := parse("example.toml", []byte(shown.String()))
	if err != nil || !cfg.Equal(Default()) {
		t.Errorf("with its lines switched on: %+v, %v", cfg, err)
	}
	for _, name := range settings(reflect.TypeFor[Config]()) {
		if !strings.Contains(shown.String(), name+" = ") && name != "policy" {
			t.Errorf("%s is not explained", name)
		}
	}
	checkExampleRule(t)
}

// Whatever the file holds: valid settings or an error of one printable line.
func FuzzParse(f *testing.F) {
	f.Add(example(f))
	f.Add("list = \"none\"\nlogin_ttl = \"1d2h\"\n[x]\ny = [1, {z = 2}]\n")
	f.Add("list.x = 1\nlog_level = [\"\\u0000\"]\n")
	f.Add("\"\\u001b\" = 1\n")
	f.Add("a = \"\\\u00a0\"\n") // a space that stays, in the error
	f.Add("a.b.c = 1\na.b.c = 2")
	f.Add("[[policy]]\nconnector = \"prod-*\"\nregistry = \"ghcr.io/team\"\nexecutables = " +
		"[\"/usr/bin/*\"]\nrate = \"5/1h\"\n")
	f.Add("policy = [{confirm = true, confirm_keep = \"1d\"}, {directories = [\"~\"]}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := parse("/home/user/config.toml", []byte(text))
		if err != nil {
			if credential.ReasonOf(err) != credential.InvalidInput {
				t.Fatalf("%v", err)
			}
			if !safetext.Safe(err.Error()) {
				t.Fatalf("not safe to show: %q", err.Error())
			}
			return
		}
		for _, d := range []Duration{cfg.LoginTTL, cfg.AutoLock, cfg.IdleExit} {
			if d < 0 || time.Duration(d) > maxDuration {
				t.Fatalf("duration %d", d)
			}
		}
		for i, r := range cfg.Policy {
			if !r.Confirm && r.Executables == nil && r.Directories == nil && r.Rate.Count == 0 ||
				r.Rate.Count < 0 ||
				r.ConfirmKeep < 0 {
				t.Fatalf("rule %d: %+v", i, r)
			}
		}
		rules := len(cfg.Policy)
		cfg.Policy = nil
		again := "log_level = \"" + string(cfg.LogLevel) + "\"\nlist = \"" + string(cfg.List) + "\"\n"
		for name, d := range map[string]Duration{
			"login_ttl": cfg.LoginTTL, "auto_lock": cfg.AutoLock,
			"idle_exit": cfg.IdleExit,
		} {
			again += name + " = \"" + time.Duration(d).String() + "\"\n"
		}
		if got, err := parse("config.toml", []byte(again)); err != nil || !got.Equal(cfg) {
			t.Fatalf("%q means %+v, written out it means %+v, %v", text, cfg, got, err)
		}
		if meta, err := toml.Decode(text, &map[string]any{}); err == nil && rules == 0 &&
			len(meta.Keys()) > len(settings(reflect.TypeFor[Config]())) {
			t.Fatalf("a setting was passed over: %v", meta.Keys())
		}
	})
}
