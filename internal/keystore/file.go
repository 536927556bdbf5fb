package keystore

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/safejson"
)

// Format is the version of the file that this package writes and the newest it can read.
const Format = 1

// maxFile bounds what is read as a vault, in bytes.
const maxFile = 512 << 20

// The file is JSON laid out in lines, so that exact bytes can be checked and each record stands alone:
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
// mac is HMAC-SHA256 over the SHA-256 of everything before the "seal" line; sha256 covers everything before its own digits.
// The last line, from "sha256" on, and the first member are the same in every future format: that is how damage is told
// from a newer format. There is one spelling of every file: what parse accepts, encode gives back byte for byte.
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
	sum := sha256.New()
	sum.Write(out)
	sum.Sum(f.digest[:0])
	if f.mac, err = mac(f.digest); err != nil {
		return nil, err
	}
	start := len(out)
	out = append(out, textSeal...)
	out = hex.AppendEncode(out, f.mac[:])
	out = append(out, textSum...)
	sum.Write(out[start:])
	out = hex.AppendEncode(out, sum.Sum(nil))
	return append(out, textLast...), nil
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

// parse reads a file. The result shares b's memory. An error wraps errDamaged or errNewer.
func parse(b []byte) (*file, error) {
	c := &cursor{rest: b}
	c.expect(textFormat)
	format := c.number()
	if c.failed {
		return nil, damaged("it does not begin like a vault")
	}
	if len(b) < sealSize {
		return nil, damaged("it is cut short")
	}
	// The records are read while the checksum is computed. What was read counts for nothing if that does not match.
	f := &file{}
	c.rest = c.rest[:max(0, len(c.rest)-sealSize)]
	var unfit, misread error
	var both sync.WaitGroup
	both.Go(func() { unfit = f.checkSeal(b) })
	if format == Format {
		misread = f.parseBody(c)
	}
	both.Wait()
	switch {
	case unfit != nil:
		return nil, unfit
	case format > Format:
		return nil, fmt.Errorf("%w: %d", errNewer, format)
	case format != Format:
		return nil, damaged("format %d never existed", format)
	case misread != nil:
		return nil, misread
	}
	return f, nil
}

// Sizes of the last line and of the digits in it, in bytes.
const (
	hexSize  = 2 * sha256.Size
	sealSize = len(textSeal) + hexSize + len(textSum) + hexSize + len(textLast)
)

// checkSeal checks the checksum of b, which has room for a seal, and notes digest and mac in f.
func (f *file) checkSeal(b []byte) error {
	body := b[:len(b)-sealSize]
	c := &cursor{rest: b[len(body):]}
	c.expect(textSeal)
	c.hex(f.mac[:])
	c.expect(textSum)
	var want, have [sha256.Size]byte
	c.hex(want[:])
	c.expect(textLast)
	if c.failed {
		return damaged("its last line is not a seal: it was cut short or overwritten")
	}
	sum := sha256.New()
	sum.Write(body)
	sum.Sum(f.digest[:0])
	sum.Write(b[len(body) : len(b)-len(textLast)-hexSize])
	if sum.Sum(have[:0]); have != want {
		return damaged("its checksum does not match")
	}
	return nil
}

// parseBody reads from after the format number to the seal.
func (f *file) parseBody(c *cursor) error {
	c.expect(textVault)
	f.vault = string(c.name())
	c.expect(textGen)
	f.generation = c.number()
	c.expect(textSlots)
	if c.failed {
		return damaged("its header is not one zen writes")
	}
	if err := f.parseSlots(c); err != nil {
		return err
	}
	if c.expect(textRecords); c.failed {
		return damaged("its list of key slots is not one zen writes")
	}
	if err := f.parseRecords(c); err != nil {
		return err
	}
	if c.expect(textEnd); c.failed || len(c.rest) > 0 {
		return damaged("its list of records is not one zen writes")
	}
	return nil
}

func (f *file) parseSlots(c *cursor) error {
	for more := c.peek('{'); more; {
		var line []byte
		line, more = c.line()
		s, err := parseSlot(line)
		if err != nil {
			return err
		}
		f.slots = append(f.slots, s)
	}
	if len(f.slots) == 0 {
		return damaged("it has no key slot")
	}
	return nil
}

