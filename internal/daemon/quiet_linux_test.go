package daemon

import (
	"bytes"
	"os"
	"strconv"
	"testing"
)

// What was given back of the program's file is no longer counted as this process's, and
// the program goes on.
func TestReturnProgram(t *testing.T) {
	before := residentFile(t)
	if before == 0 {
		t.Skip("this system does not tell how much of a program's file is in memory (/proc/self/status, " +
			"RssFile)")
	}
	returnProgram()
	after := residentFile(t)
	if after >= before*3/4 {
		t.Errorf("%d kB of the file are in memory, %d kB before", after, before)
	}
	whenQuiet()()
}

// residentFile is how many kB of files the process has in memory.
func residentFile(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == "RssFile:" {
			n, err := strconv.Atoi(string(fields[1]))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	return 0
}

func TestParseMapping(t *testing.T) {
	for line, want := range map[string]mapping{
		"00400000-008eb000 r-xp 00000000 fe:00 9978227                            /usr/bin/zend\n": {
			0x400000, 0x8eb000, false, "/usr/bin/zend",
		},
		"00e06000-00e64000 rw-p 00a06000 fe:00 9978227                            /usr/bin/zend\n": {
			0xe06000, 0xe64000, true, "/usr/bin/zend",
		},
		"7f33f3ff3000-7f33f3ff7000 r--p 00000000 00:00 0                          [vvar]\n": {
			0x7f33f3ff3000, 0x7f33f3ff7000, false, "[vvar]",
		},
		"102570000000-102570800000 rw-p 00000000 00:00 0 \n":                      {},
		"00400000-008eb000 r-xp 00000000 fe:00 9978227 /usr/bin/zend (deleted)\n": {},
		"008eb000-00400000 r-xp 00000000 fe:00 9978227 /usr/bin/zend\n":           {},
		"0040000x-008eb000 r-xp 00000000 fe:00 9978227 /usr/bin/zend\n":           {},
		"":                        {},
		"a b c d e f":             {},
		"0-1 rwxp 0 0 0 /a b c\n": {},
	} {
		if got, ok := parseMapping([]byte(line)); ok != (want != mapping{}) || ok && got != want {
			t.Errorf("%q: %+v, %v", line, got, ok)
		}
	}
}
