//go:build chaos

package chaos

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
)

// mostMemory is what zend may occupy while a thousand clients do their worst, in MB;
// afterMemory is what it may keep.
const (
	mostMemory  = 256
	afterMemory = 32
)

// rude is a client that does what none should, again and again.
type rude struct {
	name string
	act  func(c *net.UnixConn, stop <-chan struct{}) error
}

// politeRequests is how many gets a polite client makes.
const politeRequests = 200

// firstLine is how long a client may take to send its request; it is told so then.
const firstLine = 2 * time.Second

// pause is how long a rude client waits between two visits: a thousand that never wait
// would only show who gets the processor.
const pause = 300 * time.Millisecond

func rudes() []rude {
	gets := strings.Repeat(getLine("hub.example"), 1000)
	return []rude{
		{"slow reader", func(c *net.UnixConn, stop <-chan struct{}) error {
			c.SetWriteDeadline(time.Now().Add(time.Second))
			_, err := io.WriteString(c, gets) // more answers than the kernel keeps, and nobody reads them
			select {
			case <-stop:
			case <-time.After(5 * time.Second):
			}
			return err
		}},
		{"half a line", func(c *net.UnixConn, _ <-chan struct{}) error {
			io.WriteString(c, getLine("hub.example")[:40])
			said, err := io.ReadAll(c)
			return wantSaid(said, err, credential.Timeout)
		}},
		{"garbage", func(c *net.UnixConn, _ <-chan struct{}) error {
			b := make([]byte, 512)
			for i := range b {
				b[i] = byte(rand.Uint32())
			}
			c.Write(append(bytes.ReplaceAll(b, []byte("\n"), nil), '\n'))
			said, err := bufio.NewReader(c).ReadBytes('\n')
			return wantSaid(said, err, credential.ParseError, credential.BadRequest, credential.Timeout)
		}},
		{"1 MiB lines", func(c *net.UnixConn, _ <-chan struct{}) error {
			go io.WriteString(c, getLine(strings.Repeat("x", 1<<20)))
			said, err := bufio.NewReader(c).ReadBytes('\n')
			// it may have to wait too long for its turn
			return wantSaid(said, err, credential.InvalidInput, credential.Timeout)
		}},
		{"large answers unread", func(c *net.UnixConn, stop <-chan struct{}) error {
			_, err := io.WriteString(c, getLine("large.example"))
			select {
			case <-stop:
			case <-time.After(5 * time.Second):
			}
			return err
		}},
		{"gone at once", func(c *net.UnixConn, _ <-chan struct{}) error {
			_, err := io.WriteString(c, getLine("hub.example"))
			return err
		}},
	}
}

// errToldLate is of a client that was told that it was too late, which only one that was
// may be told.
var errToldLate = errors.New("was told that its request did not come in time")

// wantSaid checks what a rude client is told; a connection that was ended is an answer
// too.
func wantSaid(said []byte, err error, reasons ...credential.Reason) error {
	if len(said) == 0 &&
		(err == nil || errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) ||
			errors.Is(err, os.ErrDeadlineExceeded)) {
		return nil
	}
	for _, r := range reasons {
		if !bytes.Contains(said, []byte(`"reason":"`+string(r)+`"`)) {
			continue
		}
		if r == credential.Timeout {
			return errToldLate
		}
		return nil
	}
	return fmt.Errorf("was told %.200q (%w)", said, err)
}

// crowd is many rude clients at once.
type crowd struct {
	stop    chan struct{}
	done    sync.WaitGroup
	here    sync.WaitGroup // until each was connected once
	visits  [8]atomic.Int64
	mu      sync.Mutex
	refused error
	wrong   error
}

// startCrowd lets n clients loose and returns when all of them are connected at the same
// time.
func startCrowd(socket string, n int) *crowd {
	c := &crowd{stop: make(chan struct{})}
	kinds := rudes()
	first := make(chan struct{})
	c.here.Add(n)
	for i := range n {
		k := i % len(kinds)
		c.done.Go(func() {
			arrive := sync.OnceFunc(func() { c.here.Done(); <-first })
			defer arrive()
			for {
				c.visit(socket, kinds[k], arrive)
				c.visits[k].Add(1)
				select {
				case <-c.stop:
					return
				case <-time.After(pause):
				}
			}
		})
	}
	c.here.Wait()
	close(first)
	return c
}

