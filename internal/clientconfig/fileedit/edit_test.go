package fileedit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/credential"
)

// to is a change to fixed text.
func to(text string) fileedit.Change {
	return func(fileedit.Content) (fileedit.Content, error) {
		return fileedit.Content{Data: []byte(text), Exists: true}, nil
	}
}

func remove(fileedit.Content) (fileedit.Content, error) { return fileedit.Content{}, nil }

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	longAgo := time.Now().Add(-time.Hour) // a new one is left alone for a while
	if err := errors.Join(os.Chmod(path, mode), os.Chtimes(path, longAgo, longAgo)); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// only fails when dir holds anything but the names: temporary files above all.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	slices.Sort(names)
	if !slices.Equal(have, names) {
		t.Errorf("%s holds %q, want %q", dir, have, names)
	}
}

func TestEditCreates(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "config.json")
	result, err := fileedit.Edit(t.Context(), path, func(before fileedit.Content) (fileedit.Content, error) {
		if before.Exists || before.Data != nil {
			t.Errorf("before: %+v", before)
		}
		return fileedit.Content{Data: []byte("new"), Exists: true}, nil
	})
	if err != nil || !result.Changed || text(t, path) != "new" {
		t.Fatalf("%+v, %v, %q", result, err, text(t, path))
	}
	for path, want := range map[string]os.FileMode{
		path: 0o600, filepath.Dir(path): 0o700,
		filepath.Join(dir, "a"): 0o700,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	only(t, filepath.Dir(path), "config.json")
}

func TestEditKeepsMode(t *testing.T) {
	for _, mode := range []os.FileMode{0o600, 0o644, 0o640, 0o777, 0o200, 0o664} {
		if mode&0o400 == 0 && os.Geteuid() != 0 {
			continue // only root reads it
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "f")
		write(t, path, "old", mode)
		if _, err := fileedit.Edit(t.Context(), path, to("new")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode || text(t, path) != "new" {
			t.Errorf("%v: %v, %v, %q", mode, info.Mode(), err, text(t, path))
		}
		only(t, dir, "f")
	}
}

func TestEditFollowsLinks(t *testing.T) {
	tests := []struct {
		name  string
		links [][2]string // link, text of the link
		want  string      // the file that is written
	}{
		{"absolute", [][2]string{{"home/config.json", "DIR/repo/real.json"}}, "repo/real.json"},
		{"relative", [][2]string{{"home/config.json", "../repo/real.json"}}, "repo/real.json"},
		{
			"chain",
			[][2]string{{"home/config.json", "next"}, {"home/next", "../repo/real.json"}},
			"repo/real.json",
		},
		{
			"directory",
			[][2]string{{"home/.docker", "../repo"}, {"home/config.json", ".docker/real.json"}},
			"repo/real.json",
		},
		{
			"up from a linked directory",
			[][2]string{{"home/sub", "DIR/repo/deep"}, {"home/config.json", "sub/../real.json"}},
			"repo/real.json",
		},
		{
			"absolute, up from a linked directory",
			[][2]string{{"home/user", "DIR/repo/deep"}, {"home/config.json", "DIR/home/user/../real.json"}},
			"repo/real.json",
		},
	}
	for _, tt := range tests {
		for _, dangling := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/dangling=%v", tt.name, dangling), func(t *testing.T) {
				dir := realTempDir(t)
				for _, sub := range []string{"home", "repo/deep"} {
					if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
						t.Fatal(err)
					}
				}
				for _, l := range tt.links {
					if err := os.Symlink(strings.ReplaceAll(l[1], "DIR", dir),
						filepath.Join(dir, l[0])); err != nil {
						t.Fatal(err)
					}
				}
				want := filepath.Join(dir, tt.want)
				if !dangling {
					write(t, want, "old", 0o644)
				}
				path := filepath.Join(dir, "home", "config.json")
				result, err := fileedit.Edit(t.Context(), path, to("new"))
				if dangling {
					_, statErr := os.Lstat(want)
					if !credential.CannotWrite.Is(err) || !os.IsNotExist(statErr) {
						t.Fatalf("%+v, %v, and %s is there: %v", result, err, want, statErr)
					}
					return
				}
				if err != nil || result.Target != want || text(t, want) != "new" {
					t.Fatalf("%+v, %v, want %s", result, err, want)
				}
				for _, l := range tt.links {
					if info, err := os.Lstat(filepath.Join(dir, l[0])); err != nil ||
						info.Mode()&os.ModeSymlink == 0 {
						t.Errorf("%s is no link any more: %v", l[0], err)
					}
				}
				if content, err := fileedit.Read(path); err != nil || string(content.Data) != "new" {
					t.Errorf("read %q, %v", content.Data, err)
				}
				only(t, filepath.Dir(want), "deep", "real.json")
			})
		}
	}
}

