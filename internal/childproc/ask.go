package childproc

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/zen-agent/zen/internal/execsafe"
)

// Program is what a child is started from.
type Program struct {
	Executable string   // absolute path of a program that calls Main when its first argument is Argument
	Argument   string   // the only one
	Environ    []string // nil: as this process's
	// of what is read of the child, in bytes; bounds what can be looked at in one piece,
	// as a line
	Buffer int
}

// Ask starts a child, in a process group of its own, has say write the question and hear
// read the answer, both at the same time (a child that talks instead of listening keeps
// nobody), and returns when the child and what it started are gone and say has returned.
// The only errors are that no child could be started; what became of the conversation is
// hear's to tell. The end of ctx ends it: then say and hear fail to write and to read.
// What hear left unread is wiped; what it looked at is its own to wipe.
func Ask(ctx context.Context, p Program, say func(io.Writer), hear func(*bufio.Reader)) error {
	// The question may hold secrets, and the file that was started as this process need
	// not be what lies at its path now: an upgrade replaces it, and so could anyone who
	// may write there.
	program, err := execsafe.Resolve(p.Executable)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, p.Argument)
	cmd.Env, cmd.Dir = p.Environ, string(os.PathSeparator)
	// its end reaches what it started, a terminal's signals do not reach it
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	end := sync.OnceFunc(func() {
		// it was not waited for yet, so its number is nobody else's
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = in.Close()
		_ = out.Close() // who left the group may hold the other end
	})
	defer context.AfterFunc(ctx, end)()
	said := make(chan struct{})
	go func() {
		defer close(said)
		say(in)
	}()
	r := bufio.NewReaderSize(out, p.Buffer)
	hear(r)
	end()
	<-said
	_ = cmd.Wait() // its status says nothing: it was killed
	unread, _ := r.Peek(r.Buffered())
	clear(unread)
	return nil
}
