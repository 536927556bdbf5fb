package daemon

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/ipc/server"
)

// benchClients is how many clients ask at the same time.
const benchClients = 64

// benchRequest is what docker-credential-zen sends.
const benchRequest = `{"jsonrpc":"2.0","id":1,"method":"get","client":"docker-credential-zen/0.1.0",` +
	`"timeout_ms":10000,` +
	`"params":{"ServerURL":"ghcr.io","dir":"/home/alice/work"}}` + "\n"

// served is a daemon that serves in this process; benchmarks want no second one. It
// returns the socket.
func served(b *testing.B) string {
	b.Helper()
	d := newDaemon(b)
	socket, err := d.dirs.Socket()
	if err != nil {
		b.Fatal(err)
	}
	if err := os.MkdirAll(d.dirs.Runtime, 0o700); err != nil {
		b.Fatal(err)
	}
	ln, err := server.Listen(socket, d.dirs.Lock())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.srv.Serve(ctx, ln) }()
	b.Cleanup(func() {
		cancel()
		<-done
		ln.Close()
	})
	d.storeCanary(b, "ghcr.io")
	return socket
}

// benchConn is the cheapest client there can be: what is measured is zend. It waits in
// the runtime's poller, as the server does, because an ipc.Conn that waits in the kernel
// keeps a processor from everybody else in this process.
type benchConn struct {
	net.Conn
	buf [4096]byte
}

func (c *benchConn) ask(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	n, err := c.Read(c.buf[:])
	if err == nil && !bytes.Contains(c.buf[:n], []byte(canary)) {
		err = fmt.Errorf("zend answered %s", c.buf[:n])
	}
	return err
}

// measure runs f in many goroutines and reports requests a second, and the processor time
// that client and server took for one: that hardly depends on what else the machine does.
func measure(b *testing.B, f func(pb *testing.PB) error) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(benchClients / runtime.GOMAXPROCS(0))
	before := processorTime(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		if err := f(pb); err != nil {
			b.Error(err)
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "gets/s")
	b.ReportMetric(float64((processorTime(b)-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A get as docker-credential-zen makes it, on a connection of its own: the whole way
// through server, broker and audit log.
func BenchmarkGetNewConnection(b *testing.B) {
	socket, request := served(b), []byte(benchRequest)
	measure(b, func(pb *testing.PB) error {
		var c benchConn
		for pb.Next() {
			var err error
			if c.Conn, err = net.Dial("unix", socket); err != nil {
				return err
			}
			if err := c.ask(request); err != nil {
				return err
			}
			c.Close()
		}
		return nil
	})
}

// A get on a connection that is kept.
func BenchmarkGetKeptConnection(b *testing.B) {
	socket, request := served(b), []byte(benchRequest)
	measure(b, func(pb *testing.PB) error {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return err
		}
		defer conn.Close()
		c := benchConn{Conn: conn}
		for pb.Next() {
			if err := c.ask(request); err != nil {
				return err
			}
		}
		return nil
	})
}