// realTempDir is a temporary directory without symbolic links in its own path (macOS has
// some).
func realTempDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestEditRefuses(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	link := func(name, to string) {
		t.Helper()
		if err := os.Symlink(to, at(name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, at("read-only"), "old", 0o400)
	write(t, at("file"), "old", 0o600)
	write(t, at("huge"), "", 0o600)
	if err := os.Truncate(at("huge"), fileedit.MaxSize+1); err != nil {
		t.Fatal(err)
	}
	link("circle", "circle")
	link("unmounted", "nowhere/config.json")
	link("to-read-only", "read-only")
	link("dangling", "gone.json")
	if err := os.Mkdir(at("directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	before := listing(t, dir)
	tests := []struct {
		name   string
		reason credential.Reason
		want   string
	}{
		{"read-only", credential.CannotWrite, "is read-only"},
		{"to-read-only", credential.CannotWrite, "is read-only"},
		{"circle", credential.CannotWrite, "circle of symbolic links"},
		{"unmounted", credential.CannotWrite, "no such file or directory"},
		{"directory", credential.CannotWrite, "is a directory"},
		{"dangling", credential.CannotWrite, "dangling is a link to "},
		{"huge", credential.TooLarge, "larger than 16 MiB"},
		{"file/config.json", credential.CannotWrite, "not a directory"},
	}
	for _, tt := range tests {
		result, err := fileedit.Edit(t.Context(), at(tt.name), to("new"))
		e, ok := errors.AsType[*credential.Error](err)
		if !ok || e.Reason != tt.reason || !strings.Contains(e.Message, tt.want) || e.HintText() == "" ||
			result.Changed {
			t.Errorf("%s: got %+v, %#v", tt.name, result, err)
		}
	}
	if after := listing(t, dir); after != before {
		t.Errorf("changed:\n%s\nwas:\n%s", after, before)
	}
}

// listing is every name below dir with mode and content.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %v %d\n", e.Name(), info.Mode(), info.Size())
	}
	return b.String()
}

// A file of exactly the bound is read.
func TestReadLargest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "", 0o600)
	if err := os.Truncate(path, fileedit.MaxSize); err != nil {
		t.Fatal(err)
	}
	if content, err := fileedit.Read(path); err != nil || len(content.Data) != fileedit.MaxSize {
		t.Errorf("%d bytes, %v", len(content.Data), err)
	}
}

func TestReadMissing(t *testing.T) {
	for _, path := range []string{"f", "no/such/directory/f"} {
		if content, err := fileedit.Read(filepath.Join(t.TempDir(), path)); err != nil || content.Exists {
			t.Errorf("%s: %+v, %v", path, content, err)
		}
	}
}

func TestEditNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write(t, path, "same", 0o400) // a file that needs no change may be read-only
	old, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	result, err := fileedit.Edit(t.Context(), path, to("same"))
	if err != nil || result.Changed {
		t.Fatalf("%+v, %v", result, err)
	}
	if now, err := os.Stat(path); err != nil || !os.SameFile(old, now) {
		t.Errorf("the file was written: %v", err)
	}
	if result, err := fileedit.Edit(t.Context(), filepath.Join(dir, "none"), remove); err != nil ||
		result.Changed {
		t.Errorf("removing nothing: %+v, %v", result, err)
	}
	only(t, dir, "f")
}

func TestEditChangeFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write(t, path, "old", 0o600)
	failed := errors.New("no")
	_, err := fileedit.Edit(t.Context(), path, func(fileedit.Content) (fileedit.Content, error) {
		return fileedit.Content{Data: []byte("half"), Exists: true}, failed
	})
	if !errors.Is(err, failed) || text(t, path) != "old" {
		t.Errorf("%v, %q", err, text(t, path))
	}
	only(t, dir, "f")
}

func TestEditRemoves(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "real"), "old", 0o600)
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if result, err := fileedit.Edit(t.Context(), filepath.Join(dir, "link"), remove); err != nil ||
		!result.Changed {
		t.Fatalf("%+v, %v", result, err)
	}
	only(t, dir, "link")
}

