package oskeyring

import (
	"bufio"
	"fmt"
	"io"

	"github.com/zen-agent/zen/internal/safetext"
)

// ChildArgument is the hidden first argument that makes zend the guarded child.
const ChildArgument = "__keyring"

// The child reads four lines from its standard input: protocol, operation, id, value
// (empty unless it sets). The parent then keeps the pipe open; its end ends the child.
// The child writes any number of "wait" lines, then one "ok" or "fault" line.
const protocol = "zen-keyring 1"

// Operations.
const (
	opProbe  = "probe"
	opGet    = "get"
	opSet    = "set"
	opDelete = "delete"
)

// First words of the child's lines.
const (
	wordWait  = "wait"  // and what for
	wordOK    = "ok"    // and the value, if one was asked for
	wordFault = "fault" // and a fault, and a text
)

// What the child may have to wait for.
const (
	waitStart  = "start"
	waitPrompt = "prompt"
)

// maxLine bounds each line of both directions, in bytes.
const maxLine = 1024

// request is what the parent asks for.
type request struct {
	op, id string
	value  string
}

func readRequest(r *bufio.Reader) (q request, err error) {
	lines := make([]string, 4)
	for i := range lines {
		if lines[i], err = readLine(r); err != nil {
			return q, err
		}
	}
	if lines[0] != protocol {
		return q, fmt.Errorf("the parent speaks %q, not %q", lines[0], protocol)
	}
	return request{op: lines[1], id: lines[2], value: lines[3]}, nil
}

func readLine(r *bufio.Reader) (string, error) {
	b, err := r.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	return string(b[:len(b)-1]), nil
}

// append writes the request; the value's bytes are copied to dst only.
func (q request) append(dst, value []byte) []byte {
	dst = append(dst, protocol+"\n"+q.op+"\n"+q.id+"\n"...)
	return append(append(dst, value...), '\n')
}

// answer is how the child talks.
type answer struct{ w io.Writer }

func (a answer) ok(value string) { a.line(wordOK, value) }

func (a answer) fault(f fault, text string) {
	a.line(wordFault, string(f)+" "+safetext.Short(text, maxText))
}

// line writes one line. A parent that is gone needs none: then the child's input ends,
// and the child with it.
func (a answer) line(word, rest string) { _, _ = io.WriteString(a.w, word+" "+rest+"\n") }

// maxText bounds what of a foreign error text is passed on, in characters.
const maxText = 300
