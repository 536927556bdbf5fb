package arena

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

// The kernel's own list of mappings says whether the pages are locked ("lo"), left out of
// dumps ("dd") and wiped on fork ("wf"); see proc(5), VmFlags.
func TestPagesAreLockedAndNotDumped(t *testing.T) {
	a := New(64)
	defer a.Free()
	flags, err := vmFlags(uintptr(unsafe.Pointer(&a.Bytes()[0])))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"dd", "wf"} {
		if !strings.Contains(flags, " "+want) {
			t.Errorf("flag %q is missing: %s", want, flags)
		}
	}
	if got := strings.Contains(flags, " lo"); got != a.Locked() {
		t.Errorf("Locked() = %v, kernel says %v", a.Locked(), got)
	}
}

func vmFlags(addr uintptr) (string, error) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return "", err
	}
	defer f.Close()
	inside := false
	for s := bufio.NewScanner(f); s.Scan(); {
		var lo, hi uintptr
		if n, _ := fmt.Sscanf(s.Text(), "%x-%x ", &lo, &hi); n == 2 {
			inside = lo <= addr && addr < hi
		}
		if rest, ok := strings.CutPrefix(s.Text(), "VmFlags:"); ok && inside {
			return rest, nil
		}
	}
	return "", fmt.Errorf("no mapping holds %#x", addr)
}
