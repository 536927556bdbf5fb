package keystore

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// store is the vault's files. A generation is replaced like this:
//
//  1. the new one is written to a temporary file beside it and synced,
//  2. the present one gets a second name, which is renamed to vault.json.prev,
//  3. the new one is renamed to vault.json, and the directory is synced.
//
// Whatever stops it in between, vault.json is the old generation or the new one,
// complete; left-over temporary files are removed by the next open.
type store struct {
	fs     FS
	path   string
	random io.Reader
	now    func() time.Time

	writer  *os.File // writer lock; nil if it could not be taken yet
	seen    stamp    // the file as it was last read or written
	retired *retired // key slots that only vault.json.prev names; nil: not looked up yet
}

// tempPrefix begins the names of temporary files, followed by what they are for and
// random digits.
const tempPrefix = ".vault-tmp-"

func (s *store) prev() string     { return s.path + ".prev" }
func (s *store) marker() string   { return s.path + ".locked" } // there while the user wants the vault locked
func (s *store) lockFile() string { return s.path + ".writer" } // held by the one process that may write

// aside is a name for a file that is set aside, such as
// vault.json.damaged-20260102T150405Z.
func (s *store) aside(why string) string {
	return s.path + "." + why + "-" + s.now().UTC().Format("20060102T150405.000Z")
}

func (s *store) temp(what string) (string, error) {
	var b [8]byte
	if _, err := io.ReadFull(s.random, b[:]); err != nil {
		return "", fmt.Errorf("reading random bytes: %w", err)
	}
	return filepath.Join(filepath.Dir(s.path), tempPrefix+what+"-"+hex.EncodeToString(b[:])), nil
}

// clean removes temporary files that a killed writer left. Only the holder of the writer
// lock may call it.
func (s *store) clean() {
	entries, err := os.ReadDir(filepath.Dir(s.path))
	if err != nil {
		return
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) && e.Type().IsRegular() {
			_ = s.fs.Remove(filepath.Join(filepath.Dir(s.path), e.Name()))
		}
	}
}

// mark and unmark note and take back that the user wants the vault locked.
func (s *store) mark() error {
	f, err := s.fs.OpenFile(s.marker(), os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = syncDir(s.fs, filepath.Dir(s.path))
	}
	return err
}

func (s *store) unmark() error {
	err := s.fs.Remove(s.marker())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		// a mark that comes back after a crash asks to unlock once more
		_ = syncDir(s.fs, filepath.Dir(s.path))
	}
	return err
}

// replace makes next the vault's content and keeps the present generation, if there is
// one, as vault.json.prev. After an error the present generation is still, or again, in
// place as far as the disk allowed.
func (s *store) replace(present bool, next []byte) error {
	tmp, err := s.temp("new")
	if err != nil {
		return err
	}
	if err := writeFile(s.fs, tmp, next); err != nil {
		return err
	}
	if present {
		err = s.put(s.path, s.prev())
	}
	if err == nil {
		err = s.fs.Rename(tmp, s.path)
	}
	if err != nil {
		_ = s.fs.Remove(tmp)
		return err
	}
	if err := syncDir(s.fs, filepath.Dir(s.path)); err != nil {
		return s.rollBack(present, err)
	}
	return nil
}

// rollBack restores the present generation after a rename that may not last. What it
// cannot restore stays; the caller reads the disk again after any error.
func (s *store) rollBack(present bool, cause error) error {
	if !present {
		return errors.Join(cause, s.fs.Remove(s.path))
	}
	return errors.Join(cause, s.put(s.prev(), s.path))
}

// put gives the file from the additional name to, atomically replacing what has it. File
// systems without hard links get a copy.
func (s *store) put(from, to string) error {
	tmp, err := s.temp("link")
	if err != nil {
		return err
	}
	if err := s.fs.Link(from, tmp); err == nil {
		return s.move(tmp, to)
	} else if errors.Is(err, os.ErrNotExist) {
		return err
	}
	return s.copy(from, to)
}

// copy makes to a file of its own with the content of from, atomically replacing what has
// that name.
func (s *store) copy(from, to string) error {
	tmp, err := s.temp("copy")
	if err != nil {
		return err
	}
	data, err := readFile(s.fs, from, maxFile)
	if err != nil {
		return err
	}
	if err := writeFile(s.fs, tmp, data); err != nil {
		return err
	}
	return s.move(tmp, to)
}

func (s *store) move(tmp, to string) error {
	err := s.fs.Rename(tmp, to)
	// also after success: renaming a file over another name of itself does nothing, see
	// rename(2)
	_ = s.fs.Remove(tmp)
	return err
}
