package arch

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDrawingIsTheTruth compares the drawing in ARCHITECTURE.md, one line a room, with
// the imports. A room is a directory below internal, or a program; the leaves are one
// room.
func TestDrawingIsTheTruth(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	drawn, want := drawing(string(text)), rooms(load(t, "linux"))
	for _, leaf := range leaves() {
		want["leaves"] = append(
			want["leaves"],
			strings.TrimSuffix(strings.TrimPrefix(leaf, "internal/"), "/..."),
		)
	}
	slices.Sort(want["leaves"])
	for _, room := range slices.Sorted(maps.Keys(want)) {
		if !slices.Equal(drawn[room], want[room]) {
			t.Errorf("ARCHITECTURE.md draws\n  %s%s%s\nand it is\n  %s%s%s",
				room, arrow, strings.Join(drawn[room], ", "), room, arrow, strings.Join(want[room], ", "))
		}
	}
	for room := range drawn {
		if want[room] == nil {
			t.Errorf("ARCHITECTURE.md draws the room %q, which imports nothing or does not exist", room)
		}
	}
}

const arrow = " ──► "

// drawing reads the lines "room ──► room, room" of a text, and "leaves: leaf, leaf". A
// line that is indented continues the one before it.
func drawing(text string) map[string][]string {
	drawn := map[string][]string{}
	room := ""
	for line := range strings.Lines(text) {
		rest := strings.TrimSpace(line)
		if name, list, ok := strings.Cut(rest, arrow); ok {
			room, rest = strings.TrimSpace(name), list
		} else if list, ok := strings.CutPrefix(rest, "leaves: "); ok {
			room, rest = "leaves", list
		} else if room == "" || rest == "" || !strings.HasPrefix(line, "  ") {
			room = ""
			continue
		}
		for name := range strings.SplitSeq(rest, ",") {
			if name = strings.TrimSpace(name); name != "" {
				drawn[room] = append(drawn[room], name)
			}
		}
	}
	for room := range drawn {
		slices.Sort(drawn[room])
	}
	return drawn
}

// rooms are the rooms that each room imports.
func rooms(g graph) map[string][]string {
	arrows := map[string][]string{}
	for path, p := range g {
		from := room(short(path))
		if !p.ours() || from == "" {
			continue
		}
		for _, imported := range p.Imports {
			to := room(short(imported))
			if g[imported].ours() && to != "" && to != from && !slices.Contains(arrows[from], to) {
				arrows[from] = append(arrows[from], to)
			}
		}
	}
	for from := range arrows {
		slices.Sort(arrows[from])
	}
	return arrows
}

// room is the box in which a package is drawn; "" for what only tests link.
func room(path string) string {
	switch top, rest, _ := strings.Cut(path, "/"); {
	case matchesAny(leaves(), path):
		return "leaves"
	case matchesAny(forTests(), path):
		return ""
	case top == "cmd":
		return path
	case top == "internal":
		name, _, _ := strings.Cut(rest, "/")
		return name
	}
	return ""
}

// Go forbids packages to import each other in a circle; two rooms still could.
func TestRoomsHaveNoCircle(t *testing.T) {
	if c := circle(rooms(load(t, "linux"))); c != nil {
		t.Errorf("rooms import each other: %s", strings.Join(c, arrow))
	}
}

// circle returns the rooms of a circle, the first one also at the end; nil if there is
// none.
func circle(arrows map[string][]string) []string {
	done := map[string]bool{}
	var visit func(room string, path []string) []string
	visit = func(room string, path []string) []string {
		if i := slices.Index(path, room); i >= 0 {
			return append(slices.Clone(path[i:]), room)
		}
		if done[room] {
			return nil
		}
		done[room] = true
		for _, to := range arrows[room] {
			if c := visit(to, append(path, room)); c != nil {
				return c
			}
		}
		return nil
	}
	for _, room := range slices.Sorted(maps.Keys(arrows)) {
		if c := visit(room, nil); c != nil {
			return c
		}
	}
	return nil
}

// The comparison itself must be able to fail.
func TestDrawingIsRead(t *testing.T) {
	got := drawing("text\n```\ncli ──► ipc, doctor,\n        leaves\nipc ──► leaves\n\n  more " +
		"text\n\nleaves: b, a\n```\n")
	want := map[string][]string{"cli": {"doctor", "ipc", "leaves"}, "ipc": {"leaves"}, "leaves": {"a", "b"}}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %v, want %v", got, want)
	}
	imports := func(path string, list ...string) pkg {
		return pkg{
			ImportPath: module + "/" + path,
			Imports:    list,
		}
	}
	g := graph{
		module + "/cmd/a":      imports("cmd/a", module+"/internal/b", "os"),
		module + "/internal/b": imports("internal/b", module+"/internal/b/sub", module+"/internal/api"),
		module + "/internal/b/sub": imports(
			"internal/b/sub",
			module+"/internal/c",
			module+"/internal/registrytest",
		),
		module + "/internal/c":   imports("internal/c"),
		module + "/internal/api": imports("internal/api"),
	}
	arrows := rooms(g)
	if want := map[string][]string{"cmd/a": {"b"}, "b": {"c", "leaves"}}; !maps.EqualFunc(
		arrows,
		want,
		slices.Equal,
	) {
		t.Errorf("got %v, want %v", arrows, want)
	}
	if c := circle(arrows); c != nil {
		t.Errorf("found a circle that is not there: %q", c)
	}
	arrows["c"] = []string{"cmd/a"}
	if c := circle(arrows); !slices.Equal(c, []string{"b", "c", "cmd/a", "b"}) {
		t.Errorf("found the circle %q", c)
	}
}
