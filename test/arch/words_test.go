package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// bad are patterns that no text of the project has, and what to write instead
// (docs/style.md).
func bad() map[string]*regexp.Regexp {
	return map[string]*regexp.Regexp{
		"is not a ..., or is not ...":      regexp.MustCompile(`\b(is|are|was|were) no [a-z]`),
		"in plain text":                    regexp.MustCompile(`\bin clear\b`),
		"zen reports, shows or prints ...": regexp.MustCompile(`\b(is|are|was) (told|informed)\b`),
		"anyone who ...":                   regexp.MustCompile(`([.;]|\b(but|for|through)) [Ww]ho [a-z]+`),
		"log in, log out":                  regexp.MustCompile(`\b[Ss]ign(s|ed|ing)? (in|out)\b`),
		"does not exist":                   regexp.MustCompile(`\bthere is not\b`),
		"unknown ...; supported: a, b":     regexp.MustCompile(`'[^' ]+', but [a-z]+,`),
	}
}

// fine are texts that match a pattern and are as they should be, at their end.
func fine() *regexp.Regexp {
	return regexp.MustCompile(`here (is|are|was|were) no [a-z]|\b(is|are|was|were) no (longer|more ` +
		`than|other)\b`)
}

// TestPlainEnglish reads the strings and comments of the programs, and the documents.
func TestPlainEnglish(t *testing.T) {
	for name, text := range documents(t) {
		for _, fault := range faults(name, text) {
			t.Error(fault)
		}
	}
	for name, content := range goFiles(t) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, fault := range goFaults(t, name, content) {
			t.Error(fault)
		}
	}
}

// faults are the patterns found in a text, which is at a place.
func faults(place, text string) (list []string) {
	text = strings.Join(strings.Fields(text), " ")
	for instead, re := range bad() {
		for _, at := range re.FindAllStringIndex(text, -1) {
			around := text[max(at[0]-30, 0):min(at[1]+30, len(text))]
			if !fine().MatchString(text[max(at[0]-5, 0):min(at[1]+20, len(text))]) {
				list = append(list, fmt.Sprintf("%s: %q; better: %s", place, around, instead))
			}
		}
	}
	return list
}

// goFaults are those of the strings and comments of a Go file.
func goFaults(t *testing.T, name string, content []byte) (list []string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, content, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Comments {
		list = append(list, faults(fset.Position(c.Pos()).String(), c.Text())...)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				list = append(list, faults(fset.Position(lit.Pos()).String(), text)...)
			}
		}
		return true
	})
	return list
}

// The judgement itself must be able to fail.
func TestFaultsAreFound(t *testing.T) {
	for _, text := range []string{
		"8 hours is no time", "it holds logins in clear", "the user is told", "Ask; who asks gets it",
		"docker signs in", "a connector which there is not", "cannot set up 'x', but docker, podman",
	} {
		if len(faults("text", text)) != 1 {
			t.Errorf("%q: %q", text, faults("text", text))
		}
	}
	for _, text := range []string{
		"there is no vault", "it is no longer there", "anyone who asks", "a person who has it",
	} {
		if list := faults("text", text); len(list) > 0 {
			t.Errorf("%q: %q", text, list)
		}
	}
}
