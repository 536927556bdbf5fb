package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/safetext/textwidth"
)

// playVariable makes the test binary the zen command: terminal tests need a process with
// a terminal of its own.
const playVariable = "ZEN_CLI_TEST_PLAY"

func TestMain(m *testing.M) {
	if os.Getenv(playVariable) != "" {
		os.Exit(Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// dialog is a zen command at a terminal, and a person who reads and types.
type dialog struct {
	t    *testing.T
	tty  *os.File
	cmd  *exec.Cmd
	done chan struct{}
	home string

	mu     sync.Mutex
	seen   bytes.Buffer
	read   int // how much of it was waited for
	change *sync.Cond
	ended  bool
}

// patienceWithTerminals bounds each wait of a dialog.
const patienceWithTerminals = 20 * time.Second

func startDialog(t *testing.T, z *fakeZend, columns uint16, args ...string) *dialog {
	t.Helper()
	return startProgram(t, z, columns, os.Args[0], args...)
}

func startProgram(t *testing.T, z *fakeZend, columns uint16, program string, args ...string) *dialog {
	t.Helper()
	home := t.TempDir()
	d := &dialog{
		t:    t,
		cmd:  exec.CommandContext(t.Context(), program, args...),
		done: make(chan struct{}),
		home: home,
	}
	d.change = sync.NewCond(&d.mu)
	d.cmd.Env = []string{
		playVariable + "=1", "HOME=" + home, "ZEN_SOCKET=" + z.socket, "PATH=/usr/bin:/bin", "ZEN=" +
			os.Args[0], "TERM=xterm", "NO_COLOR=1",
		"DOCKER_CONFIG=" + filepath.Join(home, ".docker"), "GORACE=atexit_sleep_ms=0", "GOCOVERDIR=" + home,
	}
	tty, err := pty.StartWithSize(d.cmd, &pty.Winsize{Rows: 50, Cols: columns})
	if err != nil {
		t.Fatal(err)
	}
	d.tty = tty
	go d.watch()
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill() // it may have ended
		<-d.done
		tty.Close()
	})
	return d
}

// watch collects what the terminal shows. Reading fails when the program ended.
func (d *dialog) watch() {
	buf := make([]byte, 4096)
	for {
		n, err := d.tty.Read(buf)
		d.mu.Lock()
		d.seen.Write(buf[:n])
		d.ended = err != nil
		d.mu.Unlock()
		d.change.Broadcast()
		if err != nil {
			_ = d.cmd.Wait()
			close(d.done)
			return
		}
	}
}

// expect waits until the terminal shows a text after what was waited for before.
func (d *dialog) expect(text string) {
	d.t.Helper()
	d.find(regexp.QuoteMeta(text))
}

func (d *dialog) find(pattern string) {
	d.t.Helper()
	late := time.AfterFunc(patienceWithTerminals, func() {
		d.mu.Lock()
		d.ended = true
		d.mu.Unlock()
		d.change.Broadcast()
	})
	defer late.Stop()
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		rest := d.seen.String()[d.read:]
		if at := regexp.MustCompile(pattern).FindStringIndex(rest); at != nil {
			d.read += at[1]
			return
		}
		if d.ended {
			d.t.Fatalf("waited for %q; the terminal shows\n%s", pattern, d.seen.String())
		}
		d.change.Wait()
	}
}

// enter types a line.
func (d *dialog) enter(line string) {
	d.t.Helper()
	d.press(line + "\n")
}

func (d *dialog) press(keys string) {
	d.t.Helper()
	if _, err := io.WriteString(d.tty, keys); err != nil {
		d.t.Fatal(err)
	}
}

// answer waits for a question and types a line.
func (d *dialog) answer(question, line string) {
	d.t.Helper()
	d.expect(question)
	d.enter(line)
}

