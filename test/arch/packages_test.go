package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// source is the parsed non-test code of one package, for every platform.
type source struct {
	path  string               // below the module
	files map[string]*ast.File // by file name
}

// sources parses every package of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var list []source
	for path, p := range load(t, "linux") {
		if p.ours() {
			list = append(list, parse(t, short(path), p))
		}
	}
	if len(list) < 10 {
		t.Fatalf("found only %d packages", len(list))
	}
	slices.SortFunc(list, func(a, b source) int { return strings.Compare(a.path, b.path) })
	return list
}

func parse(t *testing.T, path string, p pkg) source {
	t.Helper()
	s := source{path: path, files: map[string]*ast.File{}}
	names, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(
			token.NewFileSet(),
			name,
			nil,
			parser.ParseComments|parser.SkipObjectResolution,
		)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		s.files[filepath.Base(name)] = f
	}
	return s
}

func TestEveryPackageHasOneComment(t *testing.T) {
	for _, s := range sources(t) {
		var with []string
		for name, f := range s.files {
			if f.Doc == nil {
				continue
			}
			with = append(with, name)
			start := "Package " + f.Name.Name + " "
			if f.Name.Name != "main" && !strings.HasPrefix(f.Doc.Text(), start) {
				t.Errorf("%s/%s: the package comment does not begin with %q", s.path, name, start)
			}
		}
		if slices.Sort(with); len(with) != 1 {
			t.Errorf("%s has %d package comments %q, want 1", s.path, len(with), with)
		}
	}
}

// stateAllowed are the package-level variables that may change, or whose kind the test
// cannot judge, with the reason.
func stateAllowed() map[string]string {
	return map[string]string{
		"internal/api.Version": "set by the linker",
	}
}

// Hidden state couples tests and callers that do not know of each other; init runs in
// programs that did not ask for it.
func TestNoInitAndNoState(t *testing.T) {
	allowed := stateAllowed()
	for _, s := range sources(t) {
		for _, fault := range stateFaults(s) {
			if _, ok := allowed[s.path+"."+fault.name]; ok {
				delete(allowed, s.path+"."+fault.name)
				continue
			}
			t.Errorf("%s/%s: %s: %s", s.path, fault.file, fault.name, fault.why)
		}
	}
	for name := range allowed {
		t.Errorf("%s is allowed for nothing: take it off the list", name)
	}
}

type fault struct{ file, name, why string }

// stateFaults are the init functions and the package-level variables that can change.
func stateFaults(s source) []fault {
	var list []fault
	vars := map[string]string{} // name -> file, of variables that look constant
	for file, f := range s.files {
		for _, decl := range f.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					list = append(list, fault{file, "init", "no init functions"})
				}
			case *ast.GenDecl:
				list = append(list, varFaults(file, d, vars)...)
			}
		}
	}
	for file, f := range s.files {
		for _, name := range changed(f, vars) {
			list = append(list, fault{file, name, "a package-level variable is changed here"})
		}
	}
	slices.SortFunc(list, func(a, b fault) int { return strings.Compare(a.file+a.name, b.file+b.name) })
	return list
}

func varFaults(file string, d *ast.GenDecl, vars map[string]string) []fault {
	if d.Tok != token.VAR {
		return nil
	}
	var list []fault
	for _, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		for i, name := range v.Names {
			if name.Name == "_" {
				continue
			}
			if i >= len(v.Values) {
				list = append(list, fault{file, name.Name, "a package-level variable without a value is " +
					"state"})
				continue
			}
			if why := suspicious(name.Name, v.Values[i]); why != "" {
				list = append(list, fault{file, name.Name, why})
				continue
			}
			vars[name.Name] = file
		}
	}
	return list
}

// suspicious says why a value is not that of a sentinel error or of a constant table.
func suspicious(name string, value ast.Expr) string {
	switch v := value.(type) {
	case *ast.CompositeLit:
		return ""
	case *ast.CallExpr:
		called := exprName(v.Fun)
		if strings.HasPrefix(strings.ToLower(name), "err") ||
			slices.Contains([]string{"regexp.MustCompile", "strings.NewReplacer"}, called) {
			return ""
		}
		if _, conversion := v.Fun.(*ast.ArrayType); conversion {
			return ""
		}
		return "a package-level variable from " + called + "(...): pass it to whoever needs it"
	case *ast.FuncLit:
		return "a package-level function variable is a hidden parameter"
	case *ast.BasicLit:
		return "a constant, or state"
	}
	return "a package-level variable that is neither an error nor a table"
}

