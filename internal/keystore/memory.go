package keystore

import (
	"context"
	"sync"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore/arena"
)

// MemorySlot keeps keys in this process only. It is the last resort of a machine without
// any keyring: nothing is set up and nothing outlives zend. The zero value is ready for
// use.
type MemorySlot struct {
	mu   sync.Mutex
	keys map[string]*arena.Arena
}

// Kind returns KindMemory.
func (*MemorySlot) Kind() string { return KindMemory }

// Detail describes the slot for a person.
func (*MemorySlot) Detail() string {
	return "the memory of this zend: gone when it ends, nothing on the disk opens the vault"
}

// Probe always succeeds.
func (*MemorySlot) Probe(context.Context) error { return nil }

// Load returns a copy of the key.
func (m *MemorySlot) Load(_ context.Context, id string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.keys[id]
	if !ok {
		return nil, fail(credential.KeyLost, "", "this zend's memory has no such key")
	}
	return append([]byte(nil), a.Bytes()[:KeySize]...), nil
}

// Save keeps a copy of the key, which must be KeySize bytes.
func (m *MemorySlot) Save(_ context.Context, id string, key []byte) error {
	if len(key) != KeySize {
		return fail(credential.InvalidInput, "", "a key has %d bytes, not %d", KeySize, len(key))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys == nil {
		m.keys = make(map[string]*arena.Arena)
	}
	if m.keys[id] == nil {
		m.keys[id] = arena.New(KeySize)
	}
	copy(m.keys[id].Bytes(), key)
	return nil
}

// Delete wipes the key.
func (m *MemorySlot) Delete(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.keys[id]; a != nil {
		a.Free()
		delete(m.keys, id)
	}
	return nil
}
