package keystore

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"sync"

	"github.com/zen-agent/zen/internal/keystore/arena"
)

// KeySize is the length of vault keys and of the keys that wrap them, in bytes.
const KeySize = 32

// Labels that separate the keys derived from the vault key (the info of HKDF, RFC 5869).
const (
	labelRecords = "zen vault records v1"
	labelFile    = "zen vault file v1"
)

// keys are a vault's key and what is derived from it, all in one arena. Every use goes
// through use, so that destroy can wait for it; after destroy they are of no use.
type keys struct {
	mu      sync.RWMutex
	arena   *arena.Arena
	vault   []byte // K: wrapped by the key slots
	records []byte // seals records
	file    []byte // authenticates the file
}

// newKeys returns keys whose vault key is zero: fill it, then call derive.
func newKeys() *keys {
	k := &keys{arena: arena.New(4096)}
	rest := k.arena.Bytes()
	k.vault = arena.Carve(&rest, KeySize)
	k.records = arena.Carve(&rest, KeySize)
	k.file = arena.Carve(&rest, KeySize)
	return k
}

// generateKeys returns fresh keys for a vault.
func generateKeys(random io.Reader, vaultID string) (*keys, error) {
	k := newKeys()
	if _, err := io.ReadFull(random, k.vault); err != nil {
		k.destroy()
		return nil, err
	}
	k.derive(vaultID)
	return k, nil
}

// derive computes the keys that follow from the vault key.
func (k *keys) derive(vaultID string) {
	scratch := arena.New(4096)
	defer scratch.Free()
	hkdf32(k.records, scratch.Bytes(), k.vault, vaultID, labelRecords)
	hkdf32(k.file, scratch.Bytes(), k.vault, vaultID, labelFile)
}

// destroy waits for uses under way and wipes the keys.
func (k *keys) destroy() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.arena.Free()
	k.vault, k.records, k.file = nil, nil, nil
}

// errGone says that the keys were wiped: the vault was locked meanwhile.
var errGone = errors.New("the vault was locked")

// use runs f while the keys are there.
func (k *keys) use(f func() error) error {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.vault == nil {
		return errGone
	}
	return f()
}

// hkdf32 is HKDF-SHA256 (RFC 5869) for exactly one block of output. crypto/hkdf would
// leave copies of the input key in hash states on the heap, which nothing can wipe; here
// every key byte stays in scratch, the caller's locked memory.
func hkdf32(dst, scratch, secret []byte, salt, info string) {
	wipeStack(0)       // makes room, so that the stack does not move while there is something on it
	defer wipeStack(0) // sums were returned on it
	prk, work := scratch[:sha256.Size], scratch[sha256.Size:]
	hmac32(prk, work, []byte(salt), secret)
	hmac32(dst, work, prk, append([]byte(info), 1))
	clear(prk)
}

// wipeStack overwrites what the functions that were called before left on the stack, 4
// KiB deep.
//
//go:noinline
func wipeStack(at uint8) byte {
	var frame [4096]byte
	return frame[at]
}

// hmac32 is HMAC-SHA256 (RFC 2104) over one short message, with its pads built in
// scratch, which it wipes.
func hmac32(dst, scratch, key, message []byte) {
	if len(key) > sha256.BlockSize {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	inner := pad(scratch, key, 0x36)
	inner = append(inner, message...)
	sum := sha256.Sum256(inner)
	clear(inner)
	outer := pad(scratch, key, 0x5c)
	outer = append(outer, sum[:]...)
	sum = sha256.Sum256(outer)
	clear(outer)
	copy(dst, sum[:])
	clear(sum[:])
}

func pad(scratch, key []byte, with byte) []byte {
	block := scratch[:sha256.BlockSize]
	clear(block)
	copy(block, key)
	for i := range block {
		block[i] ^= with
	}
	return block
}

// mac authenticates a file: it covers the digest of everything before the seal, hence the
// exact bytes.
func (k *keys) mac(digest [sha256.Size]byte) (tag [sha256.Size]byte, err error) {
	err = k.use(func() error {
		scratch := arena.New(4096)
		defer scratch.Free()
		hmac32(tag[:], scratch.Bytes(), k.file, digest[:])
		return nil
	})
	return tag, err
}

var errMAC = errors.New("the file's authentication code does not match")

// verify checks a file's MAC in constant time.
func (k *keys) verify(f *file) error {
	want, err := k.mac(f.digest)
	if err == nil && subtle.ConstantTimeCompare(want[:], f.mac[:]) != 1 {
		err = errMAC
	}
	return err
}
