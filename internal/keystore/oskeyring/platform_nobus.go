//go:build darwin

package oskeyring

import "context"

// needsBus: the keyring is reached without a message bus.
const needsBus = false

const detail = "the OS keyring of your account: open while you are logged in; without it nothing on the " +
	"disk opens the vault"

// inspect has nothing to ask: Keychain and Credential Manager are parts of the system.
func inspect(context.Context, request, answer) (fault, string) { return "", "" }

// watchPrompts sees nothing: there the system reports a dismissed prompt as an error.
func watchPrompts() (dismissed func() bool) { return func() bool { return false } }
