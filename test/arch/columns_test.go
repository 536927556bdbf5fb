package arch

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxColumns is the length of a line that fits half a screen; a tab counts as four.
const maxColumns = 110

func TestLinesFitHalfAScreen(t *testing.T) {
	for name, content := range goFiles(t) {
		for _, fault := range wideLines(name, content) {
			t.Error(fault)
		}
	}
}

func wideLines(name string, content []byte) (faults []string) {
	number := 0
	for line := range bytes.Lines(content) {
		number++
		text := strings.ReplaceAll(strings.TrimRight(string(line), "\r\n"), "\t", "    ")
		if n := utf8.RuneCountInString(text); n > maxColumns {
			fault := fmt.Sprintf("%s:%d has %d columns, want at most %d", name, number, n, maxColumns)
			faults = append(faults, fault)
		}
	}
	return faults
}

// The judgement itself must be able to fail.
func TestWideLines(t *testing.T) {
	fits := "\t" + strings.Repeat("ä", maxColumns-4) + "\n"
	got := wideLines("p.go", []byte("package p\n"+fits+"x"+fits+fits+"\t\t"+fits))
	want := []string{"p.go:3 has 111 columns, want at most 110", "p.go:5 has 118 columns, want at most 110"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
