package leak

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/zen-agent/zen/internal/credential"
)

// Needles are the spellings of a password that are looked for.
type Needles []needle

type needle struct {
	spelling string // for a person: "clear text"
	bytes    []byte
}

// NeedlesOf returns the spellings of a password: the bytes themselves, and the part of
// their base64 that does not depend on the neighbours, for each of the three ways to fall
// on base64's groups of 3 bytes. The latter finds the password inside longer base64 too,
// such as the user:password of a client's configuration. Passwords of letters and digits
// look the same in all of base64's alphabets.
func NeedlesOf(password credential.Secret) Needles {
	list := Needles{{"clear text", slices.Clone(password.Reveal())}}
	for shift := range 3 {
		padded := append(make([]byte, shift), password.Reveal()...)
		text := base64.StdEncoding.EncodeToString(padded[:len(padded)/3*3])
		if shift > 0 {
			text = text[shift+1:] // the characters before hold bits of what stands before the password
		}
		list = append(list, needle{"base64", []byte(text)})
	}
	return list
}

// In returns the spellings that b holds, each once.
func (list Needles) In(b []byte) []string {
	var found []string
	for _, n := range list {
		if bytes.Contains(b, n.bytes) && !slices.Contains(found, n.spelling) {
			found = append(found, n.spelling)
		}
	}
	return found
}

// Finding is what a search came to.
type Finding struct {
	Files     int
	Bytes     int64
	Processes int
	Leaks     []string // place and spelling
}

// Files reads every regular file below the roots. A root that does not exist has nothing
// to find; a file that vanishes meanwhile neither; one that cannot be read is an error,
// since it could hold anything. It fails when it read nothing at all.
func Files(ctx context.Context, roots []string, list Needles) (Finding, error) {
	var f Finding
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if !d.Type().IsRegular() {
				return ctx.Err()
			}
			return f.addFile(ctx, path, list)
		})
		if err != nil {
			return f, fmt.Errorf("searching %s: %w", root, err)
		}
	}
	if f.Files == 0 {
		return f, errors.New("found no file to search: zen's directories are not where they should be")
	}
	return f, nil
}

func (f *Finding) addFile(ctx context.Context, path string, list Needles) error {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	found, n, err := inReader(ctx, file, list)
	f.Files++
	f.Bytes += n
	for _, spelling := range found {
		f.Leaks = append(f.Leaks, path+" ("+spelling+")")
	}
	return err
}

// inReader searches in pieces that overlap by the longest needle.
func inReader(ctx context.Context, r io.Reader, list Needles) (found []string, total int64, err error) {
	overlap := 0
	for _, n := range list {
		overlap = max(overlap, len(n.bytes)-1)
	}
	buf := make([]byte, overlap+64<<10)
	kept := 0
	for ctx.Err() == nil {
		n, err := io.ReadFull(r, buf[kept:])
		total += int64(n)
		for _, s := range list.In(buf[:kept+n]) {
			if !slices.Contains(found, s) {
				found = append(found, s)
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return found, total, nil
		}
		if err != nil {
			return found, total, err
		}
		kept = copy(buf, buf[kept+n-overlap:kept+n])
	}
	return found, total, ctx.Err()
}