// What a crash left behind goes at the next edit of that file; what others keep there
// stays.
func TestEditClearsCrashLeftovers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config.json")
	write(t, path, "old", 0o600)
	others := []string{
		".config.json.swp",
		".other.json.zen-123",
		"config.json123",
		".config.json.zen",
		"config.json",
	}
	for _, name := range others[:4] {
		write(t, filepath.Join(dir, name), "theirs", 0o600)
	}
	write(t, filepath.Join(dir, ".config.json.zen-123"), "secret", 0o600)
	write(t, filepath.Join(dir, ".config.json.zen-456"), "", 0o400)
	if _, err := fileedit.Edit(t.Context(), path, to("new")); err != nil {
		t.Fatal(err)
	}
	only(t, dir, others...)
}

// docker writes a temporary file and renames it, without any lock: between our look and
// our write.
func TestEditWhileAnotherProgramWrites(t *testing.T) {
	replaceFile := func(t *testing.T, path, content string) {
		t.Helper()
		write(t, path+"1", content, 0o600)
		if err := os.Rename(path+"1", path); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name  string
		other func(t *testing.T, path string) // what happens during the first call of the change
		first string                          // "" means no file
		want  string
	}{
		{"renames", func(t *testing.T, path string) { replaceFile(t, path, "theirs") }, "old", "theirs+zen"},
		{
			"writes in place",
			func(t *testing.T, path string) { write(t, path, "theirs", 0o600) },
			"old",
			"theirs+zen",
		},
		{"creates", func(t *testing.T, path string) { replaceFile(t, path, "theirs") }, "", "theirs+zen"},
		{"removes", func(t *testing.T, path string) { os.Remove(path) }, "old", "+zen"},
		{
			"writes the same",
			func(t *testing.T, path string) { replaceFile(t, path, "old") },
			"old",
			"old+zen",
		},
		{"puts a link there", func(t *testing.T, path string) {
			write(t, path+"2", "theirs", 0o600)
			if err := os.Symlink(path+"2", path+"1"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path+"1", path); err != nil {
				t.Fatal(err)
			}
		}, "old", "theirs+zen"},
		{"puts a link to the same there", func(t *testing.T, path string) {
			if err := os.Rename(path, path+"2"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(path+"2", path); err != nil {
				t.Fatal(err)
			}
		}, "old", "old+zen"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := realTempDir(t)
			path := filepath.Join(dir, "config.json")
			if tt.first != "" {
				write(t, path, tt.first, 0o600)
			}
			calls := 0
			result, err := fileedit.Edit(
				t.Context(),
				path,
				func(before fileedit.Content) (fileedit.Content, error) {
					if calls++; calls == 1 {
						tt.other(t, path)
					}
					return fileedit.Content{
						Data:   append(bytes.Clone(before.Data), "+zen"...),
						Exists: true,
					}, nil
				},
			)
			if err != nil || !result.Changed || text(t, path) != tt.want {
				t.Fatalf("%+v, %v, %q, want %q", result, err, text(t, path), tt.want)
			}
			if link := strings.HasPrefix(tt.name, "puts a link"); link != isLink(path) {
				t.Errorf("a link: %v", !link)
			}
			for _, name := range []string{"config.json", "config.json2"} {
				os.Remove(filepath.Join(dir, name))
			}
			only(t, dir)
		})
	}
}

func isLink(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&os.ModeSymlink != 0
}

// A removal is undone when the file was changed meanwhile, and asked for again.
func TestEditRemovesOnlyWhatItSaw(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "old", 0o600)
	result, err := fileedit.Edit(t.Context(), path, func(before fileedit.Content) (fileedit.Content, error) {
		if string(before.Data) == "old" {
			write(t, path, "theirs", 0o600)
			return fileedit.Content{}, nil
		}
		return before, nil
	})
	if err != nil || result.Changed || text(t, path) != "theirs" {
		t.Errorf("%+v, %v, %q", result, err, text(t, path))
	}
}

func TestEditGivesUp(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	n := 0
	_, err := fileedit.Edit(t.Context(), path, func(fileedit.Content) (fileedit.Content, error) {
		n++
		write(t, path, fmt.Sprint("theirs ", n), 0o600)
		return fileedit.Content{Data: []byte("ours"), Exists: true}, nil
	})
	if !credential.CannotWrite.Is(err) || text(t, path) != fmt.Sprint("theirs ", n) {
		t.Errorf("%v, %q after %d", err, text(t, path), n)
	}
	only(t, dir, "f")
}