// parseSlot reads a slot's line and checks that it is spelled as encode would spell it.
func parseSlot(line []byte) (slotEntry, error) {
	var s slotEntry
	if err := json.Unmarshal(line, &s); err != nil {
		return s, damaged("a key slot is not one zen writes")
	}
	again, err := json.Marshal(&s)
	if err != nil || !bytes.Equal(again, line) || !validName(s.ID) || !validName(s.Kind) {
		return s, damaged("a key slot is not one zen writes")
	}
	if (s.Kind == KindPassphrase) != (s.Params != nil) {
		return s, damaged("key slot %s is not one zen writes", s.ID)
	}
	if s.Params != nil && !s.Params.sane() {
		return s, damaged("the parameters of key slot %s are out of bounds", s.ID)
	}
	return s, nil
}

// parseRecords reads the list of records, parts of it at the same time.
func (f *file) parseRecords(c *cursor) error {
	if !c.peek('{') {
		return nil
	}
	list := bytes.TrimSuffix(c.rest, []byte(textEnd))
	c.rest = c.rest[len(list):]
	f.records = make([]record, bytes.Count(list, []byte{'\n'}))
	var all sync.WaitGroup
	free, size := f.records, max(partSize, len(list)/maxParts)
	for len(list) > 0 {
		var part []byte
		part, list = cutPart(list, size)
		records := free[:bytes.Count(part, []byte{'\n'})]
		free = free[len(records):]
		last := len(list) == 0
		all.Go(func() { parseLines(records, part, last) })
	}
	all.Wait()
	for i := range f.records {
		switch {
		case f.records[i].id == "":
			return damaged("record %d is not one zen writes", i+1)
		case i > 0 && f.records[i-1].id >= f.records[i].id:
			return damaged("record %d is out of order", i+1)
		}
	}
	return nil
}

// A list is read in maxParts parts at the same time, or fewer if it is not much longer than partSize, in bytes. They are more than
// there are processors, one of which computes the checksum meanwhile.
const (
	maxParts = 8
	partSize = 64 << 10
)

// cutPart takes whole lines of some size off a list.
func cutPart(list []byte, size int) (part, rest []byte) {
	if size >= len(list) {
		return list, nil
	}
	end := bytes.IndexByte(list[size:], '\n')
	if end < 0 {
		return list, nil
	}
	return list[:size+end+1], list[size+end+1:]
}

// parseLines reads records from lines, of which all but the list's last end with a comma. What it cannot read it leaves empty.
func parseLines(records []record, lines []byte, last bool) {
	c := &cursor{rest: lines}
	p := recordParser{block: min(len(lines), 16<<10)}
	for i := range records {
		line, comma := c.line()
		if final := last && i == len(records)-1; comma == final || final && len(c.rest) > 0 {
			return
		}
		var ok bool
		if records[i], ok = p.parse(line); !ok {
			records[i] = record{}
			return
		}
	}
}

// recordParser reads records one after the other, whose names and sealed parts share its blocks of memory.
type recordParser struct {
	block int             // size of a block in bytes
	kind  string          // of the record before
	names strings.Builder // ids
	blobs []byte          // free part of a block
}

func (p *recordParser) parse(line []byte) (r record, ok bool) {
	c := &cursor{rest: line}
	c.expect(textRecord)
	id := c.name()
	c.expect(textKind)
	kind := c.name()
	if r.secret = c.has(textSecret); !r.secret {
		c.expect(textTag)
	}
	blob := c.until('"')
	c.expect(textPublic)
	if c.failed || !bytes.HasSuffix(c.rest, []byte{'}'}) {
		return r, false
	}
	end := len(c.rest) - 1
	r.public = c.rest[:end:end]
	if r.blob, ok = p.decode(blob); !ok || !r.secret && len(r.blob) != overhead {
		return r, false
	}
	if string(kind) != p.kind {
		p.kind = string(kind)
	}
	r.id, r.kind = p.keep(id), p.kind
	return r, len(r.blob) >= overhead && safejson.Compact(r.public)
}

// keep returns text as a part of a block.
func (p *recordParser) keep(text []byte) string {
	if p.names.Cap()-p.names.Len() < len(text) {
		p.names = strings.Builder{} // the full block belongs to its names
		p.names.Grow(p.block)
	}
	start := p.names.Len()
	p.names.Write(text)
	return p.names.String()[start:]
}

// decode returns the bytes that text is the base64 of, in the one spelling that encode gives them, as a part of a block.
func (p *recordParser) decode(text []byte) ([]byte, bool) {
	most := base64.StdEncoding.DecodedLen(len(text))
	if len(p.blobs) < most {
		p.blobs = make([]byte, max(p.block, most))
	}
	n, err := base64.StdEncoding.Strict().Decode(p.blobs, text)
	out := p.blobs[:n:n]
	p.blobs = p.blobs[n:]
	return out, err == nil && len(text) == base64.StdEncoding.EncodedLen(n) // the decoder would skip a carriage return
}
