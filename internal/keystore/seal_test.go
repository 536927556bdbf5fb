package keystore

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

func random(t testing.TB, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The example of draft-irtf-cfrg-xchacha-03, A.3.1.
func TestXChaChaVector(t *testing.T) {
	key := unhex(t, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")
	nonce := unhex(t, "404142434445464748494a4b4c4d4e4f5051525354555657")
	ad := unhex(t, "50515253c0c1c2c3c4c5c6c7")
	text := []byte("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the " +
		"future, sunscreen would be it.")
	sealed, err := xchacha(nil, key, nonce, text, ad, true)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(sealed[:16]), "bd6d179d3e83d43b9576579493c0e939"; got != want {
		t.Errorf("ciphertext begins %s, want %s", got, want)
	}
	if got, want := hex.EncodeToString(sealed[len(text):]), "c0875924c1c7987947deafd8780acf49"; got != want {
		t.Errorf("tag %s, want %s", got, want)
	}
}

// What is composed here by hand is what the library would have done.
func TestSealIsXChaCha20Poly1305(t *testing.T) {
	for _, n := range []int{0, 1, 31, 64, 1000} {
		key, text, ad := random(t, KeySize), random(t, n), random(t, n/2)
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := seal(rand.Reader, key, text, ad)
		if err != nil || len(sealed) != n+overhead {
			t.Fatalf("%d bytes, %v", len(sealed), err)
		}
		if got, err := aead.Open(nil, sealed[:nonceSize], sealed[nonceSize:], ad); err != nil ||
			!bytes.Equal(got, text) {
			t.Errorf("the library does not open it: %v", err)
		}
		nonce := random(t, nonceSize)
		if got, err := unseal(nil, key, aead.Seal(nonce, nonce, text, ad), ad); err != nil ||
			!bytes.Equal(got, text) {
			t.Errorf("the library's is not opened: %v", err)
		}
		for i := range sealed {
			sealed[i] ^= 1
			if got, err := unseal(nil, key, sealed, ad); !errors.Is(err, errSealed) || got != nil {
				t.Fatalf("byte %d changed: %x, %v", i, got, err)
			}
			sealed[i] ^= 1
		}
	}
	for n := range overhead {
		if _, err := unseal(nil, random(t, KeySize), make([]byte, n), nil); !errors.Is(err, errSealed) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestNoncesDiffer(t *testing.T) {
	key, seen := random(t, KeySize), make(map[string]bool)
	for range 1000 {
		b, err := seal(rand.Reader, key, nil, nil)
		if err != nil || seen[string(b[:nonceSize])] {
			t.Fatal("a nonce was used twice", err)
		}
		seen[string(b[:nonceSize])] = true
	}
}

// A random source that ends must not give half a nonce.
func TestShortRandomness(t *testing.T) {
	for n := range nonceSize {
		if b, err := seal(bytes.NewReader(make([]byte, n)), make([]byte, KeySize), nil, nil); err == nil {
			t.Errorf("sealed with %d random bytes: %x", n, b)
		}
	}
}

func TestHKDFAndHMAC(t *testing.T) {
	scratch := make([]byte, 4096)
	for _, salt := range []string{"", "5e0a", string(random(t, 64)), string(random(t, 100))} {
		secret := random(t, KeySize)
		want, err := hkdf.Key(sha256.New, secret, []byte(salt), labelFile, KeySize)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, KeySize)
		hkdf32(got, scratch, secret, salt, labelFile)
		if !bytes.Equal(got, want) {
			t.Errorf("salt of %d bytes: %x, want %x", len(salt), got, want)
		}
		mac := hmac.New(sha256.New, []byte(salt))
		mac.Write(secret)
		hmac32(got, scratch, []byte(salt), secret)
		if !bytes.Equal(got, mac.Sum(nil)) {
			t.Errorf("HMAC with a key of %d bytes: %x, want %x", len(salt), got, mac.Sum(nil))
		}
		if !bytes.Equal(scratch, make([]byte, len(scratch))) {
			t.Error("scratch was not wiped")
		}
	}
}

// No two lists of parts are bound by the same bytes.
func TestAssociateIsUnambiguous(t *testing.T) {
	seen := make(map[string]string)
	for _, parts := range [][]string{
		{},
		{""},
		{"", ""},
		{"a"},
		{"a", ""},
		{"", "a"},
		{"ab"},
		{"a", "b"},
		{"b", "a"},
		{"\x01\x00\x00\x00\x00\x00\x00\x00a"},
	} {
		var list [][]byte
		for _, p := range parts {
			list = append(list, []byte(p))
		}
		key := string(associate("label", list...))
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %s give the same", parts, other)
		}
		seen[key] = "another"
	}
	if bytes.Equal(associate(labelBare), associate(labelSecret)) ||
		bytes.Equal(associate(labelBare), associate(labelSlot)) {
		t.Error("labels are not told apart")
	}
}

func TestKeysAreDerivedPerVault(t *testing.T) {
	k := newKeys()
	defer k.destroy()
	copy(k.vault, bytes.Repeat([]byte{7}, KeySize))
	k.derive("a")
	records, file := bytes.Clone(k.records), bytes.Clone(k.file)
	if bytes.Equal(records, file) || bytes.Equal(records, k.vault) {
		t.Error("keys for different uses are the same")
	}
	k.derive("b")
	if bytes.Equal(records, k.records) || bytes.Equal(file, k.file) {
		t.Error("keys of different vaults are the same")
	}
}
