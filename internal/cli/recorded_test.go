package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/cli/command"
)

// sessions are what was typed to ZenML 0.98.0 with its own server: every command about
// container registries and stacks, and those about service connectors that need no other
// registry than the one on this machine; good and bad input. Where zen does not do the
// same, a block below the recording says why, and what zen prints.
func sessions() map[string][]string {
	connectors := []string{
		"service-connector register dockerhub --type docker --username=username --password=password " +
			"--no-verify", registerReg,
	}
	return map[string][]string{
		"container-registry-and-stack": connectors,
		"service-connector": append(connectors,
			"service-connector register bad --type docker --username=alice --password=wrong "+
				"--registry=HOST --no-verify",
			"registry register local --uri=HOST -c reg", "stack update -c local"),
	}
}

func sessionFile(name string) string { return filepath.Join("testdata", "recorded", name+".txt") }

// recording is one command of the session.
type recording struct {
	line   string // with the program, which is ZenML's or cat
	zenml  string // what it printed, exit status included
	reason string // why zen does something else, "" where it does the same
	zen    string // what zen prints instead
}

// readRecordings takes the session apart.
func readRecordings(t *testing.T, path string) []recording {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []recording
	for _, part := range regexp.MustCompile(`(?m)^\$ `).Split(string(content), -1)[1:] {
		line, rest, _ := strings.Cut(part, "\n")
		r := recording{line: strings.TrimSpace(line)}
		var differs bool
		r.zenml, rest, differs = strings.Cut(rest, "[zen: ")
		if differs {
			r.reason, r.zen, _ = strings.Cut(rest, "]\n")
		}
		list = append(list, r)
	}
	return list
}

func writeRecordings(t *testing.T, path string, list []recording) {
	t.Helper()
	var b strings.Builder
	for i, r := range list {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "$ %s\n%s\n", r.line, strings.TrimSpace(r.zenml))
		if r.reason != "" {
			fmt.Fprintf(&b, "[zen: %s]\n%s\n", r.reason, strings.TrimSpace(r.zen))
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// essence is what a command said, however it was laid out: sentences, and tables by their
// cells. The order of lines is not in it, since ZenML's two streams were recorded
// together, nor are ids and times.
func essence(host, text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.ToLower(strings.TrimSpace(line))
		switch {
		case strings.Trim(line, "─━┏┯┓┗┷┛┠┼┨╭┬╮├┤╰┴╯ ") == "" || besides(line):
			continue
		case strings.ContainsAny(line, "│┃"):
			line = cells(regexp.MustCompile("[│┃]"), strings.Trim(line, "│┃"))
		case strings.Contains(line, "   "):
			line = cells(regexp.MustCompile(" {2,}"), line)
		}
		if strings.HasPrefix(line, "error: ") {
			// ZenML puts an error inside of another in quotation marks
			line = strings.ReplaceAll(line, `"`, "")
		}
		// ZenML says "found that", and "an ID prefix" where it takes no prefix of a name.
		line = strings.ReplaceAll(
			strings.ReplaceAll(line, "found  that", "found that"),
			"an id prefix",
			"a name/id prefix",
		)
		line = uuids().ReplaceAllString(line, "ID")
		line = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}`).ReplaceAllString(line, "TIME")
		lines = append(lines, strings.ReplaceAll(line, "127.0.0.1:5050", host))
	}
	slices.Sort(lines)
	return lines
}

// besides reports whether a line is what zen says beside ZenML's words, or the text of a
// spinner, which the recordings leave out.
func besides(line string) bool {
	return slices.ContainsFunc([]string{
		"hint: ", "attempting to configure local client ", "verifying service connector ", "warning: the " +
			"value of --password is ",
	}, func(start string) bool { return strings.HasPrefix(line, start) })
}

func cells(separator *regexp.Regexp, line string) string {
	list := separator.Split(line, -1)
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return strings.Join(list, " | ")
}

// meanwhile are commands that bring zen's world to where ZenML's is after one that zen
// takes and ZenML does not, or the other way round: what is recorded next is about that.
func meanwhile() map[string]string {
	return map[string]string{
		"register dh2 -f dockerhub --uri=example.com/me": "registry register dh2 -f dockerhub " +
			"--uri=docker.io/other",
		"register gh2 --flavor=github --uri=x.io/me": "registry register gh2 -f github " +
			"--uri=ghcr.io/other",
		"register c5 --uri=localhost:5001":                          "registry delete c5",
		"stack register s2 -c local":                                "stack delete s2 -y",
		"stack register s4 -o default -a default -c c8 --label x=y": "stack delete s4 -y",
	}
}

// TestRecordedSessions types the sessions again, with zen for zenml, in a world like that
// of the recording.
func TestRecordedSessions(t *testing.T) {
	for name, setup := range sessions() {
		t.Run(name, func(t *testing.T) { typeAgain(t, name, setup) })
	}
}

func typeAgain(t *testing.T, name string, setup []string) {
	t.Helper()
	z := startRealZend(t, "zenbot")
	z.must(setup...)
	path, err := filepath.Abs(sessionFile(name))
	if err != nil {
		t.Fatal(err)
	}
	list := readRecordings(t, path)
	t.Chdir(t.TempDir())
	same := 0
	for i, r := range list {
		program, args, _ := strings.Cut(
			strings.ReplaceAll(strings.ReplaceAll(r.line, `"`, "'"), "127.0.0.1:5050", "HOST"),
			" ",
		)
		var got string
		switch program {
		case "zenml":
			out := z.run(0, "", args)
			got = fmt.Sprintf("%s%s[exit %d]\n", out.stdout, out.stderr, out.code)
		case "cat":
			content, err := os.ReadFile(args)
			if err != nil {
				t.Fatal(err)
			}
			got = string(content) + "[exit 0]\n"
		}
		for suffix, line := range meanwhile() {
			if strings.HasSuffix(r.line, suffix) {
				z.must(line)
			}
		}
		if *update && r.reason != "" {
			list[i].zen = z.stable().text(got)
			continue
		}
		want := cmp.Or(r.zen, r.zenml)
		if r.reason == "" {
			same++
		}
		want = strings.ReplaceAll(want, shownHost, z.registry.Host)
		if diff := gocmp.Diff(essence(z.registry.Host, want), essence(z.registry.Host, got)); diff != "" {
			t.Errorf("$ %s (%s): -want +got\n%s", r.line, cmp.Or(r.reason, "as ZenML"), diff)
		}
	}
	if *update {
		writeRecordings(t, path, list)
	}
	if same < len(list)/2 {
		t.Errorf("only %d of %d commands are the same", same, len(list))
	}
}

