// Package jsonedit changes single members of a JSON file and leaves every other byte
// alone: order, indentation, line ends, byte order mark, unknown members. The usual way,
// decoding and encoding again, reorders and drops what belongs to others: docker itself
// does it to members it does not know.
//
// It accepts what encoding/json accepts as one object, minus members that are there
// twice: which of them counts would depend on the reader. It is pure: bytes in, bytes
// out.
package jsonedit
