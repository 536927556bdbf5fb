package api

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every constant of a method has its row in the table, and the other way round.
func TestEveryMethodIsInTheTable(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "methods.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var constants, rows []string
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, "Method") {
			name, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			constants = append(constants, name)
		}
		return true
	})
	for _, m := range Methods() {
		rows = append(rows, m.Name)
	}
	slices.Sort(constants)
	slices.Sort(rows)
	if len(rows) < 40 || !slices.Equal(constants, rows) {
		t.Errorf("constants: %q\nrows: %q", constants, rows)
	}
}

// docs/protocol.md has the same table.
func TestMethodsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	yes := map[bool]string{true: "yes", false: "no"}
	var want strings.Builder
	for _, m := range Methods() {
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", m.Name, yes[m.Repeatable], yes[m.Secrets])
	}
	if !strings.Contains(string(doc), "|---|---|---|\n"+want.String()+"\n") {
		t.Errorf("docs/protocol.md does not hold this table:\n%s", want.String())
	}
}

// A method that changes something once is not carried out twice.
func TestRepeatable(t *testing.T) {
	for name, want := range map[string]bool{
		MethodGet: true, MethodStore: true, MethodConnectorVerify: true, MethodStackExport: true,
		MethodLogin: false, MethodLogout: false, MethodConnectorRegister: false, MethodDaemonStop: false,
		MethodApprovalAnswer: false,
		"unknown":            false,
	} {
		if got := Repeatable(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
