package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext/textwidth"
)

// What a terminal is told when the live view begins and ends (xterm, DEC private modes).
const (
	screenOn  = "\x1b[?1049h\x1b[?25l\x1b[2J"
	screenOff = "\x1b[?25h\x1b[?1049l"
)

// zend is told where the user is, and what it says of that is shown.
func TestStatusHere(t *testing.T) {
	w := smallWorld()
	w.logins[1].Here = true
	z := startZend(t, w)
	r := zenWith(
		t,
		z,
		"",
		terminalOf{},
		map[string]string{"HOME": t.TempDir(), "ZEN_PROFILE": "work"},
		"status",
	)
	if r.code != 0 || strings.Count(r.stdout, "below /home/me/src, profile work (here)") != 1 ||
		strings.Count(r.stdout, "(here)") != 1 {
		t.Errorf("%+v", r)
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	if sent := z.sent(api.MethodStatus); len(sent) != 1 ||
		decode[api.StatusRequest]([]byte(sent[0].params)) != (api.StatusRequest{Dir: dir, Profile: "work"}) {
		t.Errorf("zend is told %+v", sent)
	}
}

// printed collects what a command prints, for a test that reads along.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer
	news *sync.Cond
}

func newOutput2() *printed {
	o := &printed{}
	o.news = sync.NewCond(&o.mu)
	return o
}

func (o *printed) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.news.Broadcast()
	return o.text.Write(p)
}

// await returns when the text was printed.
func (o *printed) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.Now().Add(patienceWithTerminals)
	late := time.AfterFunc(patienceWithTerminals, o.news.Broadcast)
	defer late.Stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for !strings.Contains(o.text.String(), text) {
		if time.Now().After(deadline) {
			t.Fatalf("%q was not printed, but\n%s", text, o.text.String())
		}
		o.news.Wait()
	}
}

func (o *printed) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// runInBackground runs a command that does not end by itself, without a terminal; end
// interrupts it and returns its exit status.
func runInBackground(t *testing.T, z *fakeZend, args ...string) (out *printed, end func() int) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	a := testApp(t, z, "", &bytes.Buffer{})
	out = newOutput2()
	a.Out = &ui.DataWriter{W: out}
	done := make(chan int, 1)
	go func() { done <- a.run(ctx, args) }()
	return out, func() int {
		cancel(ui.ErrInterrupted)
		return <-done
	}
}

func (z *fakeZend) change(f func(w *world)) {
	z.mu.Lock()
	defer z.mu.Unlock()
	f(&z.world)
}

// Without a terminal each thing is told when it changes, and not again.
func TestWatchWithoutATerminal(t *testing.T) {
	t.Parallel()
	z := startZend(t, smallWorld())
	out, end := runInBackground(t, z, "status", "--watch")
	out.await(t, "docker.io: service connector 'dockerhub', until 2026-11-23 14:00:00 UTC\n")
	used := noon().Add(time.Second)
	z.change(func(w *world) { w.logins[0].LastUsed = &used })
	out.await(t, ", used 2026-11-23 12:00:01 UTC\n")
	z.change(func(w *world) {
		w.logins = w.logins[1:]
		w.fail[api.MethodStatus] = credential.NewError(credential.Timeout, "too slow", "")
	})
	out.await(t, "zend: does not answer: too slow\n")
	z.change(func(w *world) { delete(w.fail, api.MethodStatus) })
	out.await(t, "docker.io: no longer\n")
	if code := end(); code != credential.ExitInterrupted {
		t.Errorf("exit status %d", code)
	}
	const want = `2026-11-23 12:00:00 UTC  zend: 1.2.3, process 4711, since 2026-11-23 10:30:00 UTC
2026-11-23 12:00:00 UTC  vault: unlocked
2026-11-23 12:00:00 UTC  docker.io: service connector 'dockerhub', until 2026-11-23 14:00:00 UTC
2026-11-23 12:00:00 UTC  ghcr.io/team (below /home/me/src, profile work): docker login, the vault is locked
2026-11-23 12:00:00 UTC  docker.io: service connector 'dockerhub', until 2026-11-23 14:00:00 UTC` +
		`, used 2026-11-23 12:00:01 UTC
2026-11-23 12:00:00 UTC  zend: does not answer: too slow
2026-11-23 12:00:00 UTC  zend: 1.2.3, process 4711, since 2026-11-23 10:30:00 UTC
2026-11-23 12:00:00 UTC  docker.io: no longer
`
	if got := out.String(); got != want {
		t.Errorf("it printed\n%s", got)
	}
}

func TestWatchInJSON(t *testing.T) {
	t.Parallel()
	z := startZend(t, smallWorld())
	out, end := runInBackground(t, z, "status", "-w", "-o", "json")
	out.await(t, "\n")
	z.change(func(w *world) { w.logins = nil })
	out.await(t, `"logins":null`)
	end()
	for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var s api.Status
		if err := json.Unmarshal([]byte(line), &s); err != nil || len(s.Logins) != 2-2*i {
			t.Errorf("line %d: %v, %d logins", i, err, len(s.Logins))
		}
	}
	if r := zen(t, z, "", terminalOf{}, "status", "--watch", "-o", "csv"); r.code != 2 ||
		!strings.Contains(r.stderr, "'--watch' goes with '--output' table or json.") {
		t.Errorf("%+v", r)
	}
}

