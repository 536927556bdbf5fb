//go:build unix && !darwin

package oskeyring

// needsBus: the keyring is a service on the session's message bus.
const needsBus = true

const detail = "the OS keyring (Secret Service): open while you are logged in to the desktop; " +
	"without it nothing on the disk opens the vault"
