package safejson

import (
	"strings"
	"testing"
)

func BenchmarkAppendString(b *testing.B) {
	secret := []byte(strings.Repeat("an ordinary token of some length. ", 30))
	buf := make([]byte, 0, 4096)
	b.SetBytes(int64(len(secret)))
	for b.Loop() {
		buf = AppendString(buf[:0], secret)
	}
}

func BenchmarkMembers(b *testing.B) {
	line := []byte(
		`{"jsonrpc":"2.0","id":1,"method":"get","client":"docker-credential-zen/0.1.0","timeout_ms":1,` +
			`"params":{"ServerURL":"ghcr.io","dir":"/home/user/work"}}` + "\n",
	)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if err := Members(line, func(_, _ []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
