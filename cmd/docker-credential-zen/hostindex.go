package main

import (
	"bytes"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/address"
)

// indexHeader is the first line of the host index, whose other lines are one address each. zend writes it whenever the
// set of logins changes. Nothing trusts it: it only decides what is said when zend cannot be asked.
const indexHeader = "zen-hosts 1"

// maxIndex is the size in bytes up to which a host index is read: tens of thousands of addresses.
const maxIndex = 4 << 20

// known is the answer of the host index.
type known int

const (
	unknown known = iota // there is no index, or it cannot be read
	yes
	no
)

// inIndex reports whether one of the addresses in the index at path fits.
func inIndex(path string, fits func(address.Address) bool) known {
	content, ok := readIndex(path)
	if !ok {
		return unknown
	}
	header, rest, _ := bytes.Cut(content, []byte{'\n'})
	if string(header) != indexHeader {
		return unknown
	}
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		if have, err := address.Parse(string(line)); err == nil && fits(have) {
			return yes
		}
	}
	return no
}

// readIndex reads a regular file of the user's own; a FIFO in its place would stop the program.
func readIndex(path string) ([]byte, bool) {
	if path == "" {
		return nil, false
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, false
	}
	content, err := io.ReadAll(io.LimitReader(f, maxIndex))
	return content, err == nil
}
