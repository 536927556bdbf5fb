package logins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/credential"
)

func noon() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// fetched finds, gets the secrets and returns the logins as lines.
func (b *box) fetched(from ...string) (Found, []string) {
	b.t.Helper()
	found, _ := b.find(from...)
	Fetch(b.t.Context(), found.Logins)
	var lines []string
	for _, l := range found.Logins {
		if !l.Absent {
			lines = append(lines, b.line(l))
		}
	}
	return found, lines
}

func TestHelpers(t *testing.T) {
	const config = "home/.docker/config.json"
	tests := []struct {
		name  string
		setup func(b *box)
		from  []string
		want  []string
		notes []string
		fails []string
	}{
		{
			name: "one that is simply there",
			setup: func(b *box) {
				b.helper("pass")
				b.keep("pass", "https://ghcr.io", "alice", "one")
				b.keep("pass", "https://index.docker.io/v1/", "bob", "two")
				b.keep("pass", "https://index.docker.io/v1/access-token", "bob", "three")
			},
			want: []string{
				"pass docker-credential-pass https://ghcr.io=>ghcr.io alice:one",
				"pass docker-credential-pass https://index.docker.io/v1/=>https://index.docker.io/v1/ " +
					"bob:two",
				"pass docker-credential-pass " +
					"https://index.docker.io/v1/access-token=>https://index.docker.io/v1/access-token " +
					"bob:three",
			},
		},
		{
			name: "secretservice's list of labels is repaired",
			setup: func(b *box) {
				b.vars["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/nowhere"
				b.helper("secretservice")
				b.keep("secretservice", "https://ghcr.io", "alice", "one")
				b.write("kept-secretservice/https:__ghcr.io/label", "Registry credentials for "+
					"https://ghcr.io")
				b.keep("secretservice", "quay.io", "account not defined", "two")
			},
			want: []string{
				"secretservice docker-credential-secretservice https://ghcr.io=>ghcr.io alice:one",
				"secretservice docker-credential-secretservice quay.io=>quay.io account not defined:two",
			},
		},
		{
			name: "without a session bus nobody asks secretservice, unless it is meant",
			setup: func(b *box) {
				b.helper("secretservice")
				b.keep("secretservice", "ghcr.io", "alice", "one")
			},
		},
		{
			name:  "without a session bus secretservice fails when it is meant",
			from:  []string{"secretservice"},
			setup: func(b *box) { b.helper("secretservice") },
			fails: []string{"docker-credential-secretservice cannot be asked: there is no D-Bus session " +
				"here"},
		},
		{
			name: "what the configuration says that a helper has, and the list does not",
			setup: func(b *box) {
				b.helper("pass")
				b.keep("pass", "ghcr.io", "alice", "one")
				b.write("kept-pass/ghcr.io/label", "changed by somebody")
				b.write(config, `{"auths": {"ghcr.io": {}, "gone.example": {}}, "credsStore": "pass"}`)
			},
			want: []string{
				"pass docker-credential-pass changed by somebody=> alice: !it is not the name of a " +
					"registry: ",
				"pass docker-credential-pass ghcr.io=>ghcr.io alice:one",
			},
		},
		{
			name: "one that is named and missing",
			setup: func(b *box) {
				b.write(config, `{"credHelpers": {"ghcr.io": "osxkeychain"}}`)
			},
			fails: []string{"docker-credential-osxkeychain is not on PATH"},
		},
		{
			name: "one that is asked for and missing", from: []string{"wincred"}, setup: func(*box) {},
			fails: []string{"docker-credential-wincred is not on PATH"},
		},
		{
			name: "Docker Desktop is gone; what it kept is not",
			setup: func(b *box) {
				kept := desktopKept(runtime.GOOS)
				b.helper(kept)
				b.keep(kept, "https://index.docker.io/v1/", "hub", "pw")
				b.write(config, `{"auths": {"https://index.docker.io/v1/": {}}, "credsStore": "desktop"}`)
			},
			want: []string{desktopKept(runtime.GOOS) + " docker-credential-" + desktopKept(runtime.GOOS) +
				" https://index.docker.io/v1/=>https://index.docker.io/v1/ hub:pw"},
			notes: []string{"still names docker-credential-desktop, which went away with Docker Desktop"},
		},
		{
			name: "Docker Desktop is there, its helper ends in .exe",
			setup: func(b *box) {
				b.helper("desktop.exe")
				b.keep("desktop.exe", "ghcr.io", "alice", "one")
				b.write(config, `{"credsStore": "desktop.exe"}`)
			},
			want: []string{"desktop docker-credential-desktop.exe ghcr.io=>ghcr.io alice:one"},
		},
		{
			name: "helpers that make credentials anew are left alone",
			setup: func(b *box) {
				b.helper("ecr-login")
				b.keep("ecr-login", "1.dkr.ecr.us-east-1.amazonaws.com", "AWS", "short-lived")
				b.write(config, `{"credHelpers": {"1.dkr.ecr.us-east-1.amazonaws.com": "ecr-login"}}`)
			},
			notes: []string{"docker-credential-ecr-login stays in charge"},
		},
		{
			name: "zen is no source, by whatever name",
			setup: func(b *box) {
				b.helper("zen")
				b.keep("zen", "ghcr.io", "alice", "one")
				b.write(config, `{"credsStore": "zen-work", "credHelpers": {"quay.io": "zen"}}`)
				for _, name := range []string{"pass", "desktop"} {
					if err := os.Symlink(b.at("bin/docker-credential-zen"),
						b.at("bin/docker-credential-"+name)); err != nil {
						b.t.Fatal(err)
					}
				}
			},
		},
		{
			name: "a list that fails",
			setup: func(b *box) {
				b.write("bin/docker-credential-pass", "#!/bin/sh\necho 'pass not initialized: exit "+
					"status 1'\necho secret >&2\nexit 1\n")
				b.write(config, `{"credsStore": "pass"}`)
			},
			fails: []string{"docker-credential-pass failed: pass not initialized: exit status 1"},
		},
		{
			name:  "a list that fails of one that nobody uses",
			setup: func(b *box) { b.write("bin/docker-credential-pass", "#!/bin/sh\necho no\nexit 1\n") },
			notes: []string{"docker-credential-pass failed: no; no configuration names it, so it is " +
				"passed over"},
		},
		{
			name: "a list that makes no sense",
			setup: func(b *box) {
				b.write("bin/docker-credential-osxkeychain", "#!/bin/sh\necho '{\"a\": [1]}'\n")
				b.write("bin/docker-credential-wincred", "#!/bin/sh\necho null\n")
			},
			from:  []string{"osxkeychain", "wincred"},
			fails: []string{"docker-credential-osxkeychain lists something that makes no sense"},
		},
		{
			name: "one that somebody else could exchange",
			setup: func(b *box) {
				b.helper("wincred")
				b.keep("wincred", "ghcr.io", "alice", "one")
				b.write(config, `{"credsStore": "wincred"}`)
				if err := os.Chmod(b.at("bin"), 0o777); err != nil {
					b.t.Fatal(err)
				}
			},
			fails: []string{"bin/docker-credential-wincred is not safe to execute: the directory "},
		},
		{
			name: "pass lists nothing as a whole because of one empty directory",
			setup: func(b *box) {
				b.helper("pass")
				b.keep("pass", "ghcr.io", "alice", "one")
				b.write(
					"bin/docker-credential-pass",
					strings.Replace(
						b.read("bin/docker-credential-pass"),
						"\nlist)",
						"\nlist) echo 'no usernames for x'; exit 1;;\nnolist)",
						1,
					),
				)
				b.write("home/.password-store/docker-credential-helpers/Z2hjci5pbw==/alice.gpg", "")
				b.write("home/.password-store/docker-credential-helpers/.hidden/x", "")
				b.write("home/.password-store/docker-credential-helpers/cXVheS5pbw==/notes.txt", "")
			},
			want: []string{"pass docker-credential-pass ghcr.io=>ghcr.io alice:one"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBox(t)
			tt.setup(b)
			found, got := b.fetched(tt.from...)
			for i := range got {
				if name, rest, ok := strings.Cut(got[i], "of a registry: "); ok && rest != "" {
					got[i] = name + "of a registry: "
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			var notes, fails []string
			for _, n := range found.Notes {
				notes = append(notes, n.Message)
			}
			for _, f := range found.Failures {
				fails = append(fails, f.Problem.Error())
			}
			within(t, "notes", tt.notes, notes)
			within(t, "failures", tt.fails, fails)
		})
	}
}

// within checks that each text has its part.
func within(t *testing.T, what string, want, got []string) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%s: got %q, want %q", what, got, want)
		return
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("%s: got %q, want %q", what, got[i], want[i])
		}
	}
}

