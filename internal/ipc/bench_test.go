package ipc

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
	line := appendRequest(nil, "docker-credential-zen/0.1.0", "get", []byte(`{"ServerURL":"ghcr.io","dir":"/home/user/work"}`), 0)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if err := Members(line, func(_, _ []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
