package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The largest that a package, a type and a function may be. What outgrows a limit is
// split; the limit stays.
const (
	maxPackageLines  = 3500 // without tests
	maxMethods       = 40
	maxFunctionLines = 60
)

// tooLarge is what is over a limit today, with its size. None may grow; what fits its
// limit leaves the table.
func tooLarge() map[string]int {
	return map[string]int{}
}

func TestNothingOutgrowsItsRoom(t *testing.T) {
	for _, fault := range shapeFaults(goFiles(t), tooLarge()) {
		t.Error(fault)
	}
}

// goFiles are the contents of the module's Go files outside testdata, by path.
func goFiles(t *testing.T) map[string][]byte {
	t.Helper()
	top := root(t)
	files := map[string][]byte{}
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		hidden := strings.HasPrefix(entry.Name(), ".") && path != top
		if entry.IsDir() && (entry.Name() == "testdata" || hidden) {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		name, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("found only %d Go files", len(files))
	}
	return files
}

// size is how large something is, and how large it may be.
type size struct {
	of   string // a package, a type as package.Type, or a function as package.Type.Method
	n    int
	most int
	unit string
}

// shapeFaults says what is larger than it may be. Tests may be as large as they like.
func shapeFaults(files map[string][]byte, allowed map[string]int) (faults []string) {
	spare := maps.Clone(allowed)
	for _, s := range sizes(files) {
		if s.n <= s.most {
			continue
		}
		delete(spare, s.of)
		if most := max(s.most, allowed[s.of]); s.n > most {
			faults = append(faults, fmt.Sprintf("%s has %d %s, want at most %d", s.of, s.n, s.unit, most))
		}
	}
	for name := range spare {
		faults = append(faults, name+" fits its limit: take it off the list")
	}
	slices.Sort(faults)
	return faults
}

func sizes(files map[string][]byte) (list []size) {
	lines, methods := map[string]int{}, map[string]int{}
	for name, content := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		dir := filepath.ToSlash(filepath.Dir(name))
		lines[dir] += bytes.Count(content, []byte("\n"))
		list = append(list, functions(dir, content, methods)...)
	}
	for dir, n := range lines {
		list = append(list, size{dir, n, maxPackageLines, "lines without tests"})
	}
	for name, n := range methods {
		list = append(list, size{name, n, maxMethods, "methods"})
	}
	return list
}

// functions are the lengths of a file's functions. It counts their methods by type, too.
func functions(dir string, content []byte, methods map[string]int) (list []size) {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, "", content, parser.SkipObjectResolution)
	if err != nil {
		return nil // the compiler's matter
	}
	for _, decl := range f.Decls {
		d, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := dir + "."
		if d.Recv != nil {
			on := dir + "." + receiver(d.Recv.List[0].Type)
			methods[on]++
			name = on + "."
		}
		n := set.Position(d.End()).Line - set.Position(d.Pos()).Line + 1
		list = append(list, size{name + d.Name.Name, n, maxFunctionLines, "lines"})
	}
	return list
}

// receiver is the name of a method's type, without pointer and type parameters.
func receiver(e ast.Expr) string {
	switch v := e.(type) {
	case *ast.StarExpr:
		return receiver(v.X)
	case *ast.IndexExpr:
		return receiver(v.X)
	case *ast.IndexListExpr:
		return receiver(v.X)
	}
	return exprName(e)
}

// The judgement itself must be able to fail.
func TestShapeFaults(t *testing.T) {
	var code strings.Builder
	code.WriteString("package p\n")
	for i := range maxMethods + 1 {
		code.WriteString("\nfunc (s *S[T]) M" + strconv.Itoa(i) + "() {}")
	}
	code.WriteString("\nfunc (S[T]) long() {" + strings.Repeat("\n", maxFunctionLines) + "}\n")
	code.WriteString(strings.Repeat("\n", maxPackageLines))
	files := map[string][]byte{
		"internal/p/p.go":      []byte(code.String()),
		"internal/q/q_test.go": []byte(code.String()),
	}
	for name, tt := range map[string]struct {
		allowed map[string]int
		want    []string
	}{
		"nothing is allowed": {nil, []string{
			"internal/p has 3604 lines without tests, want at most 3500",
			"internal/p.S has 42 methods, want at most 40",
			"internal/p.S.long has 61 lines, want at most 60",
		}},
		"all is allowed": {
			map[string]int{"internal/p": 3604, "internal/p.S": 42, "internal/p.S.long": 61},
			nil,
		},
		"it grew": {
			map[string]int{"internal/p": 3603, "internal/p.S": 42, "internal/p.S.long": 61},
			[]string{"internal/p has 3604 lines without tests, want at most 3603"},
		},
		"it fits, or is not there": {
			map[string]int{
				"internal/p": 3604, "internal/p.S": 42, "internal/p.S.long": 61,
				"internal/p.S.M1": 61, "internal/q": 4000,
			},
			[]string{"internal/p.S.M1 fits its limit: take it off the list", "internal/q fits its limit: " +
				"take it off the list"},
		},
	} {
		if got := shapeFaults(files, tt.allowed); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
		}
	}
}