// Writers that use Edit lose nothing, whatever names they use for the file.
func TestEditConcurrently(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.Symlink("f", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	const writers, edits = 8, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range edits {
				name := []string{path, filepath.Join(dir, "link")}[i%2]
				_, err := fileedit.Edit(
					context.Background(),
					name,
					func(before fileedit.Content) (fileedit.Content, error) {
						line := fmt.Sprintf("%d.%d\n", w, i)
						return fileedit.Content{
							Data:   append(bytes.Clone(before.Data), line...),
							Exists: true,
						}, nil
					},
				)
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	lines := strings.Fields(text(t, path))
	slices.Sort(lines)
	if len(slices.Compact(lines)) != writers*edits {
		t.Errorf("%d lines, want %d", len(lines), writers*edits)
	}
	only(t, dir, "f", "link")
}

// A program without locks, as docker is, renames its file into place at the very moment
// when Edit does. What it wrote last is in the file at the end: alone, or with what Edit
// made of it.
func TestEditAgainstRenamingWriter(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write(t, path, "", 0o600)
	turn := make(chan struct{})
	var wg sync.WaitGroup
	last := ""
	wg.Go(func() {
		for n := 0; ; n++ {
			if _, ok := <-turn; !ok {
				return
			}
			line := fmt.Sprintf("theirs %d\n", n)
			if err := errors.Join(os.WriteFile(path+"1", []byte(line), 0o600),
				os.Rename(path+"1", path)); err != nil {
				t.Error(err)
			}
			last = line
		}
	})
	for range 5 {
		calls := 0
		_, err := fileedit.Edit(t.Context(), path, func(before fileedit.Content) (fileedit.Content, error) {
			if calls++; calls < 4 {
				turn <- struct{}{}
			}
			return fileedit.Content{Data: append(bytes.Clone(before.Data), "ours\n"...), Exists: true}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	close(turn)
	wg.Wait()
	if got := text(t, path); !strings.HasPrefix(got, last) {
		t.Errorf("%q, want %q: their last write is lost", got, last)
	}
	only(t, dir, "f")
}

// A program that reads the file, adds a line and renames it into place, again and again,
// loses none of its lines beside Edit, which gives up when it is never left alone.
func TestEditBesideFastWriter(t *testing.T) {
	for _, pause := range []time.Duration{0, 5 * time.Millisecond, 300 * time.Millisecond} {
		t.Run(pause.String(), func(t *testing.T) {
			t.Parallel()
			besideWriter(t, pause, pause < 200*time.Millisecond)
		})
	}
}

func besideWriter(t *testing.T, pause time.Duration, refused bool) {
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "", 0o600)
	stop, started := make(chan struct{}), make(chan struct{})
	lines := 0
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			data, err := os.ReadFile(path)
			line := fmt.Sprintf("theirs %d\n", lines)
			if err := errors.Join(err, os.WriteFile(path+"1", append(data, line...), 0o600),
				os.Rename(path+"1", path)); err != nil {
				t.Error(err)
				return
			}
			if lines++; lines == 2 {
				close(started)
			}
			select {
			case <-stop:
				return
			case <-time.After(pause):
			}
		}
	})
	<-started
	for range rounds(t) {
		_, err := fileedit.Edit(t.Context(), path, func(before fileedit.Content) (fileedit.Content, error) {
			return fileedit.Content{Data: append(bytes.Clone(before.Data), "ours\n"...), Exists: true}, nil
		})
		if refused && (!credential.CannotWrite.Is(err) ||
			err.Error() != "another program is writing "+path) || !refused && err != nil {
			t.Errorf("%v", err)
		}
	}
	close(stop)
	writer.Wait()
	got := text(t, path)
	for n := range lines {
		if !strings.Contains(got, fmt.Sprintf("theirs %d\n", n)) {
			t.Errorf("line %d of %d is lost", n, lines)
		}
	}
	if strings.Contains(got, "ours") == refused {
		t.Errorf("ours is there: %v", !refused)
	}
}

// rounds is how often a file is edited beside a writer: once, or more often in make chaos.
func rounds(t *testing.T) int {
	n := 1
	if text := os.Getenv("ZEN_WRITER_ROUNDS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	return n
}
