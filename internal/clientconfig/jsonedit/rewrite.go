package jsonedit

import "slices"

// Rewriter returns what is shown in place of text, the JSON text of the member at path's
// key or value.
type Rewriter func(path []string, text []byte) []byte

// Rewrite returns the text with every key replaced by what key returns for it, and every
// value that is not an object by what value returns. It is for showing a text with its
// secrets masked: what is returned need not be JSON. A nil Rewriter leaves its part
// alone.
func (d *Document) Rewrite(key, value Rewriter) []byte {
	if d.root == nil {
		return slices.Clone(d.src)
	}
	w := rewriting{d: d}
	w.object(d.root, nil, key, value)
	return append(w.out, d.src[w.at:]...)
}

type rewriting struct {
	d   *Document
	out []byte
	at  int // how much of the text is in out
}

func (w *rewriting) object(n *node, path []string, key, value Rewriter) {
	for _, m := range n.members {
		inner := append(slices.Clip(path), m.key)
		w.part(m.keyAt, m.keyEnd, inner, key)
		if m.object {
			w.object(m, inner, key, value)
		} else {
			w.part(m.start, m.end, inner, value)
		}
	}
}

func (w *rewriting) part(start, end int, path []string, f Rewriter) {
	if f == nil {
		return
	}
	w.out = append(w.out, w.d.src[w.at:start]...)
	w.out = append(w.out, f(path, w.d.src[start:end])...)
	w.at = end
}
