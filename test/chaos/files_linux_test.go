package chaos

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// getLine is a request for the host's credential.
func getLine(host string) string {
	return `{"jsonrpc":"2.0","id":1,"method":"get","client":"chaos/1","params":{"ServerURL":"` + host +
		`"}}` + "\n"
}

// dial connects as ipc.Client does: it waits for a place in the queue of a zend that has
// too much to do, which a Unix socket reports as EAGAIN.
func dial(socket string) (*net.UnixConn, error) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
		if !errors.Is(err, unix.EAGAIN) || time.Now().After(end) {
			return c, err
		}
	}
}

// Where a process may have few open files, clients that only stay connected take none of
// those that zend needs itself.
func TestFewOpenFiles(t *testing.T) {
	w := newWorld(t)
	limited := filepath.Join(t.TempDir(), "limited")
	script := "#!/bin/sh\nulimit -n 100\nexec '" + w.zend + "' \"$@\"\n"
	if err := os.WriteFile(limited, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	first := w.client()
	first.Start = w.starting(limited)
	if _, err := first.Call(api.MethodStatus, nil, time.Now().Add(20*time.Second)); err != nil {
		t.Fatal(err)
	}
	socket, err := w.dirs.Socket()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := w.client().Dial(time.Now().Add(20 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	status := func() error {
		reply, err := kept.Call(api.MethodStatus, nil, time.Now().Add(20*time.Second))
		reply.Wipe()
		return err
	}
	if err := status(); err != nil {
		t.Fatal(err)
	}
	refused := 0
	var conns []net.Conn
	defer func() { closeAll(conns) }()
	for range 200 {
		c, err := dial(socket)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		c.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.WriteString(c, getLine("nobody.example")); err != nil && !errors.Is(err, unix.EPIPE) {
			t.Fatal(err)
		}
		said, err := bufio.NewReader(c).ReadBytes('\n')
		if bytes.Contains(said, []byte(`"reason":"rate_limited"`)) {
			refused++
		} else if !bytes.Contains(said, []byte(`"reason":"not_logged_in"`)) {
			t.Fatalf("said %q (%v)", said, err)
		}
	}
	if refused < 50 {
		t.Errorf("only %d of 200 connections were refused", refused)
	}
	params := []byte(`{"ServerURL":"hub.example","Username":"alice","Secret":"secret"}`)
	if _, err := kept.Call(api.MethodStore, params, time.Now().Add(20*time.Second)); err != nil {
		t.Errorf("zend has no file left to write the vault: %v", err)
	}
	closeAll(conns)
	// it notices one after the other
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err := w.status()
		if err == nil {
			return
		}
		if !credential.RateLimited.Is(err) || time.Now().After(end) {
			t.Fatalf("zend serves nobody after they have gone: %v", err)
		}
	}
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		_ = c.Close()
	}
}
