package server

import (
	"sync"
	"sync/atomic"
)

// workers are the goroutines that serve connections. A few of those that are done stay for the next one: to grow a new one's
// stack and buffers costs a fifth of what it takes to serve a client that has one request.
type workers struct {
	next    chan *conn
	closing chan struct{} // closed when nothing comes any more
	waiting atomic.Int32
	wg      sync.WaitGroup
}

// maxWaiting bounds the memory.
const maxWaiting = 64

func newWorkers() workers { return workers{next: make(chan *conn), closing: make(chan struct{})} }

// assign lets a connection be served. It waits for nobody.
func (w *workers) assign(c *conn) {
	select {
	case w.next <- c:
	default:
		w.wg.Go(func() { w.work(c) })
	}
}

// work serves one connection after the other. What they leave of their buffers is empty.
func (w *workers) work(c *conn) {
	for c != nil {
		c.serve()
		in, reply := c.in, c.reply
		c.forget(c)
		if c = w.await(); c != nil {
			c.in, c.reply = in, reply
		}
	}
}

// await returns the next connection; nil when there are enough others who wait for it.
func (w *workers) await() *conn {
	defer w.waiting.Add(-1)
	if w.waiting.Add(1) > maxWaiting {
		return nil
	}
	select {
	case c := <-w.next:
		return c
	case <-w.closing:
		return nil
	}
}

// dismiss ends those who wait. Nothing is assigned afterwards.
func (w *workers) dismiss() { close(w.closing) }
