package daemon

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/ipc/server"
)

// served is a daemon that serves in this process; benchmarks want no second one.
func served(b *testing.B) *ipc.Client {
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
	return &ipc.Client{Socket: socket, Name: "bench/1"}
}

// A get as docker-credential-zen makes it, on a connection of its own: the whole way through server, broker and audit log.
func BenchmarkGetNewConnection(b *testing.B) {
	c := served(b)
	b.ReportAllocs()
	b.SetParallelism(8) // clients wait for answers most of the time
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			reply, err := c.Call(api.MethodGet, []byte(`{"ServerURL":"ghcr.io"}`), time.Now().Add(10*time.Second))
			if err != nil {
				b.Error(err)
				return
			}
			reply.Wipe()
		}
	})
}

// A get on a connection that is kept.
func BenchmarkGetKeptConnection(b *testing.B) {
	c := served(b)
	b.ReportAllocs()
	b.SetParallelism(8) // clients wait for answers most of the time
	b.RunParallel(func(pb *testing.PB) {
		conn, err := c.Dial(time.Now().Add(10 * time.Second))
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		for pb.Next() {
			reply, err := conn.Call(api.MethodGet, []byte(`{"ServerURL":"ghcr.io"}`), time.Now().Add(10*time.Second))
			if err != nil {
				b.Error(err)
				return
			}
			reply.Wipe()
		}
	})
}
