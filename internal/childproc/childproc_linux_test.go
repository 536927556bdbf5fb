package childproc

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const argument = "__child"

// TestMain lets the test binary be a child that answers as it is asked to.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == argument {
		os.Exit(Main(os.Args[2:], bufio.NewReader(os.Stdin), readWord, answerWord))
	}
	os.Exit(m.Run())
}

func readWord(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err
}

func answerWord(word string) error {
	switch word {
	case "hang":
		fmt.Println("hanging")
		select {}
	case "fail":
		return errors.New("nobody there")
	case "self":
		dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		var core unix.Rlimit
		_ = unix.Getrlimit(unix.RLIMIT_CORE, &core)
		dir, _ := os.Getwd()
		fmt.Println(
			os.Args[1:],
			os.Environ(),
			dir,
			"dumpable",
			dumpable,
			err,
			"core",
			core,
			"leader",
			unix.Getpgrp() == os.Getpid(),
		)
	}
	return nil
}

func self(t *testing.T) Program {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Program{Executable: exe, Argument: argument, Environ: []string{"A=b"}, Buffer: 1024}
}

// script is a shell script in the place of this executable.
func script(t *testing.T, text string) Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zend")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return Program{Executable: path, Argument: argument, Buffer: 64}
}

func line(text string) func(io.Writer) {
	return func(w io.Writer) { _, _ = io.WriteString(w, text+"\n") }
}

// A child has its own process group and nothing but one argument and its environment, and
// cannot be looked into.
func TestChildIsAlone(t *testing.T) {
	var got string
	var heard error
	if err := Ask(t.Context(), self(t), line("self"),
		func(r *bufio.Reader) { got, heard = readWord(r) }); err != nil ||
		heard != nil {
		t.Fatal(err, heard)
	}
	if want := "[" + argument + "] [A=b] / dumpable 0 <nil> core {0 0} leader true"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Whatever a child does, it is gone when Ask returns, and Ask returns soon after ctx
// ended.
func TestAskEndsTheChild(t *testing.T) {
	const longer = 20 * time.Second
	mark := filepath.Join(t.TempDir(), "pid")
	elsewhere := `echo $$ > ` + mark + `; setsid sleep 30 & echo $! >> ` + mark + "; echo started; "
	t.Cleanup(func() { // the sleep left the group: it is this test's to end
		for pid := range strings.FieldsSeq(read(t, mark)) {
			if n, err := strconv.Atoi(pid); err == nil {
				_ = unix.Kill(n, unix.SIGKILL)
			}
		}
	})
	for name, p := range map[string]Program{
		"hangs":                      self(t),
		"does not listen":            script(t, "echo started; sleep 30"),
		"talks for ever":             script(t, "cat /dev/zero"),
		"leaves its output to sleep": script(t, elsewhere+"exit 0"),
		"is killed":                  script(t, "kill -9 $$"),
	} {
		t.Run(name, func(t *testing.T) {
			before := children(t)
			ctx, cancel := context.WithCancel(t.Context())
			begin := time.Now()
			said := false
			err := Ask(ctx, p, func(w io.Writer) {
				_, _ = w.Write(append([]byte("hang\n"), make([]byte, 1<<20)...)) // more than a pipe holds
				said = true
			}, func(r *bufio.Reader) {
				_, _ = r.ReadSlice('\n') // it is under way, or has ended
				cancel()
				_, _ = io.Copy(io.Discard, r)
			})
			if err != nil || !said {
				t.Errorf("%v, say has returned: %v", err, said)
			}
			if took := time.Since(begin); took > longer {
				t.Errorf("it took %v", took)
			}
			if left := children(t); left != before {
				t.Errorf("children are left: %s, before: %s", left, before)
			}
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// children are the processes that this one started and has not waited for.
func children(t *testing.T) string {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(lists) == 0 {
		t.Fatal("nothing to look at", err)
	}
	var all strings.Builder
	for _, name := range lists {
		b, err := os.ReadFile(name)
		if err == nil { // else the thread ended meanwhile
			all.Write(b)
		}
	}
	return all.String()
}

// Nothing that a child said and nobody looked at is left in the buffer.
func TestUnreadIsWiped(t *testing.T) {
	var held []byte
	err := Ask(t.Context(), script(t, `printf 'first\nsecret'`), func(io.Writer) {}, func(r *bufio.Reader) {
		held, _ = r.Peek(len("first\nsecret"))
		_, _ = r.Discard(len("first\n"))
	})
	if err != nil || string(held[:6]) != "first\n" || !bytes.Equal(held[6:], make([]byte, 6)) {
		t.Errorf("%v, the buffer holds %q", err, held)
	}
}

func TestNoProgram(t *testing.T) {
	p := Program{Executable: filepath.Join(t.TempDir(), "none"), Argument: argument}
	err := Ask(t.Context(), p, func(io.Writer) { t.Error("said") }, func(*bufio.Reader) { t.Error("heard") })
	if !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Nothing is asked of a program that somebody else could have put in this one's place.
func TestExchangeableProgram(t *testing.T) {
	p := script(t, "cat")
	if err := os.Chmod(filepath.Dir(p.Executable), 0o777); err != nil {
		t.Fatal(err)
	}
	err := Ask(t.Context(), p, func(io.Writer) { t.Error("said") }, func(*bufio.Reader) { t.Error("heard") })
	if err == nil || !strings.Contains(err.Error(), "is not safe to execute") {
		t.Error(err)
	}
}

// The status of a child tells who looks for a fault what it ended for. A child whose
// parent is gone ends, whatever it waits for.
func TestExitStatus(t *testing.T) {
	p := self(t)
	for _, tt := range []struct {
		question string
		args     []string
		want     int
	}{
		{"self\n", nil, ExitAnswered},
		{"self\n", []string{"x"}, ExitUsage},
		{"half a line", nil, ExitUsage},
		{"fail\n", nil, ExitOrphaned},
		{"hang\n", nil, ExitOrphaned},
	} {
		cmd := exec.CommandContext(t.Context(), p.Executable, append([]string{argument}, tt.args...)...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(in, tt.question)
		switch tt.question {
		case "self\n", "fail\n":
			_, _ = io.Copy(io.Discard, out) // it ends by itself
		case "hang\n":
			_, _ = bufio.NewReader(out).ReadSlice('\n') // it has read the question
		}
		in.Close() // what the kernel does when the parent dies
		_ = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != tt.want {
			t.Errorf("%q %q: status %d, want %d", tt.question, tt.args, got, tt.want)
		}
	}
}
