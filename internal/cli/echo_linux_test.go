package cli

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
)

// echo reports whether the terminal shows what is typed.
func (d *dialog) echo() bool {
	d.t.Helper()
	termios, err := unix.IoctlGetTermios(int(d.tty.Fd()), unix.TCGETS)
	if err != nil {
		d.t.Fatal(err)
	}
	return termios.Lflag&unix.ECHO != 0
}

func (d *dialog) eventuallyEchoes(want bool) {
	d.t.Helper()
	for end := time.Now().Add(20 * time.Second); d.echo() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("the terminal's echo is %v", !want)
		}
	}
}

// Whatever ends or stops the question for a passphrase, the terminal shows again what is
// typed.
func TestEchoComesBack(t *testing.T) {
	ends := map[string]func(*dialog){
		"Ctrl-C":  func(d *dialog) { d.press("\x03") },
		"Ctrl-\\": func(d *dialog) { d.press("\x1c") },
		"SIGHUP":  func(d *dialog) { _ = d.cmd.Process.Signal(unix.SIGHUP) },
		"SIGTERM": func(d *dialog) { _ = d.cmd.Process.Signal(unix.SIGTERM) },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			d := startDialog(t, startZend(t, smallWorld()), 100, "vault", "passphrase")
			d.expect("New passphrase: ")
			d.eventuallyEchoes(false)
			end(d)
			d.expect("Aborted!")
			d.end(credential.ExitInterrupted)
			d.eventuallyEchoes(true)
		})
	}
}

func TestEchoWhileStopped(t *testing.T) {
	z := startZend(t, smallWorld())
	d := startDialog(t, z, 100, "vault", "passphrase")
	d.expect("New passphrase: ")
	d.eventuallyEchoes(false)
	d.press("\x1a") // Ctrl-Z
	d.eventuallyEchoes(true)
	if err := d.cmd.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	d.eventuallyEchoes(false)
	d.answer("New passphrase: ", canary)
	d.answer("Repeat it: ", canary)
	d.end(0)
	d.hides(canary)
}
