package server

import (
	"github.com/zen-agent/zen/internal/ipc"
)

// keepBuffer is the size in bytes up to which a connection keeps its buffers for the next
// request.
const keepBuffer = 16 << 10

// firstBuffer is the size in bytes of a buffer at first: what nearly all requests and
// responses fit into.
const firstBuffer = 2048

// Requests that need a buffer larger than largeBuffer, in bytes, wait for each other:
// maxLarge at a time. Without that a thousand clients could make zend occupy gigabytes.
const (
	largeBuffer = 64 << 10
	maxLarge    = 16
)

// resultKey stands between the id and the result.
const resultKey = `,"result":`

// Buffer is a response under construction. It is cleared after it was sent, for it may
// hold secrets.
type Buffer struct {
	b      []byte
	prefix int   // length of what stands before the result or error
	unsent int64 // bytes of a large response that room was made for
}

// Append lets f append to the result. The array that the buffer outgrows is cleared; what
// f does in between is f's: it should append secrets with safejson.AppendString, which
// clears what it leaves.
func (b *Buffer) Append(f func(dst []byte) []byte) {
	old := b.b
	b.b = f(old)
	if cap(old) > 0 && (cap(b.b) == 0 || &old[:1][0] != &b.b[:1][0]) {
		clear(old[:cap(old)])
	}
}

func (b *Buffer) add(s string) {
	b.Append(func(dst []byte) []byte { return append(dst, s...) })
}

// begin starts a response to the request with this id.
func (b *Buffer) begin(id []byte) {
	b.wipe()
	if b.b == nil {
		b.b = make([]byte, 0, firstBuffer)
	}
	b.add(`{"jsonrpc":"2.0","id":`)
	b.b = append(b.b, id...)
	b.prefix = len(b.b)
	b.add(resultKey)
}

// fail replaces the result by an error. The memory of a large result is given up.
func (b *Buffer) fail(err error) {
	clear(b.b[b.prefix:])
	if cap(b.b) > keepBuffer {
		b.b = append(make([]byte, 0, firstBuffer), b.b[:b.prefix]...)
	}
	b.b = append(b.b[:b.prefix], `,"error":`...)
	b.Append(func(dst []byte) []byte { return ipc.AppendError(dst, err) })
}

// end completes the line.
func (b *Buffer) end() {
	if len(b.b) == b.prefix+len(resultKey) {
		b.add("{}")
	}
	b.add("}\n")
}

// wipe clears the buffer, and drops it when it is large.
func (b *Buffer) wipe() {
	clear(b.b[:cap(b.b)])
	b.b = b.b[:0]
	if cap(b.b) > keepBuffer {
		b.b = nil
	}
}