// end waits until the program ended, with a status.
func (d *dialog) end(code int) string {
	d.t.Helper()
	select {
	case <-d.done:
	case <-time.After(patienceWithTerminals):
		d.t.Fatalf("it does not end; the terminal shows\n%s", d.text())
	}
	if got := d.cmd.ProcessState.ExitCode(); got != code {
		d.t.Errorf("exit status %d, want %d; the terminal shows\n%s", got, code, d.text())
	}
	return d.text()
}

func (d *dialog) text() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.ReplaceAll(d.seen.String(), "\r\n", "\n")
}

// hides checks that a secret was typed and never shown.
func (d *dialog) hides(secret string) {
	d.t.Helper()
	if strings.Contains(d.text(), secret) {
		d.t.Errorf("the terminal shows the secret:\n%s", d.text())
	}
}

func TestPasswordIsAskedForWithoutEcho(t *testing.T) {
	z := startZend(t, smallWorld())
	d := startDialog(
		t,
		z,
		100,
		"service-connector",
		"register",
		"new",
		"--type",
		"docker",
		"--username=alice",
	)
	d.answer("[password] Password {string, secret, required}: ", canary)
	d.expect("Successfully registered service connector `new`")
	d.end(0)
	d.hides(canary)
	if got := z.sent("connector.register"); len(got) != 1 || got[0].secrets["password"] != canary ||
		got[0].secrets["username"] != "alice" {
		t.Errorf("zend was sent %+v", got)
	}
}

func TestInterruptAtAHiddenPromptRestoresTheTerminal(t *testing.T) {
	z := startZend(t, smallWorld())
	d := startDialog(
		t,
		z,
		100,
		"service-connector",
		"register",
		"new",
		"--type",
		"docker",
		"--username=alice",
	)
	d.expect("[password]")
	d.press("half\x03")
	d.expect("Aborted!")
	d.end(130)
	if got := z.sent("connector.register"); len(got) != 0 {
		t.Errorf("zend was sent %+v", got)
	}
}

func TestShowSecretsAsksOnATerminal(t *testing.T) {
	z := startZend(t, smallWorld())
	d := startDialog(t, z, 100, "service-connector", "describe", "dockerhub", "-x")
	d.answer("Do you want to continue? [y/N]: ", "maybe")
	d.answer("Do you want to continue? [y/N]: ", "")
	d.expect("Aborted!")
	d.end(1)
	d.hides(canary)
	if got := z.sent("connector.reveal"); len(got) != 0 {
		t.Error("the secret was revealed although the answer was no")
	}
	d = startDialog(t, z, 100, "service-connector", "describe", "dockerhub", "-x")
	d.answer("Do you want to continue? [y/N]: ", "y")
	d.expect(canary)
	d.end(0)
}

func TestUnlockAsksForThePassphrase(t *testing.T) {
	w := smallWorld()
	w.passphrase = canary
	w.vault.State = "locked"
	w.vault.Slots[0].Kind = "passphrase"
	z := startZend(t, w)
	d := startDialog(t, z, 100, "unlock")
	d.answer("Passphrase of the vault: ", "wrong")
	d.expect("the passphrase does not open the vault")
	d.end(6)
	d = startDialog(t, z, 100, "unlock")
	d.answer("Passphrase of the vault: ", canary)
	d.expect("The vault is unlocked.")
	d.end(0)
	d.hides(canary)
}

func TestNewPassphraseIsTypedTwice(t *testing.T) {
	z := startZend(t, smallWorld())
	d := startDialog(t, z, 100, "vault", "passphrase")
	d.answer("New passphrase: ", "")
	d.answer("New passphrase: ", canary)
	d.answer("Repeat it: ", canary+"x")
	d.expect("do not match")
	d.answer("New passphrase: ", canary)
	d.answer("Repeat it: ", canary)
	d.expect("Passphrase set. After a reboot: zen unlock")
	d.end(0)
	d.hides(canary)
	if got := z.sent("vault.passphrase"); len(got) != 1 || got[0].secrets["passphrase"] != canary {
		t.Errorf("zend was sent %+v", got)
	}
}