func (c *crowd) visit(socket string, k rude, arrive func()) {
	begin := time.Now()
	conn, err := dial(socket)
	arrive() // which may take longer than a client has for its first line
	if err != nil {
		c.note(&c.refused, err)
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	err = k.act(conn, c.stop)
	if errors.Is(err, errToldLate) {
		if err = nil; time.Since(begin) < firstLine {
			err = errToldLate
		}
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, unix.EPIPE) &&
		!errors.Is(err, unix.ECONNRESET) {
		c.note(&c.wrong, fmt.Errorf("%s: %w", k.name, err))
	}
}

func (c *crowd) note(to *error, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *to == nil {
		*to = err
	}
}

// leave ends it and returns what went wrong.
func (c *crowd) leave() (visits string, err error) {
	close(c.stop)
	c.done.Wait()
	for i, k := range rudes() {
		visits += fmt.Sprintf(" %d x %s,", c.visits[i].Load(), k.name)
	}
	return strings.Trim(visits, " ,"), errors.Join(c.refused, c.wrong)
}

// proc returns a number of /proc/PID/status, whose sizes are in kB.
func proc(t *testing.T, pid int, field string) (n int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(status), "\n"+field+":")
	if _, err := fmt.Sscan(rest, &n); !ok || err != nil {
		t.Fatalf("no %s: %v", field, err)
	}
	return n
}

// enoughFiles skips a test that needs n connections where a process may not have them.
func enoughFiles(t *testing.T, n uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Max < n {
		t.Skipf("a process may have %d open files here, %v", limit.Max, err)
	}
}

// times are how long requests took.
type times []time.Duration

func (ts times) String() string {
	slices.Sort(ts)
	at := func(share float64) time.Duration {
		return ts[int(share*float64(len(ts)-1))].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("%d requests, p50 %v, p99 %v, longest %v", len(ts), at(0.5), at(0.99), at(1))
}

// A thousand clients at once do all that a client should not do, and twenty others are
// served all the same. zend's memory is bounded, and when the thousand are gone it has
// nothing of them.
func TestThousandRudeClients(t *testing.T) {
	enoughFiles(t, 4096)
	w := newWorld(t)
	if err := w.store("hub.example", "alice", "secret"); err != nil {
		t.Fatal(err)
	}
	// more than the kernel keeps for a reader
	if err := w.store("large.example", "alice", strings.Repeat("x", 300<<10)); err != nil {
		t.Fatal(err)
	}
	socket, err := w.dirs.Socket()
	if err != nil {
		t.Fatal(err)
	}
	pid := w.daemons()[0]
	threads := proc(t, pid, "Threads")
	quiet := w.polite(t, 5, politeRequests)
	c := startCrowd(socket, 1000)
	busy := w.polite(t, 20, politeRequests)
	visits, err := c.leave()
	if err != nil {
		t.Error(err)
	}
	after := w.polite(t, 5, politeRequests)
	if now := w.daemons(); !slices.Equal(now, []int{pid}) {
		t.Fatalf("zend %d did not survive: now there is %v", pid, now)
	}
	left := proc(t, pid, "VmRSS") / 1024
	for end := time.Now().Add(20 * time.Second); left > afterMemory &&
		time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		// zend gives back what it needed when it was left alone for some seconds
		left = proc(t, pid, "VmRSS") / 1024
	}
	most := proc(t, pid, "VmHWM") / 1024
	if most > mostMemory || left > afterMemory {
		t.Errorf("zend occupied up to %d MB, at most %d are allowed, and %d MB afterwards, at most "+
			"%d", most, mostMemory, left, afterMemory)
	}
	if now := proc(t, pid, "Threads"); now > threads+32 {
		t.Errorf("%d threads are left of %d", now, threads)
	}
	t.Logf("alone:  %v", quiet)
	t.Logf("crowd:  %v; up to %d MB; %s", busy, most, visits)
	t.Logf("after:  %v; %d MB", after, left)
}

// polite are clients that make a number of gets each, one after the other, as
// docker-credential-zen does. None may fail.
func (w *world) polite(t *testing.T, clients, each int) (took times) {
	t.Helper()
	var mu sync.Mutex
	err := together(clients, func(int) error {
		for range each {
			begin := time.Now()
			got, err := w.get("hub.example")
			if err != nil || got != "secret" {
				return fmt.Errorf("get: %q: %w", got, err)
			}
			mu.Lock()
			took = append(took, time.Since(begin))
			mu.Unlock()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return took
}

// A host that nobody is logged in to is not found at once, also while zend is flooded.
func TestUnknownHostIsNotFoundAtOnce(t *testing.T) {
	w := newWorld(t)
	if _, err := w.status(); err != nil {
		t.Fatal(err)
	}
	err := together(50, func(int) error {
		begin := time.Now()
		_, err := w.get("nobody.example")
		if took := time.Since(begin); !credential.NotLoggedIn.Is(err) || took > time.Second {
			return fmt.Errorf("after %v: %w", took, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