// A shell at the same terminal tells afterwards whether everything is as it was.
const watchAndLook = `"$ZEN" status --watch; echo "ended with $?"; stty -a | tr ' ;' '\n\n' | grep -E ` +
	`'^-?(echo|icanon|opost|isig)$' | tr '\n' ' '`

func startWatch(t *testing.T, z *fakeZend, columns uint16) *dialog {
	t.Helper()
	d := startProgram(t, z, columns, "sh", "-c", "trap : INT; "+watchAndLook)
	d.expect(screenOn)
	d.expect("docker.io")
	return d
}

func (d *dialog) isAsBefore(code int) {
	d.t.Helper()
	d.expect(screenOff)
	d.expect(fmt.Sprintf("ended with %d\r\n", code))
	text := d.end(0)
	now := strings.Fields(text[strings.LastIndex(text, "ended with"):])
	for _, setting := range []string{"isig", "icanon", "echo", "opost"} {
		if !slices.Contains(now, setting) {
			d.t.Errorf("the terminal is given back as %q", now)
		}
	}
}

func TestWatchOnATerminal(t *testing.T) {
	t.Parallel()
	z := startZend(t, smallWorld())
	d := startWatch(t, z, 100)
	used := time.Now()
	z.change(func(w *world) { w.logins[0].LastUsed = &used })
	d.find(`docker\.io .*s ago`)
	z.change(func(w *world) { w.logins = nil })
	d.expect("Not logged in to any registry.")
	z.change(
		func(w *world) { w.fail[api.MethodStatus] = credential.NewError(credential.Timeout, "too slow", "") },
	)
	d.expect("zend does not answer: too slow")
	d.press("x") // means nothing
	d.press("q")
	d.isAsBefore(0)
}

func TestWatchEndsWithCtrlC(t *testing.T) {
	t.Parallel()
	z := startZend(t, smallWorld())
	d := startWatch(t, z, 100)
	d.press("\x03")
	d.isAsBefore(0)
}

func TestWatchEndsWithASignal(t *testing.T) {
	t.Parallel()
	z := startZend(t, smallWorld())
	d := startProgram(t, z, 100, "sh", "-c", `"$ZEN" status --watch & pid=$!; fg=1; read line; kill `+
		`$pid; wait $pid; echo "ended with $?"`)
	// A program in the background may not change a terminal's settings in a shell with
	// job control; this one has none.
	d.expect(screenOn)
	d.press("\n\r")
	d.expect(screenOff)
	d.find(`ended with (130|0)`)
	d.end(0)
}

// Ctrl-Z stops the program, and the shell gets a terminal as it was; when it goes on, so
// does the view.
func TestWatchSuspends(t *testing.T) {
	t.Parallel()
	z := startZend(t, smallWorld())
	d := startDialog(t, z, 100, "status", "-w")
	d.expect("docker.io")
	d.press("\x1a")
	d.expect(screenOff)
	var status unix.WaitStatus
	if _, err := unix.Wait4(d.cmd.Process.Pid, &status, unix.WUNTRACED, nil); err != nil ||
		!status.Stopped() {
		t.Fatalf("%v, %v", status, err)
	}
	if err := d.cmd.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	d.expect(screenOn)
	d.expect("docker.io")
	d.press("q")
	d.expect(screenOff)
	d.end(0)
}

func TestWatchResizes(t *testing.T) {
	t.Parallel()
	z := startZend(t, smallWorld())
	d := startWatch(t, z, 120)
	if err := pty.Setsize(d.tty, &pty.Winsize{Rows: 10, Cols: 30}); err != nil {
		t.Fatal(err)
	}
	d.find(`REGISTRY {2,}STATE\x1b`)
	d.press("q")
	d.isAsBefore(0)
	text := d.text()
	text = text[strings.LastIndex(text, "\x1b[H"):]
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\x1b[H"), "\n") {
		if shown, _, _ := strings.Cut(line, "\x1b"); textwidth.Of(shown) > 30 {
			t.Errorf("a line of %d columns on a screen of 30: %q", textwidth.Of(shown), shown)
		}
	}
}

func TestWatchScrolls(t *testing.T) {
	t.Parallel()
	w := smallWorld()
	for i := range 80 {
		w.logins = append(
			w.logins,
			api.Login{
				ID:      fmt.Sprint(i),
				Address: fmt.Sprintf("registry-%02d.example", i),
				Source:  "docker login",
			},
		)
	}
	z := startZend(t, w)
	d := startWatch(t, z, 100)
	d.expect("registry-41.exam")
	d.expect("of 82 logins")
	d.press("\x1b[B\x1b[B")
	d.expect("registry-43.exam")
	d.press(strings.Repeat("j", 60))
	d.expect("registry-79.exam")
	d.press("k")
	d.press("q")
	d.isAsBefore(0)
}
