package keystore

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/curve25519"

	"github.com/zen-agent/zen/internal/keystore/arena"
)

// Argon2Params is the cost of turning a passphrase into a key (RFC 9106). The zero value
// means DefaultArgon2.
type Argon2Params struct {
	Passes  uint32 // t
	Memory  uint32 // m, KiB
	Threads uint8  // p
}

// DefaultArgon2 is RFC 9106's second recommended option: about 160 ms on two cores of a
// server.
func DefaultArgon2() Argon2Params { return Argon2Params{Passes: 3, Memory: 64 << 10, Threads: 4} }

// passphraseParams let a passphrase open a slot. The passphrase's key is the private half
// of an X25519 pair whose public half stands here, so that a new vault key can be wrapped
// for the passphrase (Rotate) without asking for it again.
type passphraseParams struct {
	KDF       string `json:"kdf"`
	Passes    uint32 `json:"passes"`
	Memory    uint32 `json:"memory_kib"`
	Threads   uint8  `json:"threads"`
	Salt      []byte `json:"salt"`
	Public    []byte `json:"public"`
	Ephemeral []byte `json:"ephemeral"` // public half of the pair used once, for this wrapping
}

const (
	kdfArgon2id     = "argon2id"
	labelPassphrase = "zen passphrase slot v1"
	saltSize        = 16
)

// sane bounds what a file can make the program compute: 1 GiB, 100 passes.
func (p *passphraseParams) sane() bool {
	return p.KDF == kdfArgon2id && p.Passes >= 1 && p.Passes <= 100 && p.Threads >= 1 && p.Memory >= 8 &&
		p.Memory <= 1<<20 &&
		len(p.Salt) == saltSize && len(p.Public) == curve25519.PointSize &&
		len(p.Ephemeral) == curve25519.PointSize
}

// newPassphraseParams chooses a salt and computes the public half for a passphrase.
func newPassphraseParams(random io.Reader, cost Argon2Params, passphrase []byte) (*passphraseParams, error) {
	p := &passphraseParams{
		KDF: kdfArgon2id, Passes: cost.Passes, Memory: cost.Memory, Threads: cost.Threads,
		Salt: make([]byte, saltSize),
	}
	if _, err := io.ReadFull(random, p.Salt); err != nil {
		return nil, fmt.Errorf("reading random bytes: %w", err)
	}
	private := p.private(passphrase)
	defer clear(private)
	var err error
	p.Public, err = curve25519.X25519(private, curve25519.Basepoint)
	return p, err
}

// private is the private half. The caller wipes it; copies that crypto/ecdh makes of it
// cannot be wiped, and stay in freed memory until that is used again.
func (p *passphraseParams) private(passphrase []byte) []byte {
	if p.Memory > 1<<10 {
		defer debug.FreeOSMemory() // what Argon2 used is of no use to a daemon
	}
	return argon2.IDKey(passphrase, p.Salt, p.Passes, p.Memory, p.Threads, curve25519.ScalarSize)
}

// wrapKey returns params with a fresh ephemeral half, and the key that wraps the vault
// key for it.
func (p *passphraseParams) wrapKey(random io.Reader) (*passphraseParams, []byte, error) {
	once := make([]byte, curve25519.ScalarSize)
	defer clear(once)
	if _, err := io.ReadFull(random, once); err != nil {
		return nil, nil, fmt.Errorf("reading random bytes: %w", err)
	}
	next := *p
	var err error
	if next.Ephemeral, err = curve25519.X25519(once, curve25519.Basepoint); err != nil {
		return nil, nil, err
	}
	key, err := next.agree(once, next.Public)
	return &next, key, err
}

// unwrapKey computes the key that wrapKey returned, from the passphrase.
func (p *passphraseParams) unwrapKey(passphrase []byte) ([]byte, error) {
	private := p.private(passphrase)
	defer clear(private)
	return p.agree(private, p.Ephemeral)
}

// agree derives the wrapping key from a Diffie-Hellman exchange; the salt of HKDF binds
// both public halves.
func (p *passphraseParams) agree(private, public []byte) ([]byte, error) {
	shared, err := curve25519.X25519(private, public)
	if err != nil {
		return nil, err
	}
	defer clear(shared)
	scratch := arena.New(4096)
	defer scratch.Free()
	key := make([]byte, KeySize)
	hkdf32(key, scratch.Bytes(), shared, string(p.Public)+string(p.Ephemeral), labelPassphrase)
	return key, nil
}

// associated is what a slot's wrapping binds: the vault and everything the slot says
// about itself.
func (s slotEntry) associated(vaultID string) ([]byte, error) {
	s.Wrapped = nil
	s.Note = "" // it is set later than the key is wrapped; the file's own authentication covers it
	header, err := json.Marshal(&s)
	return associate(labelSlot, []byte(vaultID), header), err
}

// wrap seals the vault key under the slot's key.
func (s *slotEntry) wrap(random io.Reader, vaultID string, kek []byte, k *keys) error {
	ad, err := s.associated(vaultID)
	if err != nil {
		return err
	}
	return k.use(func() error {
		s.Wrapped, err = seal(random, kek, k.vault, ad)
		return err
	})
}

// unwrap opens the vault key with the slot's key.
func (s *slotEntry) unwrap(vaultID string, kek []byte) (*keys, error) {
	ad, err := s.associated(vaultID)
	if err != nil {
		return nil, err
	}
	if len(s.Wrapped) != overhead+KeySize || len(kek) != KeySize {
		return nil, errSealed
	}
	k := newKeys()
	if _, err := unseal(k.vault[:0], kek, s.Wrapped, ad); err != nil {
		k.destroy()
		return nil, err
	}
	k.derive(vaultID)
	return k, nil
}
