package arch

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents are the texts that tell people what to type.
func documents(t *testing.T) map[string]string {
	t.Helper()
	top := root(t)
	list, err := filepath.Glob(filepath.Join(top, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"README.md", "SECURITY.md", "CONTRIBUTING.md", "ARCHITECTURE.md",
		"tools/quickstart.sh",
	} {
		list = append(list, filepath.Join(top, name))
	}
	texts := map[string]string{}
	for _, path := range list {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(top, path)
		texts[name] = string(content)
		if strings.HasSuffix(name, ".md") {
			texts[name] = code(string(content))
		}
	}
	return texts
}

// code is what of a Markdown text is code: fenced blocks as they are, and each code span
// on a line of its own.
func code(text string) string {
	var b strings.Builder
	fenced := false
	span := regexp.MustCompile("`[^`]+`")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if fenced {
			b.WriteString(line)
			continue
		}
		for _, s := range span.FindAllString(line, -1) {
			b.WriteString(s + "\n")
		}
	}
	return b.String()
}

// commands finds what a text tells its reader to type that begins with the program's
// name: in code spans, and in lines that are a shell command. A trailing comment, a pipe
// and what follows are cut off.
func commands(text, program string) []string {
	pattern := regexp.MustCompile(
		"(?m)(?:`|^\\s*(?:\\$ )?|<[^>\n]*| \\| |&& |\")" + program + " ([^`|#&;>\"'\n]+)",
	)
	var list []string
	for _, m := range pattern.FindAllStringSubmatch(strings.ReplaceAll(text, "\\\n", " "), -1) {
		if line := strings.TrimSpace(m[1]); !slices.Contains(list, line) {
			list = append(list, line)
		}
	}
	return list
}

func TestDocumentsNameExistingTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root(t), "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range documents(t) {
		for _, line := range commands(text, "make") {
			for target := range strings.FieldsSeq(line) {
				if !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(target) {
					break // a variable, a placeholder, or prose
				}
				if !regexp.MustCompile(`(?m)^` + target + `:`).Match(makefile) {
					t.Errorf("%s: there is no target %q (make %s)", name, target, line)
				}
			}
		}
	}
}

// TestDocumentsNameExistingCommands asks the zen command itself, by --help, about each
// command and option that a document names.
func TestDocumentsNameExistingCommands(t *testing.T) {
	h := newHelp(t)
	asked := 0
	for name, text := range documents(t) {
		for _, line := range commands(text, "zen") {
			asked++
			if complaint := h.check(line); complaint != "" {
				t.Errorf("%s: zen %s: %s", name, line, complaint)
			}
		}
	}
	if asked < 10 {
		t.Errorf("found only %d commands in the documents", asked)
	}
}

// help runs zen --help and remembers the answers.
type help struct {
	t     *testing.T
	zen   string
	known map[string]string
}

func newHelp(t *testing.T) *help {
	t.Helper()
	zen := filepath.Join(t.TempDir(), "zen")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", zen, "./cmd/zen")
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building zen: %v\n%s", err, out)
	}
	return &help{t: t, zen: zen, known: map[string]string{}}
}

// of returns what `zen WORDS --help` prints, "" when it fails.
func (h *help) of(words []string) string {
	key := strings.Join(words, " ")
	if text, ok := h.known[key]; ok {
		return text
	}
	cmd := exec.CommandContext(h.t.Context(), h.zen, append(slices.Clone(words), "--help")...)
	cmd.Env = []string{"HOME=" + h.t.TempDir(), "NO_COLOR=1"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		out = nil
	}
	h.known[key] = string(out)
	return string(out)
}

var word = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// check says what is wrong with a documented command line.
func (h *help) check(line string) string {
	fields := strings.Fields(line)
	var path []string
	text := h.of(nil)
	for _, f := range fields {
		if !word.MatchString(f) {
			break
		}
		next := h.of(append(slices.Clone(path), f))
		if next == "" || next == text {
			if hasSubcommands(text) {
				return "there is no such command"
			}
			break // an argument
		}
		path, text = append(path, f), next
	}
	for _, f := range fields {
		option, _, _ := strings.Cut(strings.Trim(f, "[],.)"), "=")
		if strings.HasPrefix(option, "--") && len(option) > 2 && !strings.Contains(text, option) &&
			option != "--help" {
			return "there is no option " + option
		}
	}
	return ""
}

// hasSubcommands reports whether a help text lists commands, as that of a group does.
func hasSubcommands(text string) bool {
	return regexp.MustCompile(`(?mi)^[a-z ]*commands:?$`).MatchString(text)
}

// The table of invariants names tests and the packages they are in: `TestA`, `FuzzB`
// (internal/x).
func TestInvariantsHaveTheirTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	claims := regexp.MustCompile("((?:`(?:Test|Fuzz)[A-Za-z0-9]+`(?:, )?)+) "+
		"\\(([a-z0-9/-]+)\\)").FindAllSubmatch(text, -1)
	if len(claims) < 20 {
		t.Fatalf("found only %d claims", len(claims))
	}
	for _, claim := range claims {
		have := testsIn(t, string(claim[2]))
		for name := range strings.SplitSeq(string(claim[1]), ", ") {
			if !strings.Contains(have, "\nfunc "+strings.Trim(name, "`")+"(") {
				t.Errorf("ARCHITECTURE.md: %s has no %s", claim[2], name)
			}
		}
	}
}

// testsIn is the text of a package's test files.
func testsIn(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s has no tests: %v", dir, err)
	}
	var all strings.Builder
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(content)
	}
	return all.String()
}

func TestCommandsAreFound(t *testing.T) {
	const text = "Type `zen login NAME`, for\nzen is no command here, or:\n\n```\n$ zen setup docker   # " +
		"once\nzen status -o json | jq .\necho x | zen unlock --stdin\n```\nzens are not."
	want := []string{"login NAME", "setup docker", "status -o json", "unlock --stdin"}
	if got := commands(code(text), "zen"); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// What the project says must hold on every machine: no file names the place where it
// happens to be checked out, the machine, or somebody's home directory.
func TestNoFileNamesAMachine(t *testing.T) {
	top := root(t)
	host, _ := os.Hostname()
	home := regexp.MustCompile(`/(home|Users)/([a-z][a-z0-9_-]*)`)
	files := 0
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "bin", "dist", ".build"}, d.Name()) {
			return filepath.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		name, _ := filepath.Rel(top, path)
		if strings.Count(top, "/") > 1 && bytes.Contains(content, []byte(top)) {
			t.Errorf("%s names the directory it is checked out in", name)
		}
		if len(host) > 6 && bytes.Contains(content, []byte(host)) {
			t.Errorf("%s names this machine, %s", name, host)
		}
		for _, m := range home.FindAllSubmatch(content, -1) {
			if !slices.Contains([]string{"user", "alice", "bob", "me", "you", "stefan"}, string(m[2])) {
				t.Errorf("%s names somebody's home directory: %s", name, m[0])
			}
		}
		return nil
	})
	if err != nil || files < 50 {
		t.Errorf("looked at %d files: %v", files, err)
	}
}

// Each dependency is one more party to trust: go.mod says what it is for.
func TestEachDependencyHasAReason(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for line := range strings.Lines(string(content)) {
		dep, reason, _ := strings.Cut(strings.TrimSpace(line), " // ")
		if !strings.HasPrefix(line, "\t") || reason == "indirect" {
			continue
		}
		direct++
		if len(reason) < 10 {
			t.Errorf("go.mod does not say what %s is for", dep)
		}
	}
	if direct < 10 {
		t.Errorf("found %d direct dependencies", direct)
	}
}