func TestRestoreAsks(t *testing.T) {
	z := startZend(t, smallWorld())
	d := startDialog(t, z, 100, "vault", "restore")
	d.expect("Do you want to continue? [y/N]: ")
	d.press("\x04") // the end of the input
	d.expect("Aborted!")
	d.end(1)
	d = startDialog(t, z, 100, "vault", "restore")
	d.answer("Do you want to continue? [y/N]: ", "yes")
	d.expect("is back")
	d.end(0)
	if got := z.sent("vault.restore"); len(got) != 1 {
		t.Errorf("restored %d times", len(got))
	}
}

func TestTableIsAsWideAsTheTerminal(t *testing.T) {
	z := startZend(t, smallWorld())
	d := startDialog(t, z, 60, "service-connector", "list")
	text := d.end(0)
	border := 0
	for line := range strings.Lines(text) {
		if width := textwidth.Of(strings.TrimSuffix(line, "\n")); strings.HasPrefix(line, "┏") {
			border = width
		} else if strings.HasPrefix(line, "┃") && width != border {
			t.Errorf("a line of %d columns in a table of %d:\n%s", width, border, text)
		}
	}
	if border == 0 || border > 60 {
		t.Errorf("the table has %d columns:\n%s", border, text)
	}
	if !strings.Contains(text, "The terminal is too narrow for") {
		t.Errorf("columns were left out silently:\n%s", text)
	}
}

func TestSpinner(t *testing.T) {
	var b bytes.Buffer
	shown := make(chan struct{})
	a := &ui.UI{
		Err:  &notifying{w: &b, until: "⠙ Doing it", done: shown},
		Term: ui.Terminal{Err: true, Color: true},
	}
	stop := a.Busy(t.Context(), "Doing %s", "it")
	<-shown
	stop()
	if text := b.String(); !strings.HasPrefix(text, "\r⠋ Doing it\r⠙ Doing it") ||
		!strings.HasSuffix(text, "\r\x1b[K") {
		t.Errorf("the spinner wrote %q", text)
	}
}

// notifying tells when a text was written.
type notifying struct {
	w     *bytes.Buffer
	until string
	done  chan struct{}
}

func (n *notifying) Write(p []byte) (int, error) {
	before := strings.Contains(n.w.String(), n.until)
	size, err := n.w.Write(p)
	if !before && strings.Contains(n.w.String(), n.until) {
		close(n.done)
	}
	return size, err
}

func TestFullDiskIsAnError(t *testing.T) {
	z := startZend(t, smallWorld())
	var stderr bytes.Buffer
	a := testApp(t, z, "", &stderr)
	a.Out = &ui.DataWriter{W: failing{}}
	if code := a.run(t.Context(), []string{"service-connector", "list"}); code != 1 {
		t.Errorf("exit status %d", code)
	}
	if !strings.Contains(stderr.String(), "cannot write to standard output: no space left") {
		t.Errorf("it says %q", stderr.String())
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestInterruptGivesTheEchoBack(t *testing.T) {
	// A program that outlives zen at the same terminal: a shell that says whether the
	// terminal echoes.
	z := startZend(t, smallWorld())
	script := `trap : INT; "$ZEN" service-connector register new --type docker --username=alice; stty -a ` +
		`| grep -o -- '-\{0,1\}echo '`
	d := startProgram(t, z, 100, "sh", "-c", script)
	d.expect("[password]")
	d.press("\x03")
	d.expect("Aborted!")
	d.find(`(?m)^echo`)
	d.end(0)
}

func TestStandardInputIsATerminal(t *testing.T) {
	z := startZend(t, smallWorld())
	d := startDialog(
		t,
		z,
		100,
		"service-connector",
		"register",
		"new",
		"--type",
		"docker",
		"--username=alice",
		"--password-stdin",
	)
	d.answer("Standard input of --password-stdin: ", canary)
	d.expect("Successfully registered")
	d.end(0)
	d.hides(canary)
	if got := z.sent("connector.register"); len(got) != 1 || got[0].secrets["password"] != canary {
		t.Errorf("zend was sent %+v", got)
	}
}
