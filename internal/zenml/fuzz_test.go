package zenml

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
)

// Whatever a server answers as a minted credential: no panic, and what is accepted has a user name, a secret, a host and an end.
func FuzzMinted(f *testing.F) {
	f.Add([]byte(`{"body":{"connector_type":"docker","expires_at":"2026-11-23T09:38:52.047088"},"metadata":{"configuration":{"username":"u","password":"p"}}}`))
	f.Add([]byte(`{"body":{"connector_type":{"connector_type":"docker"}},"metadata":{"secrets":{"username":"\ud83d","password":"\u0041\\"}}}`))
	c, err := New(Config{URL: "https://zenml.example.com"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := c.parseMinted(raw, time.Unix(1e9, 0))
		if err == nil && (got.Username == "" || got.Secret.IsEmpty() || got.Registry.Host() == "" || got.Expires.IsZero()) {
			t.Errorf("accepted %q", raw)
		}
	})
}

// text agrees with encoding/json about every string that is text.
func FuzzText(f *testing.F) {
	f.Add([]byte(`"a\u0041\n"`))
	f.Add([]byte(`"\ud83d\ude00"`))
	f.Add([]byte("\"\"\r"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want string
		if json.Unmarshal(raw, &want) != nil || len(raw) == 0 || raw[0] != '"' {
			return
		}
		if got, ok := text(raw); ok && strings.ToValidUTF8(string(got), "\ufffd") != strings.ToValidUTF8(want, "\ufffd") && !strings.Contains(want, "\ufffd") {
			t.Errorf("%q is %q, want %q", raw, got, want)
		}
	})
}

// What is shown of a server's words is one line without control characters, and not long.
func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31m\nb")
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if len(got) > 310 || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q is shown as %q", s, got)
		}
	})
}
