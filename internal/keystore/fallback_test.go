package keystore

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

// A vault whose first choice of a slot was not there is opened again by the next zend:
// the note that says why is no part of what the key's wrapping binds, as it is written
// after it.
func TestVaultWithFallbackSlotOpensAgain(t *testing.T) {
	path := vaultPath(t)
	keyring, session := unavailableStub(KindOSKeyring, "no bus here"), sessionStub()
	first := open(t, path, keyring, session)
	mustCommit(t, first, put("a", `{}`, "the secret"))
	first.Close()

	again := open(t, path, keyring, session)
	mustOpen(t, again)
	if got := secretOf(t, again, "a"); got != "the secret" {
		t.Errorf("secret = %q", got)
	}
	slots := again.State().Slots
	if len(slots) != 1 || slots[0].Kind != KindSession || !strings.Contains(slots[0].Detail, "no bus here") {
		t.Errorf("slots = %+v, want a session slot that says why", slots)
	}
	if err := again.SetPassphrase(t.Context(), credential.SecretString("pass phrase")); err != nil {
		t.Error(err)
	}
}
