package keystore

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

// filled makes a vault of n records, each with the public part of a connector and a
// secret.
func filled(b *testing.B, n int, slot KeySlot) (path string) {
	b.Helper()
	path = vaultPath(b)
	v := open(b, path, slot)
	secret := credential.SecretString("dckr_pat_0123456789abcdefghijklmnopq")
	err := v.Commit(b.Context(), func(tx *Tx) error {
		for i := range n {
			public := fmt.Sprintf(
				`{"name":"connector-%d","type":"docker","auth":"password","registry":"r%d.example.com",`+
					`"user":"user-%d"}`,
				i,
				i,
				i,
			)
			if err := tx.Put(Record{
				ID: fmt.Sprintf("c/%08d", i), Kind: "connector",
				Public: json.RawMessage(public),
			}, &secret); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	v.Close()
	return path
}

var sizes = []int{10, 1_000}

// BenchmarkOpen reads, checks and opens a vault and decrypts one secret; the key slot
// takes no time.
func BenchmarkOpen(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			slot := keyringStub()
			path := filled(b, n, slot)
			for b.Loop() {
				v := open(b, path, slot)
				if err := v.EnsureOpen(b.Context()); err != nil {
					b.Fatal(err)
				}
				secretOf(b, v, "c/00000007")
				v.Close()
			}
		})
	}
}

// BenchmarkCommit replaces one record of a vault, with everything that makes it last.
func BenchmarkCommit(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			slot := keyringStub()
			v := open(b, filled(b, n, slot), slot)
			mustCommit(b, v, put("x", `{}`, "s"))
			for b.Loop() {
				mustCommit(b, v, put("c/00000007", `{"name":"x"}`, "secret"))
			}
		})
	}
}

// BenchmarkSecret decrypts one secret of an open vault.
func BenchmarkSecret(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			slot := keyringStub()
			v := open(b, filled(b, n, slot), slot)
			if err := v.EnsureOpen(b.Context()); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				s, err := v.Secret("c/00000007")
				if err != nil {
					b.Fatal(err)
				}
				s.Wipe()
			}
		})
	}
}

// BenchmarkPassphrase is what a person waits for after typing it.
func BenchmarkPassphrase(b *testing.B) {
	params, err := newPassphraseParams(Options{}.withDefaults().Rand, DefaultArgon2(), []byte("w"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		clear(params.private([]byte("w")))
	}
}
