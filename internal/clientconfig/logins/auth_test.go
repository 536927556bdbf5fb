package logins

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/docker/cli/cli/config/configfile"

	"github.com/zen-agent/zen/internal/credential"
)

func TestDecodeAuth(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	tests := []struct {
		name, auth, username, password string
		bad                            bool
	}{
		{name: "plain", auth: b64("alice:secret"), username: "alice", password: "secret"},
		{name: "colons in the password", auth: b64("alice:a:b:"), username: "alice", password: "a:b:"},
		{name: "no password", auth: b64("alice:"), username: "alice"},
		{
			name:     "NULs at the ends",
			auth:     b64("alice:\x00se\x00cret\x00\x00"),
			username: "alice",
			password: "se\x00cret",
		},
		{
			name:     "Azure's",
			auth:     b64("00000000-0000-0000-0000-000000000000:ey.a.b"),
			username: "00000000-0000-0000-0000-000000000000",
			password: "ey.a.b",
		},
		{
			name:     "key file",
			auth:     b64("_json_key:{\n  \"a\": 1\n}\n"),
			username: "_json_key",
			password: "{\n  \"a\": 1\n}\n",
		},
		{
			name:     "line breaks in the base64",
			auth:     b64("alice:secret")[:8] + "\r\n" + b64("alice:secret")[8:],
			username: "alice",
			password: "secret",
		},
		{name: "no colon", auth: b64("alice"), bad: true},
		{name: "no user name", auth: b64(":secret"), bad: true},
		{name: "no base64", auth: "alice:secret", bad: true},
		{name: "no padding", auth: strings.TrimRight(b64("alice:secre"), "="), bad: true},
		{name: "empty", auth: "", bad: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			username, secret, err := decodeAuth([]byte(tt.auth))
			if (err != nil) != tt.bad || username != tt.username || string(secret.Reveal()) != tt.password {
				t.Errorf("decodeAuth(%q) = %q, %q, %v", tt.auth, username, secret.Reveal(), err)
			}
			if err != nil && !errors.Is(err, errAuth) {
				t.Errorf("the error says more than it should: %v", err)
			}
		})
	}
}

// FuzzDecodeAuth: what docker's own code reads from an auth is what zen imports, and what
// docker refuses zen refuses.
func FuzzDecodeAuth(f *testing.F) {
	for _, seed := range []string{"alice:secret", "a:", ":b", "a:\x00b\x00", "\xff:\xfe", "é:ü", "a:" +
		strings.Repeat("x", 300)} {
		f.Add(base64.StdEncoding.EncodeToString([]byte(seed)))
	}
	f.Add("alice")
	f.Add("YQ")
	f.Add("YTpi\n")
	f.Fuzz(func(t *testing.T, auth string) {
		if auth == "" || !utf8.ValidString(auth) {
			t.Skip("no auth at all, or none that JSON can hold")
		}
		username, secret, err := decodeAuth([]byte(auth))
		text, jsonErr := json.Marshal(
			map[string]any{"auths": map[string]any{"h": map[string]string{"auth": auth}}},
		)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		file := configfile.New("config.json")
		if dockerErr := file.LoadFromReader(bytes.NewReader(text)); (dockerErr == nil) != (err == nil) {
			t.Fatalf("%q: docker says %v, zen %v", auth, dockerErr, err)
		}
		if err != nil {
			return
		}
		docker := file.AuthConfigs["h"]
		if docker.Username != username || docker.Password != string(secret.Reveal()) {
			t.Fatalf(
				"%q: docker reads %q and %q, zen %q and %q",
				auth,
				docker.Username,
				docker.Password,
				username,
				secret.Reveal(),
			)
		}
		again := encodeAuth(username, secret)
		u, s, err := decodeAuth(again)
		if err != nil || u != username || !s.Equal(secret) {
			t.Fatalf(
				"%q does not survive being written again as %q: %q, %q, %v",
				auth,
				again,
				u,
				s.Reveal(),
				err,
			)
		}
	})
}

func TestEncodeAuthIsDockers(t *testing.T) {
	if got := string(encodeAuth("alice",
		credential.SecretString("a:b"))); got != base64.StdEncoding.EncodeToString(
		[]byte("alice:a:b"),
	) {
		t.Errorf("encodeAuth: %q", got)
	}
}
