package kernelkeyring

import (
	"testing"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore/keystoretest"
)

func TestConformance(t *testing.T) {
	if err := (Slot{}).Probe(t.Context()); err != nil {
		if !credential.KeyringUnavailable.Is(err) {
			t.Fatalf("Probe: %v, want reason %s", err, credential.KeyringUnavailable)
		}
		t.Skip("this system has no usable kernel keyring:", err)
	}
	keystoretest.TestSlot(t, Slot{}, Slot{})
}
