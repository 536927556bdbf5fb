package jsonedit

import "slices"

// Rewrite returns the text with every value that is not an object replaced by what f returns for it; f gets its path and
// its JSON text. It is for showing a text, with its secrets masked: f may return anything.
func (d *Document) Rewrite(f func(path []string, text []byte) []byte) []byte {
	if d.root == nil {
		return slices.Clone(d.src)
	}
	var out []byte
	at := 0
	d.walk(d.root, nil, func(path []string, n *node) {
		out = append(out, d.src[at:n.start]...)
		out = append(out, f(path, d.src[n.start:n.end])...)
		at = n.end
	})
	return append(out, d.src[at:]...)
}

func (d *Document) walk(n *node, path []string, leaf func([]string, *node)) {
	if !n.object {
		leaf(path, n)
		return
	}
	for _, m := range n.members {
		d.walk(m, append(path[:len(path):len(path)], m.key), leaf)
	}
}
