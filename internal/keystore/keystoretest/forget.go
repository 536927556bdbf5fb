package keystoretest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/zen-agent/zen/internal/keystore"
)

// Forget removes the keys that a slot keeps for the vault at path, so that a test with a
// real zend leaves nothing in the user's kernel keyring, where keys are few. A vault that
// was never made has none.
func Forget(path string, slot keystore.KeySlot) error {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var vault struct {
		ID    string `json:"vault"`
		Slots []struct{ ID, Kind string }
	}
	if err := json.Unmarshal(content, &vault); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range vault.Slots {
		if s.Kind == slot.Kind() {
			err = errors.Join(err, slot.Delete(context.Background(), vault.ID+"/"+s.ID))
		}
	}
	return err
}
