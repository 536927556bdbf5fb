package door

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/zen-agent/zen/internal/credential"
)

// blobVersion is the first byte of a sealed record's plaintext. The rest is, per
// attribute in order of name: uint16 length, name, uint32 length, value; big endian. JSON
// would need its own unquoting to keep the number of copies of a secret countable.
const blobVersion = 1

var errBlob = errors.New("sealed record has an unknown form")

// Pack is the sealed form of a record: it encodes secret attributes; the result is the
// caller's to wipe.
func Pack(attrs map[string]credential.Secret) credential.Secret {
	size := 1
	names := make([]string, 0, len(attrs))
	for name, v := range attrs {
		names = append(names, name)
		size += 2 + len(name) + 4 + v.Len()
	}
	slices.Sort(names)
	out := make([]byte, 0, size)
	out = append(out, blobVersion)
	for _, name := range names {
		v := attrs[name].Reveal()
		out = binary.BigEndian.AppendUint16(out, uint16(len(name)))
		out = append(out, name...)
		out = binary.BigEndian.AppendUint32(out, uint32(len(v)))
		out = append(out, v...)
	}
	return credential.NewSecret(out)
}

// unpackBlob decodes Pack's form into secrets with bytes of their own.
func unpackBlob(blob credential.Secret) (map[string]credential.Secret, error) {
	p := blob.Reveal()
	if len(p) == 0 || p[0] != blobVersion {
		return nil, errBlob
	}
	p = p[1:]
	attrs := make(map[string]credential.Secret)
	for len(p) > 0 {
		name, rest, ok := cut(p, 2)
		if !ok {
			return nil, errBlob
		}
		value, rest, ok := cut(rest, 4)
		if !ok {
			return nil, errBlob
		}
		attrs[string(name)] = credential.NewSecret(slices.Clone(value))
		p = rest
	}
	return attrs, nil
}

// cut splits off one field whose length is in the first width bytes.
func cut(p []byte, width int) (field, rest []byte, ok bool) {
	if len(p) < width {
		return nil, nil, false
	}
	n := 0
	for _, c := range p[:width] {
		n = n<<8 | int(c)
	}
	p = p[width:]
	if n > len(p) {
		return nil, nil, false
	}
	return p[:n], p[n:], true
}

// WipeAll wipes the secrets of a record.
func WipeAll(attrs map[string]credential.Secret) {
	for _, s := range attrs {
		s.Wipe()
	}
}
