package zenml

import (
	"testing"
	"time"
)

// Whatever a server answers as a minted credential: no panic, and what is accepted has a
// user name, a secret, a host and an end.
func FuzzMinted(f *testing.F) {
	f.Add(
		[]byte(
			`{"body":{"connector_type":"docker","expires_at":"2026-11-23T09:38:52.047088"},` +
				`"metadata":{"configuration":{"username":"u","password":"p"}}}`,
		),
	)
	f.Add(
		[]byte(
			`{"body":{"connector_type":{"connector_type":"docker"}},` +
				`"metadata":{"secrets":{"username":"\ud83d","password":"\u0041\\"}}}`,
		),
	)
	c, err := New(Config{URL: "https://zenml.example.com"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := c.parseMinted(raw, time.Unix(1e9, 0))
		if err == nil &&
			(got.Username == "" || got.Secret.IsEmpty() || got.Registry.Host() == "" ||
				got.Expires.IsZero()) {
			t.Errorf("accepted %q", raw)
		}
	})
}
