//go:build darwin

package oskeyring

import (
	"errors"

	"github.com/zalando/go-keyring"
)

// classify maps what go-keyring returns to a fault.
func classify(err error) (fault, string) {
	if errors.Is(err, keyring.ErrNotFound) {
		return faultMissing, ""
	}
	return faultOther, err.Error()
}
