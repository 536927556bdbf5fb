package arch

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// door is the one package that may let secrets out.
const door = "internal/broker/door"

// guarded are the functions that open a secret, or show one to somebody. Only the door
// may call them, or so much as name them; so may the package that has them, and those
// below it.
func guarded() []string {
	return []string{
		"(*internal/keystore.inMemory).Secret", "(*internal/keystore.inMemory).SecretWhen",
		"(*internal/tokencache.Cache).Get",
		"(internal/connector.Kind).Mint", "(internal/connector.Kind).Resources",
		"(internal/connector.Verifier).Verify",
		"(internal/connector.Prover).Prove", "(internal/connector.IdentityTokens).IdentityToken",
		"(internal/connector.Limiter).Limits",
		"(internal/broker/home.Servers).Configuration", "(internal/broker/home.Servers).CheckConnector",
		"(internal/broker/home.Servers).RegisterConnector", "(internal/broker/home.Servers).UpdateConnector",
		"internal/broker/door.unpackBlob",
	}
}

// A use of a secret that goes past the door is neither allowed by anybody nor in the
// audit log.
func TestSecretsLeaveByTheDoor(t *testing.T) {
	c := newChecker(t)
	used := map[string]bool{}
	for importPath, p := range c.packages {
		if !p.ours() || len(p.GoFiles) == 0 {
			continue
		}
		for name, where := range c.uses(t, p) {
			used[name] = true
			if user := short(importPath); user != door && !matchesAny([]string{owner(name) + "/..."}, user) {
				t.Errorf(
					"%s uses %s: only %s lets secrets out\n\t%s",
					user,
					name,
					door,
					strings.Join(where, "\n\t"),
				)
			}
		}
	}
	for _, name := range guarded() {
		if !used[name] && name != "(*internal/keystore.inMemory).Secret" { // for tests
			t.Errorf("%s is used by nobody: it was renamed, or is not needed", name)
		}
	}
}

// owner is the package that has a function.
func owner(name string) string {
	dir, rest := path.Split(strings.TrimLeft(name, "(*"))
	base, _, _ := strings.Cut(rest, ".")
	return dir + base
}

// checker finds out by their types which functions are used where.
type checker struct {
	packages map[string]exported
	imports  types.Importer
	fset     *token.FileSet
}

type exported struct {
	pkg
	Export string
}

func newChecker(t *testing.T) *checker {
	t.Helper()
	cmd := exec.CommandContext(
		t.Context(),
		"go",
		"list",
		"-deps",
		"-export",
		"-json=ImportPath,Dir,GoFiles,Export",
		"./...",
	)
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	c := &checker{packages: map[string]exported{}, fset: token.NewFileSet()}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p exported
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		c.packages[p.ImportPath] = p
	}
	c.imports = importer.ForCompiler(c.fset, "gc", func(importPath string) (io.ReadCloser, error) {
		return os.Open(c.packages[importPath].Export)
	})
	return c
}

// uses are the guarded functions that a package names, and where.
func (c *checker) uses(t *testing.T, p exported) map[string][]string {
	t.Helper()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(c.fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return c.usesIn(t, p.ImportPath, files)
}

func (c *checker) usesIn(t *testing.T, path string, files []*ast.File) map[string][]string {
	t.Helper()
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: c.imports}
	if _, err := conf.Check(path, c.fset, files, info); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	found := map[string][]string{}
	for id, obj := range info.Uses {
		f, ok := obj.(*types.Func)
		if !ok {
			continue
		}
		for _, name := range c.guardedBy(f) {
			found[name] = append(found[name], c.fset.Position(id.Pos()).String())
		}
	}
	return found
}

// guardedBy are the guarded functions that a function is, or may be: one of an interface
// that the vault satisfies is the vault's.
func (c *checker) guardedBy(f *types.Func) []string {
	name := strings.ReplaceAll(f.FullName(), module+"/", "")
	if slices.Contains(guarded(), name) {
		return []string{name}
	}
	recv := f.Signature().Recv()
	if recv == nil || f.Pkg() == nil || !types.IsInterface(recv.Type()) {
		return nil
	}
	for _, has := range []struct{ pkg, typ string }{
		{"internal/keystore", "Vault"},
		{"internal/tokencache", "Cache"},
	} {
		imported, err := c.imports.Import(module + "/" + has.pkg)
		if err != nil {
			continue
		}
		pointer := types.NewPointer(imported.Scope().Lookup(has.typ).Type())
		real, _, _ := types.LookupFieldOrMethod(pointer, true, imported, f.Name())
		method, ok := real.(*types.Func)
		if !ok || method.Signature().String() != f.Signature().String() {
			continue
		}
		if full := strings.ReplaceAll(method.FullName(), module+"/", ""); slices.Contains(guarded(), full) {
			return []string{full}
		}
	}
	return nil
}

// The search must find what is there.
func TestUsesAreFound(t *testing.T) {
	c := newChecker(t)
	const code = `package p
import (
	"context"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/keystore"
)
type opener interface { Secret(id string) (credential.Secret, error) }
type innocent interface { Secret() string }
func direct(v *keystore.Vault) { v.SecretWhen("", nil) }
func value(k connector.Kind) any { return k.Mint }
func around(o opener) { o.Secret("") }
func other(i innocent, k connector.Kind) { i.Secret(); k.Describe() }
func shown(ctx context.Context, v connector.Verifier) {
	v.Verify(ctx, connector.Spec{}, connector.Registry{}, connector.VerifyOptions{})
}
`
	f, err := parser.ParseFile(c.fset, "p.go", code, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for name := range c.usesIn(t, module+"/internal/p", []*ast.File{f}) {
		got = append(got, name)
	}
	slices.Sort(got)
	want := []string{
		"(*internal/keystore.inMemory).Secret", "(*internal/keystore.inMemory).SecretWhen",
		"(internal/connector.Kind).Mint",
		"(internal/connector.Verifier).Verify",
	}
	if !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}