// What a helper answers to get, in all the ways that are known.
func TestFetchAnswers(t *testing.T) {
	tests := []struct{ name, script, want string }{
		{"not found although listed", "echo 'credentials not found in native keychain'; exit " +
			"1", "lists it, and has nothing"},
		{"empty strings", `echo '{"ServerURL":"a","Username":"","Secret":""}'`, "lists it, and has nothing"},
		{"an error", "echo 'gpg: decryption failed: No secret key'; exit 1", "failed: gpg: decryption " +
			"failed: No secret key"},
		{"an error that could be a secret", `echo '{"Secret":"hunter2"}'; exit 1`, "failed: without a word"},
		{"a secret on standard error", "echo hunter2 >&2; exit 3", "failed: without a word"},
		{"no JSON", "echo hunter2", "answers something that makes no sense"},
		{"no password", `echo '{"Username":"a"}'`, "there is a user name and no password"},
		{"more members", `echo '{"Username":"a","Secret":"s","Extra":{"x":[1]}}'`, ""},
		{"endless", "while :; do echo " +
			"0123456789012345678901234567890123456789012345678901234567890123456789; " +
			"done", "prints too much"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBox(t)
			b.write("bin/docker-credential-pass", "#!/bin/sh\n[ $1 = list ] && { echo "+
				"'{\"a.example\":\"u\"}'; exit; }\n"+tt.script+"\n")
			found, _ := b.fetched("pass")
			text := ""
			if err := found.Logins[0].Problem; err != nil {
				text = err.Error()
			}
			if !strings.Contains(text, tt.want) || strings.Contains(text, "hunter2") ||
				(tt.want == "") != (text == "") {
				t.Errorf("says %q, want %q", text, tt.want)
			}
		})
	}
}

