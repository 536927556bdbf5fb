package machine

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A log that grows, is cut and is replaced is followed line by line.
func TestFollowLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	write := func(flag int, text string) {
		t.Helper()
		f, err := os.OpenFile(path, flag|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(text)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	follower := tail{path: path}
	defer follower.close()
	more := func(want string) {
		t.Helper()
		if got, err := follower.more(); err != nil || got != want {
			t.Fatalf("read %q, %v; want %q", got, err, want)
		}
	}
	more("")
	write(os.O_APPEND, "one\ntw")
	more("one\n")
	more("")
	write(os.O_APPEND, "o\nthree\n")
	more("two\nthree\n")
	write(os.O_TRUNC, "four\n")
	more("four\n")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	more("")
	write(os.O_APPEND, "five\n")
	more("five\n")
}