// Each way in which zen differs from the recorded session is told to people.
func TestDifferencesAreDocumented(t *testing.T) {
	content, err := os.ReadFile("../../docs/zenml.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(content)), " ")
	for _, missing := range withoutCounterpart() {
		words := strings.Fields(missing)
		if !strings.Contains(text, words[len(words)-1]) {
			t.Errorf("docs/zenml.md does not say why there is no %s", missing)
		}
	}
	for name := range sessions() {
		for _, r := range readRecordings(t, sessionFile(name)) {
			if r.reason != "" && !strings.Contains(text, r.reason) {
				t.Errorf("docs/zenml.md does not say: %s", r.reason)
			}
		}
	}
}

// withoutCounterpart are ZenML's commands and options that zen does not have;
// docs/zenml.md says why.
func withoutCounterpart() []string {
	return []string{
		"container-registry explain", "container-registry logs", "container-registry register --env",
		"container-registry register --secret", "stack connect", "stack deploy", "stack export-requirements",
		"stack register-secrets",
		"stack set-default", "stack register --connector", "stack register --env", "stack register " +
			"--provider",
		"stack register --secret",
	}
}

// Everything that ZenML's help names is there, under the same name.
func TestZenMLsHelpIsCovered(t *testing.T) {
	missing := withoutCounterpart()
	left := slices.Clone(missing)
	checked := 0
	check := func(what string, found bool) {
		checked++
		listed := slices.Contains(missing, what)
		left = slices.DeleteFunc(left, func(s string) bool { return s == what })
		if found == listed {
			t.Errorf("%s: found %v, listed as missing %v", what, found, listed)
		}
	}
	for _, r := range readRecordings(t, sessionFile("help")) {
		path := strings.Fields(strings.TrimSuffix(strings.TrimPrefix(r.line, "zenml "), " --help"))
		cmd, _, err := testApp(t, &fakeZend{}, "", &strings.Builder{}).root().Find(path)
		if err != nil {
			t.Fatal(err)
		}
		_, commands, _ := strings.Cut(r.zenml, "\nCommands:\n")
		for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+) `).FindAllStringSubmatch(commands, -1) {
			check(strings.Join(append(path, m[1]), " "),
				slices.ContainsFunc(cmd.Commands(),
					func(c *cobra.Command) bool { return c.Name() == m[1] && !c.Hidden }))
		}
		for _, m := range regexp.MustCompile(`(?m)^  (?:(-[A-Za-z]+), )?(--[a-z_-]+)`).
			FindAllStringSubmatch(r.zenml, -1) {
			if m[2] == "--help" {
				continue
			}
			flag := command.Lookup(cmd, m[2][2:])
			check(strings.Join(append(path, m[2]), " "), flag != nil)
			if flag != nil && m[1] != "" && flag.Shorthand != m[1][1:] &&
				!slices.Contains(flag.Annotations[command.ShorthandAnnotation],
					m[1][1:]) {
				t.Errorf("%v: %s is not %s", path, m[1], m[2])
			}
		}
	}
	if checked < 50 || len(left) > 0 {
		t.Errorf("checked %d names; listed as missing but not in ZenML's help: %q", checked, left)
	}
}
