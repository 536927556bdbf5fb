package daemon

import (
	"strconv"

	"golang.org/x/sys/unix"
)

const notDumpable = "0"

// dumpable is what prctl(2), PR_GET_DUMPABLE says.
func dumpable() string {
	n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		return err.Error()
	}
	return strconv.Itoa(n)
}
