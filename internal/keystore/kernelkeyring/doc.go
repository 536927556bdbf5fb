// Package kernelkeyring is the key slot of the session vault: keys in the Linux kernel's
// keyring of the user (user-keyring(7)). They are never on a disk, other users cannot
// find them, they survive zend and every process of the user, and a reboot ends them.
//
// It must not touch keys it did not make, and needs no session keyring: PAM may give each
// login its own.
package kernelkeyring
