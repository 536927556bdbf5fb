package oskeyring

import (
	"os"
	"testing"
	"time"
)

// TestMain lets the test binary be the guarded child, as zend is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ChildArgument {
		os.Exit(ChildMain(os.Args[2:], os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// newSlot returns a slot with this binary as child. The deadlines leave room for a slow
// machine; tests of deadlines set their own.
func newSlot(t testing.TB, environ []string) *Slot {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &Slot{
		Executable: exe, Environ: func() []string { return environ },
		Deadline: 20 * time.Second, StartDeadline: 20 * time.Second, PromptDeadline: 20 * time.Second,
	}
}
