package keystore

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zen-agent/zen/internal/safejson"
)

// Format is the version of the file that this package writes and the newest it can read.
const Format = 1

// maxFile bounds what is read as a vault, in bytes.
const maxFile = 512 << 20

// The file is JSON laid out in lines, so that exact bytes can be checked and each record
// stands alone:
//
//	{"format":1,
//	"vault":"<uuid>",
//	"generation":7,
//	"slots":[
//	{"id":…,"kind":…,"created":…,"wrapped":…},
//	…
//	],
//	"records":[
//	{"id":…,"kind":…,"sealed"|"tag":…,"public":…},
//	…
//	],
//	"seal":{"mac":"<hex>","sha256":"<hex>"}}
//
// mac is HMAC-SHA256 over the SHA-256 of everything before the "seal" line; sha256 covers
// everything before its own digits. The last line, from "sha256" on, and the first member
// are the same in every future format: that distinguishes damage from a newer format.
// There is one spelling of every file: what parse accepts, encode gives back byte for
// byte.
const (
	textFormat  = `{"format":`
	textVault   = ",\n" + `"vault":"`
	textGen     = `",` + "\n" + `"generation":`
	textSlots   = ",\n" + `"slots":[` + "\n"
	textRecords = `],` + "\n" + `"records":[` + "\n"
	textEnd     = `],` + "\n"
	textSeal    = `"seal":{"mac":"`
	textSum     = `","sha256":"`
	textLast    = `"}}` + "\n"
)

// file is one generation of a vault, still sealed.
type file struct {
	vault      string
	generation uint64
	slots      []slotEntry
	records    []record // by id, each once

	digest [sha256.Size]byte // of everything before the seal
	mac    [sha256.Size]byte
}

// slotEntry is one wrapped copy of the vault key.
type slotEntry struct {
	ID      string            `json:"id"`
	Kind    string            `json:"kind"`
	Created time.Time         `json:"created"`
	Note    string            `json:"note,omitempty"` // why nothing better was chosen
	Params  *passphraseParams `json:"params,omitempty"`
	Wrapped []byte            `json:"wrapped,omitempty"` // seal of the vault key under the slot's key
}

// record is one record as the file holds it.
type record struct {
	id, kind string
	public   []byte // one JSON value on one line
	secret   bool
	blob     []byte // sealed secret, or the tag of a record without one
}

