package keystore_test

import (
	"testing"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/keystore/keystoretest"
)

func TestMemorySlot(t *testing.T) {
	m := new(keystore.MemorySlot)
	keystoretest.TestSlot(t, m, m)
	for _, n := range []int{0, 31, 33} {
		if err := m.Save(t.Context(), "x", make([]byte, n)); !credential.InvalidInput.Is(err) {
			t.Errorf("Save of %d bytes: %v", n, err)
		}
	}
}