// A helper that hangs is ended with all it started, and not asked again.
func TestHelperThatHangs(t *testing.T) {
	b := newBox(t)
	b.write("bin/docker-credential-pass", `#!/bin/sh
[ $1 = list ] && { echo '{"a.example":"u","b.example":"u","c.example":"u"}'; exit; }
echo $$ >> `+b.at("pids")+`
sleep 1000 &
echo $! >> `+b.at("pids")+`
wait
`)
	f := b.finder()
	found, err := f.Find(t.Context(), []string{"pass"})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range found.Logins {
		l.helper.limit = 300 * time.Millisecond
	}
	Fetch(t.Context(), found.Logins)
	for _, l := range found.Logins {
		if !credential.Timeout.Is(l.Problem) {
			t.Errorf("%s: %v", l.Key, l.Problem)
		}
	}
	pids := strings.Fields(b.read("pids"))
	if len(pids) != 2 {
		t.Errorf("it was asked again: %q", pids)
	}
	for _, pid := range pids {
		if !ended(pid) {
			t.Errorf("process %s runs on", pid)
		}
	}
}

// ended reports whether a process is gone or a zombie, within some time.
func ended(pid string) bool {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.
		Sleep(5 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return true
		}
	}
	return false
}

func TestFetchIsGivenUp(t *testing.T) {
	b := newBox(t)
	b.write("bin/docker-credential-pass", "#!/bin/sh\n[ $1 = list ] && { echo "+
		"'{\"a.example\":\"u\",\"b.example\":\"u\"}'; exit; }\nexec sleep 1000\n")
	found, _ := b.find("pass")
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("interrupted")
	time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
	Fetch(ctx, found.Logins)
	for _, l := range found.Logins {
		if !errors.Is(l.Problem, cause) {
			t.Errorf("%s: %v", l.Key, l.Problem)
		}
	}
}

