package oskeyring

import (
	"bufio"
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

// A request that is read is the one that was written: writing it again gives the bytes
// that were read.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(protocol + "\nget\n5e0a/01\n\n"))
	f.Add([]byte(protocol + "\nset\n5e0a/01\nv1.AAAA\nmore"))
	f.Add([]byte(protocol + "\r\nget\n\n\n"))
	f.Add([]byte("zen-keyring 2\nget\n\n\n"))
	f.Add(bytes.Repeat([]byte("x"), 2*maxLine))
	f.Fuzz(func(t *testing.T, in []byte) {
		q, err := readRequest(bufio.NewReaderSize(bytes.NewReader(in), maxLine))
		if err != nil {
			if (q != request{}) {
				t.Errorf("an error and a request: %+v", q)
			}
			return
		}
		if again := q.append(nil, []byte(q.value)); !bytes.HasPrefix(in, again) {
			t.Errorf("read %+v, written again as %q, was %q", q, again, in)
		}
	})
}

// Whatever a child says, the parent comes to one end: a value that stands in an "ok"
// line, or an error for a person. A line of the child is never mistaken for another.
func FuzzChildAnswer(f *testing.F) {
	for _, s := range []string{
		"ok v1.AAAA\n", "ok \n", "ok\n", "wait start\nwait prompt\nok x\n", "wait start\nwait " +
			"prompt\nwait start\nok x\n", "fault missing \n", "fault locked\n",
		"fault from-the-future some text %s\n", "ok x", "", "\n", "okay x\n", "ok x\nok " +
			"y\n", strings.Repeat("y", 2*maxLine) + "\nok x\n", "wait\nok \x00\xff\n",
		"ok " + strings.Repeat("z", maxLine-4) + "\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, out []byte) {
		value, err := answerTo(t, out)
		want, ok := expected(out)
		switch {
		case ok && (err != nil || string(value) != want):
			t.Errorf("%q: value %q, %v; want %q", out, value, err, want)
		case !ok && (err == nil || value != nil):
			t.Errorf("%q: value %q, %v; want an error", out, value, err)
		}
		if err != nil {
			checkReason(t, err)
		}
	})
}

func checkReason(t *testing.T, err error) {
	t.Helper()
	possible := []credential.Reason{
		credential.KeyLost,
		credential.KeyringRefused,
		credential.KeyringUnavailable,
	}
	if reason := credential.ReasonOf(err); !slices.Contains(possible, reason) || err.Error() == "" {
		t.Errorf("reason %s: %v", reason, err)
	}
}

// answerTo is what the parent makes of a child that writes out and ends.
func answerTo(t *testing.T, out []byte) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	end := deadline{cancel: cancel}
	defer end.stop()
	return new(Slot).await(ctx, &end, bufio.NewReaderSize(bytes.NewReader(out), maxLine))
}

// expected says the same in another way.
func expected(out []byte) (value string, ok bool) {
	for waits := 0; ; waits++ {
		line, rest, whole := strings.Cut(string(out), "\n")
		if !whole || len(line) >= maxLine {
			return "", false
		}
		word, text, _ := strings.Cut(line, " ")
		switch {
		case word == wordOK:
			return text, true
		case word != wordWait || waits >= maxWaits:
			return "", false
		}
		out = []byte(rest)
	}
}
