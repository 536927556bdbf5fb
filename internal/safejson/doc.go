// Package safejson reads and writes JSON (RFC 8259) that has secrets in it. encoding/json
// leaves copies of them on the heap; here texts are slices of the document or lie in
// buffers that the caller clears, and a buffer that is outgrown is wiped.
//
// One set of rules holds for all documents: UTF-8, at most MaxDepth levels, and no member
// twice in an object whose members are read. Half a surrogate pair is valid, as the RFC
// has it, but is not text: it is not decoded. Names of members are not taken for secrets:
// errors quote them.
//
// It is a leaf that docker-credential-zen links: no fmt, encoding/json or reflect.
package safejson

import (
	"strconv"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// MaxDepth is how deep arrays and objects may nest.
const MaxDepth = 64

func notObject() error {
	return credential.NewError(credential.InvalidInput, "a JSON object was expected", "")
}

func notText() error {
	return credential.NewError(credential.InvalidInput, "a JSON string was expected", "")
}

func halfPair() error {
	return credential.NewError(credential.ParseError, "a JSON string has half a surrogate pair in it", "")
}

func twice(key []byte) error {
	return credential.NewError(credential.InvalidInput,
		"a member is there twice: "+safetext.Quote(string(key[:min(len(key), maxQuoted)])), "")
}

// maxQuoted bounds how much of a name is looked at for an error, in bytes.
const maxQuoted = 512

func (s *scanner) fail() error {
	return credential.NewError(credential.ParseError, "not valid JSON at byte "+strconv.Itoa(s.i), "")
}
