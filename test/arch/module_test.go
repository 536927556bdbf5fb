package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/zen-agent/zen"

// root is the module's directory.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Name       string
	Dir        string
	GoFiles    []string
	Imports    []string
	ImportMap  map[string]string
	Standard   bool
}

// ours reports whether the package is part of this module.
func (p pkg) ours() bool {
	return p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/")
}

// short is the import path below the module.
func short(path string) string { return strings.TrimPrefix(path, module+"/") }

// graph is every package that the module's packages link, on one platform.
type graph map[string]pkg

// load lists each platform once for all tests.
var load = func() func(t *testing.T, goos string) graph {
	var mu sync.Mutex
	loaded := map[string]graph{}
	return func(t *testing.T, goos string) graph {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if loaded[goos] == nil {
			loaded[goos] = list(t, goos)
		}
		return loaded[goos]
	}
}()

func list(t *testing.T, goos string) graph {
	t.Helper()
	// -e: a package that does not compile is its own test's failure; the graph of the
	// others still counts.
	cmd := exec.CommandContext(
		t.Context(),
		"go",
		"list",
		"-e",
		"-deps",
		"-json=ImportPath,Name,Dir,GoFiles,Imports,ImportMap,Standard",
		"./...",
	)
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH=amd64")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	g := graph{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return g
		} else if err != nil {
			t.Fatal(err)
		}
		for i, imported := range p.Imports {
			if vendored, ok := p.ImportMap[imported]; ok {
				p.Imports[i] = vendored
			}
		}
		g[p.ImportPath] = p
	}
}

// path returns the shortest chain of imports from a package to another that does not lead
// through what the packages beyond import, nil if there is none.
func (g graph) path(from, to string, beyond ...string) []string {
	came := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == to {
			return chain(came, to)
		}
		if slices.Contains(beyond, at) {
			continue
		}
		for _, next := range g[at].Imports {
			if _, seen := came[next]; !seen {
				came[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

func chain(came map[string]string, to string) []string {
	var path []string
	for at := to; at != ""; at = came[at] {
		path = append([]string{at}, path...)
	}
	return path
}
