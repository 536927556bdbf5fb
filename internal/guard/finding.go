package guard

import (
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/safetext"
)

// finding is something that is wrong with a file.
type finding struct {
	file       string
	what       string   // " stores credentials in plain text"
	registries []string // they follow what
	why        string   // and this follows them
	hint       string
	since      time.Time
}

func (f finding) text() string {
	text := f.what
	if f.file != "" {
		text = safetext.Name(f.file) + f.what
	}
	if len(f.registries) > 0 {
		text += ": " + strings.Join(f.registries, ", ")
	}
	return text + f.why
}

// merge makes one finding of those that say the same about several registries.
func merge(found []finding) (list []finding) {
	for _, f := range found {
		i := slices.IndexFunc(list, func(o finding) bool {
			return o.file == f.file && o.what == f.what && o.why == f.why && o.hint == f.hint
		})
		if i < 0 {
			f.registries = slices.Clone(f.registries)
			list = append(list, f)
			continue
		}
		for _, r := range f.registries {
			if !slices.Contains(list[i].registries, r) {
				list[i].registries = append(list[i].registries, r)
			}
		}
	}
	return list
}
