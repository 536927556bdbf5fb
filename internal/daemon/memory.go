//go:build unix

package daemon

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/keystore"
)

// memoryVariable names the pipe in which the zend before left the keys that live in its
// memory only: "PID:DESCRIPTOR".
const memoryVariable = "ZEND_MEMORY"

// maxHandover is what a pipe holds for certain while nobody reads it, in bytes (Linux and
// macOS, pipe(7)); a vault has one or two keys in memory, of well below 200 bytes with
// their names.
const maxHandover = 4096

// memorySlot is the memory slot, whose keys can be handed over to the zend that is
// executed in place of this one: through a pipe, so that they appear neither in arguments
// nor in the environment nor on a disk.
type memorySlot struct {
	keystore.MemorySlot
	mu  sync.Mutex
	ids map[string]struct{}
}

var _ keystore.KeySlot = (*memorySlot)(nil)

func newMemorySlot() *memorySlot { return &memorySlot{ids: make(map[string]struct{})} }

// Save keeps a copy of the key.
func (m *memorySlot) Save(ctx context.Context, id string, key []byte) error {
	err := m.MemorySlot.Save(ctx, id, key)
	if err == nil {
		m.mu.Lock()
		m.ids[id] = struct{}{}
		m.mu.Unlock()
	}
	return err
}

// Delete wipes the key.
func (m *memorySlot) Delete(ctx context.Context, id string) error {
	m.mu.Lock()
	delete(m.ids, id)
	m.mu.Unlock()
	return m.MemorySlot.Delete(ctx, id)
}

// handOver leaves the keys, if there are any, in a pipe that stays open across exec.
func (m *memorySlot) handOver() error {
	m.mu.Lock()
	ids := slices.Sorted(maps.Keys(m.ids))
	m.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	out := make([]byte, 0, maxHandover)
	defer func() { clear(out[:cap(out)]) }()
	for _, id := range ids {
		key, err := m.Load(context.Background(), id)
		if err != nil {
			return err
		}
		if len(out)+2+len(id)+len(key) > maxHandover {
			clear(key)
			return errors.New("too many keys")
		}
		out = binary.BigEndian.AppendUint16(out, uint16(len(id)))
		out = append(append(out, id...), key...)
		clear(key)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	defer r.Close()
	if _, err := w.Write(out); err != nil {
		return err
	}
	fd, err := unix.FcntlInt(r.Fd(), unix.F_DUPFD, 3) // without close-on-exec
	if err != nil {
		return err
	}
	return os.Setenv(memoryVariable, fmt.Sprintf("%d:%d", os.Getpid(), fd))
}

// takeOver reads what handOver left.
func (m *memorySlot) takeOver() error {
	value := os.Getenv(memoryVariable)
	os.Unsetenv(memoryVariable)
	pid, number, _ := strings.Cut(value, ":")
	fd, err := strconv.Atoi(number)
	if pid != strconv.Itoa(os.Getpid()) || err != nil || fd < 3 {
		return nil // nothing was left for this process
	}
	f := os.NewFile(uintptr(fd), "memory")
	if f == nil {
		return errors.New("no such descriptor")
	}
	defer f.Close()
	in := make([]byte, maxHandover)
	defer clear(in)
	n, err := io.ReadFull(f, in)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return m.restore(in[:n])
}

func (m *memorySlot) restore(in []byte) error {
	r := bytes.NewReader(in)
	for r.Len() > 0 {
		var size uint16
		if err := binary.Read(r, binary.BigEndian, &size); err != nil {
			return err
		}
		id, key := make([]byte, size), make([]byte, keystore.KeySize)
		_, err1 := io.ReadFull(r, id)
		_, err2 := io.ReadFull(r, key)
		err := errors.Join(err1, err2)
		if err == nil {
			err = m.Save(context.Background(), string(id), key)
		}
		clear(key)
		if err != nil {
			return err
		}
	}
	return nil
}
