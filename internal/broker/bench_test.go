package broker

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/connector/docker"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
	"github.com/zen-agent/zen/internal/registryauth"
	"github.com/zen-agent/zen/internal/tokencache"
)

// vaultOf makes a vault of n logins, as docker login leaves them.
func vaultOf(b *testing.B, n int) keystore.Options {
	b.Helper()
	opt := keystore.Options{
		Path:  b.TempDir() + "/vault.json",
		Slots: []keystore.KeySlot{&keystore.MemorySlot{}},
	}
	vault, err := keystore.Open(opt)
	if err != nil {
		b.Fatal(err)
	}
	defer vault.Close()
	err = vault.Commit(b.Context(), func(tx *keystore.Tx) error {
		for i := range n {
			id := fmt.Sprintf("%08d-0000-4000-8000-000000000000", i)
			secret := door.PackCredential(
				credential.Credential{
					Username: "alice",
					Secret:   credential.SecretString("dckr_pat_0123456789abcdefghijklmnopq"),
				},
			)
			public, err := json.Marshal(map[string]any{
				"id": id, "address": fmt.Sprintf("r%d.example/team", i), "source": sourceStored,
				"created": time.Date(2026, 11, 24, 12, 30, 0, 123456789, time.UTC).
					Add(time.Duration(i) * time.Second),
			})
			if err != nil {
				return err
			}
			if err := tx.Put(keystore.Record{ID: id, Kind: string(catalog.KindLogin), Public: public},
				&secret); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return opt
}

// noIndex is an index that costs nothing itself.
type noIndex struct{}

func (noIndex) Write([]address.Address) error    { return nil }
func (noIndex) Read() ([]address.Address, error) { return nil, nil }

// BenchmarkStart is what a client waits for that finds no zend, apart from the start of
// the process: the vault is read, its logins are loaded, its key is had and one secret is
// opened.
func BenchmarkStart(b *testing.B) {
	for _, n := range []int{10, 1_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			opt := vaultOf(b, n)
			b.ReportAllocs()
			for b.Loop() {
				vault, err := keystore.Open(opt)
				if err != nil {
					b.Fatal(err)
				}
				broker, err := New(Config{
					Vault: vault, Kinds: []connector.Kind{docker.New(registryauth.New())},
					Engine: tokencache.New(tokencache.Config{}), Index: noIndex{},
				})
				if err != nil {
					b.Fatal(err)
				}
				cred, err := broker.Credentials.Get(b.Context(), access.Caller{}, "r7.example/team/app")
				if err != nil || cred.Username != "alice" {
					b.Fatal(cred.Username, err)
				}
				cred.Secret.Wipe()
				vault.Close()
			}
		})
	}
}
