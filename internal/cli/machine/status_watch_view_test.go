package machine

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
	"github.com/zen-agent/zen/internal/safetext/textwidth"
)

var update = flag.Bool("update", false, "write what the live view shows into testdata")

func midday() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

// watchedWorld is a moment with all that can be in one.
func watchedWorld() watched {
	until := midday().Add(2 * time.Hour)
	used, token, ends := midday().Add(-75*time.Second),
		midday().Add(59*time.Minute+10*time.Second),
		midday().Add(75*time.Hour)
	locks := midday().Add(14 * time.Minute)
	s := api.Status{
		Version: "1.2.3", PID: 4711, Started: midday().Add(-90 * time.Minute), Activity: "on demand",
		Guard: "report",
		Vault: api.VaultStatus{
			State: "unlocked", Slots: []api.VaultSlot{{Kind: "session", Detail: "the kernel's user " +
				"keyring, until the next boot"}},
		},
		Counts: api.Counts{Connectors: 3, Registries: 1, Stacks: 2}, AutoLock: &locks,
		Logins: []api.Login{
			{
				Address: "docker.io", ServerURL: "https://index.docker.io/v1/", ConnectorName: "dockerhub",
				Username: "me",
				Source:   "connector", Until: &until, LastUsed: &used,
			},
			{
				Address: "ghcr.io/team", ServerURL: "ghcr.io/team", Source: "docker " +
					"login", Username: "you", Dir: "/home/me/src",
				Profile: "work", Problem: "the vault is locked",
			},
			{
				Address: "123456789012.dkr.ecr.eu-west-1.amazonaws.com", ConnectorName: "aws\x1b[2J\nforged",
				Source: "connector",
				Until:  &ends, TokenExpires: &token,
			},
		},
	}
	s.Notices = []api.Notice{
		{Text: "a request waits until you allow it", Hint: "zen approve"},
		{Text: "config.toml\nis broken"},
		{Text: "the login for ghcr.io is in the vault now", Done: true},
	}
	return watched{status: s, known: true}
}

func TestWatchView(t *testing.T) {
	refused := credential.NewError(credential.Unavailable, "zend is not running (nothing answers at "+
		"/run/zend.sock)", "")
	quiet := watchedWorld()
	quiet.status.Logins, quiet.status.Notices = nil, nil
	quiet.status.Vault.Problem = "the key is gone"
	down := watchedWorld()
	down.err = refused
	many := watchedWorld()
	for i := range 30 {
		many.status.Logins = append(
			many.status.Logins,
			api.Login{Address: fmt.Sprintf("registry-%02d.example", i), Source: "docker login"},
		)
	}
	var b strings.Builder
	for _, tt := range []struct {
		name          string
		w             watched
		first         int
		columns, rows int
	}{
		{"a wide screen", watchedWorld(), 0, 160, 24},
		{"a usual screen", watchedWorld(), 0, 80, 24},
		{"a narrow screen", watchedWorld(), 0, 40, 24},
		{"a very narrow screen", watchedWorld(), 0, 12, 24},
		{"a low screen", many, 0, 100, 12},
		{"a low screen, scrolled", many, 7, 100, 12},
		{"a low screen, scrolled to the end", many, 1000, 100, 12},
		{"a screen of three lines", many, 0, 100, 3},
		{"nothing is there", quiet, 0, 80, 24},
		{"zend has gone", down, 0, 100, 24},
		{"zend was never there", watched{err: refused}, 0, 100, 24},
	} {
		lines, last := tt.w.view(midday(), tt.first, tt.columns, tt.rows)
		fmt.Fprintf(&b, "%s: %d columns, %d rows, scrolls to %d\n", tt.name, tt.columns, tt.rows, last)
		for _, line := range lines {
			b.WriteString("|" + line + "\n")
			if textwidth.Of(line) > tt.columns || strings.ContainsFunc(line, safetext.Unsafe) ||
				strings.Contains(line, "\n") {
				t.Errorf("%s: %q", tt.name, line)
			}
		}
		if len(lines) > tt.rows {
			t.Errorf("%s: %d lines", tt.name, len(lines))
		}
		b.WriteByte('\n')
	}
	const path = "testdata/golden/status-watch.txt"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("%s (go test ./internal/cli/machine -run WatchView -update writes it anew): -want "+
			"+got\n%s", path, diff)
	}
}

// Whatever the size and the names: nothing is wider or higher than the screen.
func FuzzWatchView(f *testing.F) {
	f.Add("ghcr.io", "a", 80, 24, 0)
	f.Add("日本語\x1b", "💥💥💥💥💥💥💥💥💥💥💥💥💥💥💥💥💥💥💥💥", 9, 5, 3)
	f.Fuzz(func(t *testing.T, address, problem string, columns, rows, first int) {
		columns, rows, first = 1+abs(columns)%300, 1+abs(rows)%100, abs(first)%100
		w := watchedWorld()
		for range 20 {
			w.status.Logins = append(
				w.status.Logins,
				api.Login{Address: address, Problem: problem, ConnectorName: problem},
			)
		}
		lines, last := w.view(midday(), first, columns, rows)
		if len(lines) > rows || last < 0 {
			t.Fatalf("%d lines of %d, last %d", len(lines), rows, last)
		}
		for _, line := range lines {
			if textwidth.Of(line) > columns && columns > 2 || strings.ContainsFunc(line, safetext.Unsafe) ||
				strings.Contains(line, "\n") {
				t.Fatalf("%d columns: %q", columns, line)
			}
		}
	})
}

func abs(n int) int { return max(n, -(n + 1)) }

func TestWatchKeys(t *testing.T) {
	for text, want := range map[string][]watchKey{
		"": nil, "q": {keyQuit}, "Q": {keyQuit}, "\x03": {keyQuit}, "\x04": {keyQuit}, "\x1a": {keySuspend},
		"x": {keyOther}, "xq": {keyOther, keyQuit},
		"\x1b[A": {keyUp}, "\x1bOB\x1b[Bj": {keyDown, keyDown, keyDown}, "k": {keyUp}, "\x1b": {keyOther},
		"\x1b[5~": {keyOther}, "\x1b[Aq": {keyUp, keyQuit},
	} {
		if got := keysIn(text); !slices.Equal(got, want) {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestRough(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 7 * time.Second: "7s", 59*time.Minute + 59*time.Second: "59m59s", time.Hour +
			59*time.Second: "1h",
		25*time.Hour + 59*time.Minute: "1d1h", 90 * 24 * time.Hour: "90d",
	} {
		if got := rough(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}

// What is not open is not always locked by somebody.
func TestVaultLine(t *testing.T) {
	for want, v := range map[string]api.VaultStatus{
		"unlocked":                          {State: "unlocked"},
		"locked: nothing has needed it yet": {State: "locked"},
		"locked: the vault was locked by zen lock": {State: "locked", Problem: "the vault was locked by " +
			"zen lock"},
	} {
		if got := vaultLine(v); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
