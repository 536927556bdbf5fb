package keystore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"
)

// Sealed bytes are nonce (24 random bytes) || ciphertext || tag (16 bytes),
// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03).
const (
	nonceSize = chacha20poly1305.NonceSizeX
	overhead  = nonceSize + chacha20poly1305.Overhead
)

var errSealed = errors.New("sealed data was changed, or sealed with another key")

// seal encrypts plaintext under a 32-byte key with a random nonce and binds the
// associated data.
func seal(random io.Reader, key, plaintext, associated []byte) ([]byte, error) {
	out := make([]byte, nonceSize, overhead+len(plaintext))
	if _, err := io.ReadFull(random, out); err != nil {
		return nil, fmt.Errorf("reading random bytes: %w", err)
	}
	return xchacha(out, key, out[:nonceSize], plaintext, associated, true)
}

// unseal decrypts what seal made and appends the plaintext to dst.
func unseal(dst, key, sealed, associated []byte) ([]byte, error) {
	if len(sealed) < overhead {
		return nil, errSealed
	}
	return xchacha(dst, key, sealed[:nonceSize], sealed[nonceSize:], associated, false)
}

// xchacha composes XChaCha20-Poly1305 from HChaCha20 and the RFC 8439 AEAD, exactly as
// chacha20poly1305.NewX does. NewX itself would copy the long-lived key into a heap
// object that cannot be wiped; this way only the nonce's own subkey gets there.
func xchacha(dst, key, nonce, text, associated []byte, encrypt bool) ([]byte, error) {
	subkey, err := subkeyOf(key, nonce[:16])
	if err != nil {
		return nil, err
	}
	defer clear(subkey)
	aead, err := chacha20poly1305.New(subkey)
	if err != nil {
		return nil, err
	}
	var short [chacha20poly1305.NonceSize]byte
	copy(short[4:], nonce[16:nonceSize])
	if encrypt {
		return aead.Seal(dst, short[:], text, associated), nil
	}
	plain, err := aead.Open(dst, short[:], text, associated)
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// subkeyOf derives the key of one nonce.
func subkeyOf(key, nonce []byte) ([]byte, error) {
	wipeStack(0)       // makes room, so that the stack does not move while there is something on it
	defer wipeStack(0) // HChaCha20 leaves the words of the key on it
	return chacha20.HChaCha20(key, nonce)
}

// associate joins the parts that a seal binds: a label that says what is sealed, then
// each part after its length, so that no two lists of parts give the same bytes.
func associate(label string, parts ...[]byte) []byte {
	size := len(label)
	for _, p := range parts {
		size += 8 + len(p)
	}
	out := append(make([]byte, 0, size), label...)
	for _, p := range parts {
		out = binary.LittleEndian.AppendUint64(out, uint64(len(p)))
		out = append(out, p...)
	}
	return out
}

// Labels of sealed things. A record with a secret and one without differ in the label, so
// one cannot be passed off as the other.
const (
	labelSecret = "zen record with secret v1"
	labelBare   = "zen record v1"
	labelSlot   = "zen key slot v1"
)

func (r *record) associated(vaultID string) []byte {
	label := labelBare
	if r.secret {
		label = labelSecret
	}
	return associate(label, []byte(vaultID), []byte(r.id), []byte(r.kind), r.public)
}

// sealRecord seals r's secret (nil for a record without one) together with its public
// part.
func (k *keys) sealRecord(random io.Reader, vaultID string, r *record, secret []byte) error {
	return k.use(func() (err error) {
		r.blob, err = seal(random, k.records, secret, r.associated(vaultID))
		return err
	})
}

// openRecord returns r's secret in fresh memory, or nothing for a record without one,
// after checking that neither it nor the public part was changed.
func (k *keys) openRecord(vaultID string, r *record) (secret []byte, err error) {
	err = k.use(func() error {
		secret, err = unseal(
			make([]byte, 0, max(0, len(r.blob)-overhead)),
			k.records,
			r.blob,
			r.associated(vaultID),
		)
		return err
	})
	return secret, err
}
