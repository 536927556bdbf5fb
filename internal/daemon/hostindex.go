package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/paths"
)

// hostIndexHeader is the first line of the host index, which docker-credential-zen reads
// while zend is down.
const hostIndexHeader = "zen-hosts 1\n"

// maxIndex is the size in bytes up to which a host index is read.
const maxIndex = 64 << 20

// hostIndex writes the addresses that have a login to a file of one address a line. It
// holds no secret, and nothing trusts it: it only decides whether the helper answers "not
// found" or "zend cannot be reached".
type hostIndex struct{ path string }

// Write replaces the index if it says anything else.
func (h hostIndex) Write(addresses []address.Address) error {
	lines := make([]string, 0, len(addresses))
	for _, a := range addresses {
		lines = append(lines, a.String())
	}
	slices.Sort(lines)
	var buf bytes.Buffer
	buf.WriteString(hostIndexHeader)
	for _, l := range slices.Compact(lines) {
		buf.WriteString(l + "\n")
	}
	if old, err := paths.ReadOwn(h.path, maxIndex); err == nil && bytes.Equal(old, buf.Bytes()) {
		return nil
	}
	return paths.WriteOwn(h.path, buf.Bytes())
}

// Read returns the addresses that had a login when the index was written; none when there
// is no index.
func (h hostIndex) Read() ([]address.Address, error) {
	content, err := paths.ReadOwn(h.path, maxIndex)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, ok := strings.CutPrefix(string(content), hostIndexHeader)
	if !ok {
		return nil, fmt.Errorf("%s is not a host index", h.path)
	}
	var list []address.Address
	for line := range strings.Lines(text) {
		a, err := address.Parse(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}
