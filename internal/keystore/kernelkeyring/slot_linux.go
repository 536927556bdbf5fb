package kernelkeyring

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
)

const keyType = "user"

// permissions of a key (keyctl(2), KEYCTL_SETPERM): everything for a possessor; view,
// read, write and search for the user; nothing for group and others. Without the user's
// part a later login session, which does not possess the user keyring's keys, would find
// the key and be refused to read it.
const permissions = 0x3f0f0000

// ring is the user keyring, addressed by its special id: the same one in every thread and
// session of the user.
const ring = unix.KEY_SPEC_USER_KEYRING

func (s Slot) probe(context.Context) error {
	name := prefix + "probe-" + rand.Text()
	want := []byte(rand.Text())
	if err := save(name, want); err != nil {
		return err
	}
	defer func() { _ = remove(name) }()
	got, err := load(name)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return unavailable("gave back another key than was stored", nil)
	}
	return nil
}

func save(name string, key []byte) error {
	id, err := unix.AddKey(keyType, name, key, ring)
	if err != nil {
		return explain(err)
	}
	if err := unix.KeyctlSetperm(id, permissions); err != nil {
		_ = remove(name)
		return explain(err)
	}
	return nil
}

// maxKey bounds what is read back, in bytes.
const maxKey = 4096

func load(name string) ([]byte, error) {
	id, err := find(name)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, maxKey)
	defer clear(buf)
	n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, buf, 0)
	if err != nil {
		return nil, explain(err)
	}
	if n > len(buf) {
		return nil, unavailable("holds something else under the key's name", nil)
	}
	return bytes.Clone(buf[:n]), nil
}

func find(name string) (int, error) {
	id, err := unix.KeyctlSearch(ring, keyType, name, 0)
	if err != nil {
		return 0, explain(err)
	}
	return id, nil
}

func remove(name string) error {
	id, err := unix.KeyctlSearch(ring, keyType, name, 0)
	if isGone(err) {
		return nil
	}
	if err == nil {
		// A key that is only unlinked lies around, and counts against the user's quota,
		// until the kernel collects it.
		_, err = unix.KeyctlInt(unix.KEYCTL_INVALIDATE, id, 0, 0, 0)
	}
	if err != nil && !isGone(err) {
		_, err = unix.KeyctlInt(unix.KEYCTL_UNLINK, id, ring, 0, 0)
	}
	if err != nil && !isGone(err) {
		return explain(err)
	}
	return nil
}

func isGone(err error) bool {
	return errors.Is(err, unix.ENOKEY) || errors.Is(err, unix.EKEYREVOKED) || errors.Is(err, unix.EKEYEXPIRED)
}

// explain turns an errno of add_key(2) and keyctl(2) into an error for a person.
func explain(err error) error {
	switch {
	case isGone(err):
		return credential.NewError(credential.KeyLost, "the kernel keyring has no such key", "")
	case errors.Is(err, unix.ENOSYS):
		return unavailable("is not part of this kernel", err)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return unavailable("is forbidden here, as it is in most containers", err)
	case errors.Is(err, unix.EDQUOT):
		return unavailable("is full (see /proc/key-users)", err)
	}
	return unavailable("does not work here", err)
}
