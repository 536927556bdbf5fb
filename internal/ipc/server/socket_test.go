//go:build unix

package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair is a socket and its other end.
func pair(t *testing.T) (*socket, *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		t.Fatal(err)
	}
	s, other := &socket{fd: fds[0]}, os.NewFile(uintptr(fds[1]), "other")
	t.Cleanup(func() { s.Close(); other.Close() })
	return s, other
}

// What is there is read and written at once; the runtime watches a connection only that
// has to be waited for.
func TestSocketIsWatchedWhenItMustWait(t *testing.T) {
	s, other := pair(t)
	buf := make([]byte, 100)
	for range 3 {
		io.WriteString(other, "hello")
		if n, err := s.Read(buf); string(buf[:n]) != "hello" || err != nil {
			t.Fatalf("%q, %v", buf[:n], err)
		}
		if n, err := s.Write([]byte("hi")); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := other.Read(buf); string(buf[:n]) != "hi" || err != nil {
			t.Fatalf("the other end reads %q, %v", buf[:n], err)
		}
	}
	if s.watched.Load() != nil {
		t.Error("it is watched without need")
	}
	go io.WriteString(other, "late")
	if n, err := s.Read(buf); string(buf[:n]) != "late" || err != nil {
		t.Errorf("%q, %v", buf[:n], err)
	}
	other.Close()
	if n, err := s.Read(buf); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d, %v", n, err)
	}
}

// Much more than the kernel takes at once arrives whole.
func TestSocketWritesToSlowReaders(t *testing.T) {
	s, other := pair(t)
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() {
		defer s.Close()
		if n, err := s.Write(sent); n != len(sent) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}()
	if got, err := io.ReadAll(other); !bytes.Equal(got, sent) || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// Deadlines hold that were set before anything had to be waited for.
func TestSocketDeadlines(t *testing.T) {
	s, _ := pair(t)
	if err := s.SetDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading: %v", err)
	}
	if _, err := s.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing: %v", err)
	}
}

// Whoever waits learns that the connection was closed, and no call reaches another file
// that got its number.
func TestSocketIsClosedByOthers(t *testing.T) {
	for name, end := range map[string]func(*socket) error{
		"half":  (*socket).CloseRead,
		"whole": (*socket).Close,
	} {
		s, _ := pair(t)
		ended := make(chan error, 1)
		go func() {
			_, err := s.Read(make([]byte, 1))
			ended <- err
		}()
		if err := end(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := <-ended; err == nil {
			t.Errorf("%s: something was read", name)
		}
	}
	s, _ := pair(t)
	s.Close()
	again, _ := pair(t) // it has the number, probably
	_, read := s.Read(make([]byte, 1))
	_, write := s.Write([]byte("x"))
	for _, err := range []error{
		read, write, s.CloseRead(), s.Close(), s.SetDeadline(time.Now()),
		rawSocket{s}.Control(func(uintptr) { t.Error("called") }),
	} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v", err)
		}
	}
	if _, err := again.Write([]byte("x")); err != nil {
		t.Errorf("the other one: %v", err)
	}
}
