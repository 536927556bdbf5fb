package audit

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/zen-agent/zen/internal/api"
)

// What a full disk does not take is lost and counted: the log says so once there is room
// again. /dev/full (full(4)) stands for the disk.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, Options{})
	w := &writer{opt: r.opt, file: full, seen: r.now}
	entry := func(action string) []api.AuditEntry {
		return []api.AuditEntry{{Time: r.now, Action: action}}
	}
	if err := w.write(append(entry("get"), entry("store")...), 0); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on a full disk: %v", err)
	}
	w.close()
	if err := w.write(entry("erase"), 0); err != nil {
		t.Fatal(err)
	}
	w.close()
	content, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	if strings.Contains(text, "get") || !strings.Contains(text, "erase") ||
		!strings.Contains(text, "2 entries before this one are lost") {
		t.Errorf("%s", text)
	}
}
