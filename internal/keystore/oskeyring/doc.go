// Package oskeyring is the key slot of the operating system's keyring: the Secret Service
// (GNOME, KDE, KeePassXC) on Linux, the Keychain on macOS, the Credential Manager on
// Windows, all through zalando/go-keyring. It holds one item per key: service "zen", user
// "vault-key:<vault id>/<slot id>", value "v1." and the key in base64url. Nothing else is
// ever put there.
//
// go-keyring has no deadline: on Linux it can wait for ever for a prompt or a service,
// panic when the bus goes away, report success when nothing was stored, and start a
// message bus of its own. So it runs only in a child process, this executable started
// again with ChildArgument, that a deadline ends; the key travels through pipes. Before
// go-keyring gets to work the child asks the bus, which shows no prompt, whether there is
// a service at all and whether a prompt is to be expected.
package oskeyring
