package main

import (
	"bytes"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/paths"
)

// indexHeader is the first line of the host index, whose other lines are one address
// each. zend writes it whenever the set of logins changes. Nothing trusts it: it only
// decides what is said when zend cannot be asked.
const indexHeader = "zen-hosts 1"

// maxIndex is the size in bytes up to which a host index is read: tens of thousands of
// addresses.
const maxIndex = 4 << 20

// known is the answer of the host index.
type known int

const (
	unknown known = iota // there is no index, or it cannot be read
	yes
	no
)

// inIndex reports whether one of the addresses in the index fits.
func inIndex(fits func(address.Address) bool) known {
	dirs, err := paths.Find()
	if err != nil {
		return unknown
	}
	content, err := paths.ReadOwn(dirs.Hosts(), maxIndex)
	if err != nil {
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
