package server_test

import (
	"testing"

	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/ipc/server"
)

// benchServer serves without a log.
func benchServer(b *testing.B) *ipc.Client {
	b.Helper()
	dir := b.TempDir()
	ln, err := server.Listen(dir+"/s", dir+"/lock")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- echoServer().Serve(b.Context(), ln) }()
	b.Cleanup(func() {
		if err := <-done; err != nil {
			b.Error(err)
		}
		ln.Close()
	})
	return &ipc.Client{Socket: ln.Path(), Name: "bench/1"}
}

var benchParams = []byte(`{"ServerURL":"ghcr.io","dir":"/home/user/work","profile":"work"}`)

func BenchmarkCall(b *testing.B) {
	c := benchServer(b)
	for b.Loop() {
		reply, err := c.Call("echo", benchParams, soon())
		if err != nil {
			b.Fatal(err)
		}
		reply.Wipe()
	}
}

func BenchmarkCallKept(b *testing.B) {
	conn, err := benchServer(b).Dial(soon())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	for b.Loop() {
		reply, err := conn.Call("echo", benchParams, soon())
		if err != nil {
			b.Fatal(err)
		}
		reply.Wipe()
	}
}
