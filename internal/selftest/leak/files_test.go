package leak

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

const planted = "k7vq2zr5mwd3xyt6"

func TestNeedlesFindEverySpelling(t *testing.T) {
	list := NeedlesOf(credential.SecretString(planted))
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	tests := []struct{ name, text, want string }{
		{"clear", `{"Secret":"` + planted + `"}`, "clear text"},
		{"alone", b64(planted), "base64"},
		{"user:password", b64("alice:" + planted), "base64"},
		{"one byte before", b64("x" + planted), "base64"},
		{"two bytes before", b64("xy" + planted + "z"), "base64"},
		{"raw URL alphabet", base64.RawURLEncoding.EncodeToString([]byte("bob:" + planted)), "base64"},
		{"another password", b64("alice:" + strings.ToUpper(planted)), ""},
		{"part of it", planted[1:], ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(list.In([]byte(tt.text)), ","); got != tt.want {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

// A secret must be found wherever the pieces of a long file are cut.
func TestSearchFindsAcrossPieces(t *testing.T) {
	list := NeedlesOf(credential.SecretString(planted))
	for _, at := range []int{0, 65535 - 8, 65536, 65536 + 7, 131072 - 3, 200000} {
		content := bytes.Repeat([]byte{'.'}, 200000+len(planted))
		copy(content[at:], planted)
		found, n, err := inReader(t.Context(), bytes.NewReader(content), list)
		if err != nil || len(found) != 1 {
			t.Errorf("at %d: found %q, %v", at, found, err)
		}
		if n != int64(len(content)) {
			t.Errorf("at %d: read %d bytes of %d", at, n, len(content))
		}
	}
}

func TestSearchFiles(t *testing.T) {
	list := NeedlesOf(credential.SecretString(planted))
	root := t.TempDir()
	write := func(name, content string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Files(t.Context(), []string{root}, list); err == nil {
		t.Error("a search of nothing succeeded")
	}
	write("clean", "nothing here")
	got, err := Files(t.Context(), []string{root, filepath.Join(root, "absent")}, list)
	if err != nil || got.Files != 1 || len(got.Leaks) != 0 {
		t.Errorf("clean directory: %+v, %v", got, err)
	}
	write("deep/er/config.json", planted)
	got, err = Files(t.Context(), []string{root}, list)
	if err != nil || len(got.Leaks) != 1 || !strings.Contains(got.Leaks[0], "config.json (clear text)") {
		t.Errorf("planted secret: %+v, %v", got, err)
	}
}
