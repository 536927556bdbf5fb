package oskeyring

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/childproc"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
)

func TestValueRoundTrip(t *testing.T) {
	key := bytes.Repeat([]byte{0xfb}, keystore.KeySize)
	value := encode(key)
	if got, ok := decode(value); !ok || !bytes.Equal(got, key) {
		t.Fatalf("decode(encode(key)) = %v, %v", got, ok)
	}
	for name, bad := range map[string]string{
		"empty": "", "no version": string(value[3:]), "next version": "v2." + string(value[3:]),
		"short": string(value[:len(value)-1]), "long": string(value) + "A", "line break": string(value) +
			"\n",
		"stray bits":        string(value[:len(value)-1]) + "_",
		"standard alphabet": strings.ReplaceAll(string(value), "-", "+"),
	} {
		if _, ok := decode([]byte(bad)); ok {
			t.Errorf("%s: decode(%q) worked", name, bad)
		}
	}
}

func TestRequestRoundTrip(t *testing.T) {
	text := request{op: opSet, id: "5e0a/01"}.append(nil, []byte("v1.AA"))
	got, err := readRequest(bufio.NewReader(bytes.NewReader(text)))
	if want := (request{op: opSet, id: "5e0a/01", value: "v1.AA"}); err != nil || got != want {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, bad := range []string{
		"", "zen-keyring 2\nget\na\n\n", "zen-keyring 1\nget\na",
		strings.Repeat("x", 10*maxLine),
	} {
		if _, err := readRequest(bufio.NewReaderSize(strings.NewReader(bad), maxLine)); err == nil {
			t.Errorf("readRequest(%.20q) worked", bad)
		}
	}
}

func TestChildEnvironmentHasOnlyWhatItNeeds(t *testing.T) {
	got := environment{
		"HOME=/h",
		"PATH=/bin",
		"GITHUB_TOKEN=t",
		"LANG=de_DE",
		"HOME=/h2",
		"DBUS_SESSION_BUS_ADDRESS=tcp:x",
	}.child(
		"unix:path=/b",
	)
	want := []string{"HOME=/h2", "LANG=de_DE", "DBUS_SESSION_BUS_ADDRESS=unix:path=/b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryFaultIsExplained(t *testing.T) {
	for f, e := range explanations() {
		err, ok := errors.AsType[*credential.Error](explain(f, "DETAIL"))
		if !ok || err.Reason != e.reason || strings.Contains(err.Message, "%") || err.HintText() == "" {
			t.Errorf("%s: %+v", f, err)
		}
	}
	if err := explain("from-the-future", "text"); !credential.KeyringUnavailable.Is(err) ||
		!strings.Contains(err.Error(), "from-the-future text") {
		t.Errorf("unknown fault: %v", err)
	}
}

func TestBadExecutable(t *testing.T) {
	dir := t.TempDir()
	silent := filepath.Join(dir, "silent")
	if err := os.WriteFile(silent, []byte("#!/bin/sh\nexit 0\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	noisy := filepath.Join(dir, "noisy")
	if err := os.WriteFile(noisy, []byte("#!/bin/sh\nwhile :; do echo wait prompt; "+
		"done\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	long := filepath.Join(dir, "long")
	if err := os.WriteFile(long, []byte("#!/bin/sh\nhead -c 100000 /dev/zero\nread x\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for exe, want := range map[string]string{filepath.Join(dir, "none"): "cannot start", silent: "in the " +
		"middle", noisy: "in the middle", long: "in the middle"} {
		slot := newSlot(t, []string{"DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent"})
		slot.Executable = exe
		if err := slot.Probe(t.Context()); !credential.KeyringUnavailable.Is(err) ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", filepath.Base(exe), err, want)
		}
	}
}

func TestBadID(t *testing.T) {
	slot := newSlot(t, nil)
	for _, id := range []string{"a\nset", strings.Repeat("x", maxLine)} {
		if err := slot.Save(context.Background(), id, nil); !credential.InvalidInput.Is(err) {
			t.Errorf("Save(%.10q): %v", id, err)
		}
	}
}

func TestChildRefusesWhatIsNoRequest(t *testing.T) {
	exe := newSlot(t, nil).Executable
	probe := string(request{op: opProbe}.append(nil, nil))
	for _, c := range []struct {
		args  []string
		stdin string
	}{
		{[]string{ChildArgument, "x"}, probe},
		{[]string{ChildArgument}, "GET / HTTP/1.1\n"},
		{[]string{ChildArgument}, ""},
	} {
		cmd := exec.Command(exe, c.args...)
		cmd.Stdin = strings.NewReader(c.stdin)
		out, err := cmd.Output()
		if cmd.ProcessState.ExitCode() != childproc.ExitUsage || len(out) > 0 {
			t.Errorf("%q with %q: %v, answered %q", c.args, c.stdin, err, out)
		}
	}
}