func exprName(e ast.Expr) string {
	switch v := e.(type) {
	case *ast.Ident:
		return v.Name
	case *ast.SelectorExpr:
		return exprName(v.X) + "." + v.Sel.Name
	case *ast.IndexExpr:
		return exprName(v.X)
	}
	return "an expression"
}

// changed are the names among vars that a statement of the file assigns to, counts up or
// takes the address of. A local variable of the same name would be reported too; rename
// it.
func changed(f *ast.File, vars map[string]string) []string {
	var list []string
	note := func(e ast.Expr) {
		for {
			switch v := e.(type) {
			case *ast.IndexExpr:
				e = v.X
				continue
			case *ast.SelectorExpr:
				e = v.X
				continue
			case *ast.StarExpr:
				e = v.X
				continue
			case *ast.Ident:
				if _, ok := vars[v.Name]; ok && !slices.Contains(list, v.Name) {
					list = append(list, v.Name)
				}
			}
			return
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch v := n.(type) {
		case *ast.AssignStmt:
			for _, left := range v.Lhs {
				if v.Tok != token.DEFINE {
					note(left)
				}
			}
		case *ast.IncDecStmt:
			note(v.X)
		case *ast.UnaryExpr:
			if v.Op == token.AND {
				note(v.X)
			}
		case *ast.CallExpr:
			if name := exprName(v.Fun); (name == "delete" || name == "clear") && len(v.Args) > 0 {
				note(v.Args[0])
			}
		}
		return true
	})
	return list
}

// The judgement itself must be able to fail.
func TestStateFaults(t *testing.T) {
	const code = `package p
import "errors"
var errGone = errors.New("gone")
var table = map[string]int{"a": 1}
var _ error = errGone
var cache map[string]int
var now = time.Now
var hook = func() {}
func init() {}
func f() { table["b"] = 2 }
`
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", code, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, fault := range stateFaults(source{files: map[string]*ast.File{"p.go": f}}) {
		got = append(got, fault.name)
	}
	if want := []string{"cache", "hook", "init", "now", "table"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// What executes a program asks first whether somebody else could have put it there.
func TestWhoeverExecutesChecks(t *testing.T) {
	checks := map[string]bool{} // by package; false: it only executes
	for _, s := range sources(t) {
		for _, f := range s.files {
			if importOf(f, "testing") != "" {
				continue // what helps tests executes what they say
			}
			ast.Inspect(f, func(n ast.Node) bool {
				selector, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				switch from, name := importOf(f, exprName(selector.X)), selector.Sel.Name; {
				case from == module+"/internal/execsafe" && name == "Resolve":
					checks[s.path] = true
				case executes(from, name) && !checks[s.path]:
					checks[s.path] = false
				}
				return true
			})
		}
	}
	executing := 0
	for path, checked := range checks {
		if executing++; !checked {
			t.Errorf("%s executes programs without execsafe.Resolve", path)
		}
	}
	if executing < 5 {
		t.Errorf("only %d packages execute anything", executing)
	}
}

// executes reports whether a name of a package of the standard library or of x/sys
// executes a program.
func executes(from, name string) bool {
	switch from {
	case "os/exec":
		return slices.Contains([]string{"Command", "CommandContext", "Cmd"}, name)
	case "os", "syscall", "golang.org/x/sys/unix":
		return slices.Contains([]string{"StartProcess", "ForkExec", "Exec", "Execveat"}, name)
	}
	return false
}

// importOf is the path of what a file calls name, "" if that is no package.
func importOf(f *ast.File, name string) string {
	for _, i := range f.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		if i.Name != nil && i.Name.Name == name ||
			i.Name == nil && path[strings.LastIndexByte(path, '/')+1:] == name {
			return path
		}
	}
	return ""
}
