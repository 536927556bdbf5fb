//go:build chaos

package chaos

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/safejson"
)

// The crowd, and how many names make its answers large.
const (
	clients   = 1000
	manyNames = 1000
)

// mostForLarge is what zend may occupy while a crowd of clients wants large answers at
// the same time, in MB.
const mostForLarge = 96

// A crowd of clients that asks for large answers at the same time gets them, all of them,
// some after the others, and zend's memory is bounded.
func TestLargeAnswersAtOnce(t *testing.T) {
	enoughFiles(t, 4096)
	w := newWorld(t)
	if err := w.store("large.example", "alice", strings.Repeat("x", 300<<10)); err != nil {
		t.Fatal(err)
	}
	w.storeMany(t, manyNames)
	socket, err := w.dirs.Socket()
	if err != nil {
		t.Fatal(err)
	}
	pid := w.daemons()[0]
	before := proc(t, pid, "VmHWM") / 1024
	questions := []string{
		getLine("large.example"),
		`{"jsonrpc":"2.0","id":1,"method":"` + api.MethodList + `"}` + "\n",
		`{"jsonrpc":"2.0","id":1,"method":"` + api.MethodLogins + `"}` + "\n",
	}
	connections := make([]net.Conn, clients)
	for i := range connections {
		if connections[i], err = dial(socket); err != nil {
			t.Fatal(err)
		}
		defer connections[i].Close()
	}
	var read atomic.Int64
	begin := time.Now()
	err = together(clients, func(i int) error {
		c := connections[i]
		c.SetDeadline(begin.Add(2 * time.Minute))
		if _, err := io.WriteString(c, questions[i%len(questions)]); err != nil {
			return err
		}
		said, err := bufio.NewReader(c).ReadBytes('\n')
		if err != nil || len(said) < 250*manyNames ||
			bytes.Contains(said[:min(100, len(said))], []byte(`"error"`)) {
			return fmt.Errorf("question %d: %d bytes, %.100q: %w", i%len(questions), len(said), said, err)
		}
		read.Add(int64(len(said)))
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	took := time.Since(begin)
	most := proc(t, pid, "VmHWM") / 1024
	if most > mostForLarge {
		t.Errorf("zend occupied up to %d MB, at most %d are allowed", most, mostForLarge)
	}
	t.Logf(
		"%d MB in %v; zend took up to %d MB, %d before",
		read.Load()>>20,
		took.Round(time.Millisecond),
		most,
		before,
	)
}

// storeMany makes n logins whose names make answers large.
func (w *world) storeMany(t *testing.T, n int) {
	t.Helper()
	c, err := w.client().Dial(time.Now().Add(20 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	path := strings.Repeat("/"+strings.Repeat("a", 50), 5)
	for i := range n {
		params := safejson.AppendString(
			[]byte(`{"Username":"alice","Secret":"secret","ServerURL":`),
			fmt.Sprintf("r%d.example%s", i, path),
		)
		reply, err := c.Call(api.MethodStore, append(params, '}'), time.Now().Add(20*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		reply.Wipe()
	}
}
