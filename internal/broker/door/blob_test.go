package door

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

func secretsOf(kv ...string) map[string]credential.Secret {
	m := make(map[string]credential.Secret)
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = credential.SecretString(kv[i+1])
	}
	return m
}

func TestBlobRoundTrip(t *testing.T) {
	for _, attrs := range []map[string]credential.Secret{
		{}, secretsOf("a", ""), secretsOf("username", "u", "password", strings.Repeat("x", 1<<20), "z",
			"\x00\n\"ü"),
	} {
		blob := Pack(attrs)
		got, err := unpackBlob(blob)
		if err != nil || len(got) != len(attrs) {
			t.Fatalf("%d attributes back, %v", len(got), err)
		}
		for k, v := range attrs {
			if !got[k].Equal(v) {
				t.Errorf("attribute %q differs", k)
			}
		}
	}
}

func FuzzUnPack(f *testing.F) {
	blob := Pack(secretsOf("username", "u", "password", "p"))
	f.Add(blob.Reveal())
	f.Add([]byte{blobVersion, 0, 1, 'a', 0, 0, 0, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		attrs, err := unpackBlob(credential.NewSecret(append([]byte(nil), b...)))
		if err != nil {
			return
		}
		again, err := unpackBlob(Pack(attrs))
		if err != nil || len(again) != len(attrs) {
			t.Fatalf("what was accepted does not survive a round trip: %v", err)
		}
	})
}