// errDamaged is what parse wraps; errNewer says that a newer zen wrote an intact file.
var (
	errDamaged = errors.New("the file is damaged")
	errNewer   = errors.New("the file has a newer format")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// encode writes the file's only spelling, sealed by mac, and notes digest and mac in f.
func (f *file) encode(mac func(digest [sha256.Size]byte) ([sha256.Size]byte, error)) ([]byte, error) {
	out, err := f.body()
	if err != nil {
		return nil, err
	}
	f.digest = sha256.Sum256(out)
	if f.mac, err = mac(f.digest); err != nil {
		return nil, err
	}
	return append(out, f.seal(out)...), nil
}

// seal is the last line, after body.
func (f *file) seal(body []byte) []byte {
	line := hex.AppendEncode([]byte(textSeal), f.mac[:])
	line = append(line, textSum...)
	sum := sha256.New()
	sum.Write(body)
	sum.Write(line)
	return append(hex.AppendEncode(line, sum.Sum(nil)), textLast...)
}

// body is everything before the seal.
func (f *file) body() ([]byte, error) {
	out := make([]byte, 0, f.sizeHint())
	out = append(out, textFormat...)
	out = strconv.AppendInt(out, Format, 10)
	out = append(append(append(out, textVault...), f.vault...), textGen...)
	out = strconv.AppendUint(out, f.generation, 10)
	out = append(out, textSlots...)
	for i := range f.slots {
		line, err := json.Marshal(&f.slots[i])
		if err != nil {
			return nil, fmt.Errorf("writing key slot %s: %w", f.slots[i].ID, err)
		}
		out = endLine(append(out, line...), i, len(f.slots))
	}
	out = append(out, textRecords...)
	for i := range f.records {
		out = endLine(f.records[i].append(out), i, len(f.records))
	}
	return append(out, textEnd...), nil
}

func endLine(out []byte, i, n int) []byte {
	if i < n-1 {
		out = append(out, ',')
	}
	return append(out, '\n')
}

func (f *file) sizeHint() int {
	n := 1024 + 512*len(f.slots)
	for i := range f.records {
		r := &f.records[i]
		n += 64 + len(r.id) + len(r.kind) + len(r.public) + base64.StdEncoding.EncodedLen(len(r.blob))
	}
	return n
}

// Texts of a record's line.
const (
	textRecord = `{"id":"`
	textKind   = `","kind":"`
	textSecret = `","sealed":"`
	textTag    = `","tag":"`
	textPublic = `","public":`
)

func (r *record) append(out []byte) []byte {
	out = append(append(out, textRecord...), r.id...)
	out = append(append(out, textKind...), r.kind...)
	if r.secret {
		out = append(out, textSecret...)
	} else {
		out = append(out, textTag...)
	}
	out = base64.StdEncoding.AppendEncode(out, r.blob)
	out = append(append(out, textPublic...), r.public...)
	return append(out, '}')
}

// parse reads a file. An error wraps errDamaged or errNewer.
func parse(b []byte) (*file, error) {
	rest, ok := bytes.CutPrefix(b, []byte(textFormat))
	digits := rest[:len(rest)-len(bytes.TrimLeft(rest, "0123456789"))]
	format, err := strconv.ParseUint(string(digits), 10, 64)
	if !ok || err != nil {
		return nil, damaged("it does not begin like a vault")
	}
	if len(rest) < sealSize {
		return nil, damaged("it is cut short")
	}
	f := &file{}
	body := b[:len(b)-sealSize]
	if err := f.checkSeal(body, b[len(body):]); err != nil {
		return nil, err
	}
	switch {
	case format > Format:
		return nil, fmt.Errorf("%w: %d", errNewer, format)
	case format != Format:
		return nil, damaged("format %d never existed", format)
	}
	if err := f.parseBody(body); err != nil {
		return nil, err
	}
	return f, nil
}

// Sizes of the last line and of the digits in it, in bytes.
const (
	hexSize  = 2 * sha256.Size
	sealSize = len(textSeal) + hexSize + len(textSum) + hexSize + len(textLast)
)

// checkSeal checks the checksum in the last line and notes digest and mac in f.
func (f *file) checkSeal(body, last []byte) error {
	mac, ok := bytes.CutPrefix(last, []byte(textSeal))
	if !ok || !bytes.HasSuffix(last, []byte(textLast)) {
		return damaged("its last line is not a seal: it was cut short or overwritten")
	}
	f.digest = sha256.Sum256(body)
	_, err := hex.Decode(f.mac[:], mac[:hexSize])
	if err != nil || !bytes.Equal(f.seal(body), last) {
		return damaged("its checksum does not match")
	}
	return nil
}

// errNotOurs is about an intact file that says something in other words than zen would.
var errNotOurs = damaged("zen did not write it like this")

// parseBody reads everything before the seal.
func (f *file) parseBody(body []byte) error {
	head, records, _ := bytes.Cut(body, []byte(textRecords))
	head, slots, _ := bytes.Cut(head, []byte(textSlots))
	records, _ = bytes.CutSuffix(records, []byte(textEnd))
	var header struct {
		Vault      string `json:"vault"`
		Generation uint64 `json:"generation"`
	}
	if err := json.Unmarshal(append(bytes.Clone(head), '}'), &header); err != nil || !utf8.Valid(body) {
		return errNotOurs
	}
	f.vault, f.generation = header.Vault, header.Generation
	var err error
	if f.slots, err = parseLines(slots, parseSlot); err != nil {
		return err
	}
	if f.records, err = parseLines(records, parseRecord); err != nil {
		return err
	}
	ordered := slices.IsSortedFunc(f.records, func(a, b record) int {
		return cmp.Or(strings.Compare(a.id, b.id), -1) // each id once
	})
	again, err := f.body()
	if err != nil || !bytes.Equal(again, body) || !ordered || len(f.slots) == 0 || !validName(f.vault) {
		return errNotOurs
	}
	return nil
}

// parseLines reads a list of one entry a line.
func parseLines[T any](list []byte, parse func(line []byte) (T, error)) ([]T, error) {
	out := make([]T, 0, bytes.Count(list, []byte{'\n'}))
	for line := range bytes.Lines(list) {
		entry, err := parse(bytes.TrimSuffix(line, []byte(",\n")))
		if err != nil {
			return nil, err
		}
		out = append(out, entry)
	}
	return out, nil
}

func parseSlot(line []byte) (s slotEntry, err error) {
	switch err := json.Unmarshal(line, &s); {
	case err != nil, !validName(s.ID), !validName(s.Kind), (s.Kind == KindPassphrase) != (s.Params != nil):
		return s, errNotOurs
	case s.Params != nil && !s.Params.sane():
		return s, damaged("the parameters of key slot %s are out of bounds", s.ID)
	}
	return s, nil
}

func parseRecord(line []byte) (record, error) {
	var l struct {
		ID     string          `json:"id"`
		Kind   string          `json:"kind"`
		Sealed []byte          `json:"sealed"`
		Tag    []byte          `json:"tag"`
		Public json.RawMessage `json:"public"`
	}
	if err := json.Unmarshal(line, &l); err != nil || !validName(l.ID) || !validName(l.Kind) {
		return record{}, errNotOurs
	}
	r := record{id: l.ID, kind: l.Kind, public: l.Public, secret: l.Sealed != nil, blob: l.Tag}
	if r.secret {
		r.blob = l.Sealed
	}
	if !safejson.Compact(r.public) || len(r.blob) < overhead || !r.secret && len(r.blob) != overhead {
		return record{}, errNotOurs
	}
	return r, nil
}

// maxName bounds ids and kinds.
const maxName = 128

// validName reports whether s can stand in the file as it is: letters, digits and a few
// signs.
func validName(s string) bool {
	other := strings.IndexFunc(s, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("-_.:/@", r)
	})
	return s != "" && len(s) <= maxName && other < 0
}
