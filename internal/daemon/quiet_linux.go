package daemon

import (
	"bytes"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// returnProgram gives back the pages of the program's file that nothing can write to. A
// start touches most of them, in steps of sixteen, and serving clients needs about half;
// they stay in the system's file cache, from which what is needed again is mapped by a
// page fault. A program whose path has white space in it, or was deleted, keeps them.
func returnProgram() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range bytes.Lines(maps) {
		if m, ok := parseMapping(line); ok && m.file == self && !m.writable {
			// Nothing is lost with the pages: an unwritable mapping is what the file has
			// (madvise(2), MADV_DONTNEED).
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED)
		}
	}
}

// mapping is a line of /proc/self/maps: "START-END rwxp OFFSET DEVICE INODE PATH",
// addresses in hexadecimal (proc(5)).
type mapping struct {
	start, end uintptr
	writable   bool
	file       string
}

func parseMapping(line []byte) (m mapping, ok bool) {
	fields := bytes.Fields(line)
	if len(fields) != 6 || len(fields[1]) != 4 {
		return m, false
	}
	from, to, _ := bytes.Cut(fields[0], []byte{'-'})
	start, err1 := strconv.ParseUint(string(from), 16, strconv.IntSize)
	end, err2 := strconv.ParseUint(string(to), 16, strconv.IntSize)
	m = mapping{uintptr(start), uintptr(end), fields[1][1] == 'w', string(fields[5])}
	return m, err1 == nil && err2 == nil && m.start < m.end
}
