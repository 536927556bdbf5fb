package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/paths"
)

const (
	defaultLimit = 1000
	maxReply     = 700 << 10 // bytes of lines in one answer: more than that nobody reads
	maxLine      = 64 << 10
)

// Query returns the newest entries that fit, oldest first: those later than q.Since,
// about q.Host or a repository on it; at most q.Limit (0: 1000), and fewer when they are
// long. Lines that make no sense are passed over.
func (l *Log) Query(q api.AuditQuery) ([]api.AuditEntry, error) {
	host := ""
	if q.Host != "" {
		a, err := address.Parse(q.Host)
		if err != nil {
			return nil, err
		}
		host = a.String()
	}
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	found := newest{limit: q.Limit}
	err := l.each(q.Since, func(e api.AuditEntry, size int) {
		if about(e, host) {
			found.add(e, size)
		}
	})
	return found.entries, err
}

// Each calls f for all entries that are later than since, oldest first.
func (l *Log) Each(since time.Time, f func(api.AuditEntry)) error {
	return l.each(since, func(e api.AuditEntry, _ int) { f(e) })
}

// each tells of each entry how many bytes its line has, too.
func (l *Log) each(since time.Time, f func(e api.AuditEntry, size int)) error {
	l.flush()
	for n := l.opt.Keep; n >= 0; n-- {
		if err := readLines(older(l.opt.Path, n), func(line []byte) {
			var e api.AuditEntry
			if json.Unmarshal(line, &e) == nil && e.Time.After(since) {
				f(e, len(line))
			}
		}); err != nil {
			return &credential.Error{
				Reason: credential.Internal, Message: "the audit log cannot be read: " +
					unwrapPath(err).Error(),
				Hint: "look at " + l.opt.Path, Cause: err,
			}
		}
	}
	return nil
}

// about reports whether an entry concerns the host, all of it or one of its repositories.
func about(e api.AuditEntry, host string) bool {
	return host == "" || e.Address == host || strings.HasPrefix(e.Address, host+"/")
}

// newest keeps the last entries within the limits.
type newest struct {
	limit   int
	entries []api.AuditEntry
	sizes   []int
	size    int
}

func (n *newest) add(e api.AuditEntry, size int) {
	n.entries, n.sizes, n.size = append(n.entries, e), append(n.sizes, size), n.size+size
	for len(n.entries) > n.limit || n.size > maxReply {
		n.size -= n.sizes[0]
		n.entries, n.sizes = n.entries[1:], n.sizes[1:]
	}
}

// readLines calls f for each line of a file, which may be missing. Lines that are too
// long are left out.
func readLines(path string, f func(line []byte)) error {
	fd, err := paths.OpenFile(path, os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	r := bufio.NewReaderSize(file, maxLine)
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case err == nil:
			f(line)
		case errors.Is(err, bufio.ErrBufferFull):
			if err := skipLine(r); err != nil {
				return ignoreEOF(err)
			}
		default:
			return ignoreEOF(err)
		}
	}
}

func skipLine(r *bufio.Reader) error {
	for {
		if _, err := r.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