// The first call is made alone, the others four at a time, never more.
func TestFetchInParallel(t *testing.T) {
	b := newBox(t)
	names := make([]string, 13)
	for i := range names {
		names[i] = fmt.Sprintf(`"r%d.example":"u"`, i)
	}
	// Each call writes when it begins and ends. All but the first one wait until five
	// have begun, so that four run at a time.
	b.write("bin/docker-credential-pass", `#!/bin/sh
log=`+b.at("log")+`
[ $1 = list ] && { echo '{`+strings.Join(names, ",")+`}'; exit; }
if [ -e $log ]; then want=5; else want=1; fi
echo + >> $log
until [ $(grep -c + $log) -ge $want ]; do sleep 0.01; done
echo - >> $log
echo '{"Username":"u","Secret":"s"}'
`)
	found, got := b.fetched("pass")
	if len(got) != 13 || len(found.Failures) > 0 {
		t.Fatalf("%q, %v", got, found.Failures)
	}
	for _, line := range got {
		if !strings.HasSuffix(line, " u:s") {
			t.Error(line)
		}
	}
	log := strings.ReplaceAll(b.read("log"), "\n", "")
	if !strings.HasPrefix(log, "+-+") {
		t.Errorf("the first call was not alone: %s", log)
	}
	running, most := 0, 0
	for _, c := range log {
		if running--; c == '+' {
			running += 2
		}
		most = max(most, running)
	}
	if most != parallel {
		t.Errorf("%d calls ran at a time, want %d: %s", most, parallel, log)
	}
}

// What a helper is executed with: one word, the key on standard input, no secret in
// arguments or environment.
func TestHowHelpersAreExecuted(t *testing.T) {
	b := newBox(t)
	b.helper("pass")
	b.keep("pass", "ghcr.io", "alice", "hunter2")
	script := b.read("bin/docker-credential-pass")
	b.write("bin/docker-credential-pass", strings.Replace(script, "\ndir=", "\n{ echo \"$@\"; env; } "+
		">> "+b.at("log")+"\ndir=", 1))
	found, _ := b.fetched("pass")
	l := found.Logins[0]
	if err := l.Erase(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Erase(t.Context()); err != nil {
		t.Errorf("erasing what is gone: %v", err)
	}
	if _, got := b.fetched("pass"); got != nil {
		t.Errorf("still there: %q", got)
	}
	again := b.finder().Login(l.Record(noon()))
	again.Secret = l.Secret
	if err := again.Return(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, got := b.fetched("pass"); len(got) != 1 || !strings.HasSuffix(got[0], "alice:hunter2") {
		t.Errorf("given back as %q", got)
	}
	log := b.read("log")
	if strings.Contains(log, "hunter2") || !strings.Contains(log, execMarker) ||
		!strings.Contains(log, "HOME=") {
		t.Errorf("executed as\n%s", log)
	}
}

// Erasing would take more than was imported.
func TestEraseOfSeveralAccounts(t *testing.T) {
	b := newBox(t)
	b.helper("pass")
	b.keep("pass", "ghcr.io", "alice", "one")
	for _, user := range []string{"alice", "bob"} {
		b.write("home/.password-store/docker-credential-helpers/Z2hjci5pbw==/"+user+".gpg", "")
	}
	found, _ := b.fetched("pass")
	if err := found.Logins[0].Erase(t.Context()); reason(err) != credential.InUse {
		t.Errorf("erased: %v", err)
	}
	if _, got := b.fetched("pass"); len(got) != 1 {
		t.Errorf("left %q", got)
	}
}

func TestRecords(t *testing.T) {
	state := t.TempDir()
	if list, err := Recorded(state); err != nil || list != nil {
		t.Fatalf("%v, %v", list, err)
	}
	a := Record{
		Source:    "docker",
		Client:    "docker",
		File:      "/f",
		Key:       "a",
		ServerURL: "a",
		Username:  "u",
		Time:      noon(),
	}
	b := Record{
		Source:    "pass",
		Helper:    "docker-credential-pass",
		Key:       "a",
		ServerURL: "a",
		Username:  "u",
		Time:      noon(),
	}
	for range 2 {
		if err := Remember(t.Context(), state, []Record{a, b}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := Recorded(state)
	if diff := cmp.Diff([]Record{a, b}, list); diff != "" || err != nil {
		t.Fatalf("%v\n%s", err, diff)
	}
	if err := Forget(t.Context(), state, []Record{a}); err != nil {
		t.Fatal(err)
	}
	if list, _ := Recorded(state); len(list) != 1 || list[0] != b {
		t.Errorf("left %v", list)
	}
	if err := Forget(t.Context(), state, []Record{b}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(records(state).File); !os.IsNotExist(err) {
		t.Errorf("an empty file is left: %v", err)
	}
	if err := os.WriteFile(records(state).File, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Remember(t.Context(), state, []Record{a}); reason(err) != credential.CannotWrite {
		t.Errorf("a broken file was replaced: %v", err)
	}
	if _, err := Recorded(filepath.Join(state, "imported.json")); err == nil {
		t.Error("a directory that is none was read")
	}
}
