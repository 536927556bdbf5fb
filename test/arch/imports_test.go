package arch

import (
	"slices"
	"strings"
	"testing"
)

// rule forbids packages to others, directly or through what they import. A name that ends
// in /... means the package and all below it; names of this module are written without
// it.
type rule struct {
	who       []string
	forbidden []string
	// packages among "who" that the rule spares, each for the reason in the comment
	// beside it
	except []string
	beyond []string // packages whose own imports the rule accepts, for the reason in the comment beside it
	why    string
}

// leaves are the packages that any other may import.
func leaves() []string {
	return []string{
		"internal/access", "internal/address", "internal/api", "internal/childproc", "internal/clock",
		"internal/credential", "internal/execsafe", "internal/filewatch", "internal/harden",
		"internal/paths", "internal/safejson", "internal/safetext/...", "internal/sessionbus",
	}
}

// forTests are the packages below internal that tests import.
func forTests() []string {
	return []string{
		"internal/connector/connectortest", "internal/keystore/keystoretest", "internal/registrytest",
		"internal/zenml/zenmltest",
	}
}

func rules() []rule {
	cloud := []string{
		"github.com/aws/...",
		"cloud.google.com/...",
		"github.com/Azure/...",
		"google.golang.org/...",
	}
	return []rule{
		{
			who: []string{"cmd/docker-credential-zen"},
			forbidden: append([]string{
				"net", "net/http/...", "net/netip", "net/url", "unique", "fmt", "encoding/json", "os/exec",
				"log/...", "reflect", "regexp",
				"text/...", "html/...", "crypto/...",
				"github.com/spf13/...", "github.com/godbus/...", "github.com/google/...",
				"github.com/zalando/...",
			}, cloud...),
			// The system calls; it links reflect on Linux and fmt on macOS. What that
			// costs is part of make bench.
			beyond: []string{"golang.org/x/sys/unix"},
			why:    "docker runs it for every registry it talks to: its start-up time is its whole job",
		}, {
			who: []string{"cmd/docker-credential-zen"},
			forbidden: []string{
				"internal/ipc/server", "internal/broker/...", "internal/catalog/...", "internal/keystore/...",
				"internal/connector/...", "internal/registryauth/...",
				"internal/tokencache/...", "internal/daemon/...", "internal/cli/...",
				"internal/clientconfig/...", "internal/selftest",
				"internal/zenml/...", "internal/audit/...", "internal/config/...", "internal/policy/...",
			},
			why: "it is a client of the socket and nothing else",
		}, {
			who: []string{"cmd/zen", "internal/cli/...", "internal/clientconfig/...", "internal/selftest"},
			forbidden: []string{
				"internal/keystore/...", "internal/broker/...", "internal/tokencache/...",
				"internal/connector/...", "internal/registryauth/...", "internal/daemon/...",
				"internal/ipc/server", "internal/catalog/...", "github.com/godbus/...",
				"github.com/zalando/...",
			},
			why: "the command line asks zend and never opens the vault or mints by itself",
		}, {
			who: []string{"internal/guard", "internal/adopt"},
			forbidden: []string{
				"internal/keystore/...", "internal/broker/...", "internal/tokencache/...",
				"internal/connector/...", "internal/registryauth/...", "internal/catalog/...",
				"internal/daemon/...", "internal/config/...", "internal/cli/...", "internal/ipc/server",
				"net/http",
			},
			why: "they keep nothing themselves: what is found goes to the zen that they are given",
		}, {
			who: []string{"internal/keystore/..."},
			forbidden: []string{
				"internal/connector/...",
				"internal/registryauth/...",
				"internal/tokencache/...",
				"internal/broker/...",
				"internal/catalog/...",
				"internal/ipc/...",
				"net/http",
			},
			why: "the vault knows no registries, and talks to no network",
		}, {
			who:       []string{"internal/connector/..."},
			forbidden: []string{"internal/registryauth/..."},
			why: "a kind of connector is given whoever asks registries, so that that can be a " +
				"child process",
		}, {
			who: []string{"internal/connector/...", "internal/registryauth/..."},
			forbidden: []string{
				"internal/keystore/...",
				"internal/broker/...",
				"internal/catalog/...",
				"internal/ipc/...",
			},
			why: "a kind of connector matches and mints; only broker decides and stores",
		}, {
			who: []string{"internal/tokencache/..."},
			forbidden: []string{
				"internal/keystore/...",
				"internal/connector/...",
				"internal/registryauth/...",
				"internal/broker/...",
				"internal/catalog/...",
				"internal/ipc/...",
				"net/...",
			},
			why: "the cache keeps time for minters of any kind and does no I/O",
		}, {
			who: []string{"internal/catalog/..."},
			forbidden: []string{
				"internal/keystore/...",
				"internal/connector/...",
				"internal/registryauth/...",
				"internal/broker/...",
				"internal/tokencache/...",
				"internal/ipc/...",
				"net/http",
				"os/exec",
			},
			why: "ZenML's rules about entities are pure",
		}, {
			who:       []string{"internal/broker/..."},
			forbidden: []string{"internal/ipc/...", "internal/daemon/...", "internal/cli/...", "net/http"},
			why:       "decisions do not depend on how they are asked for",
		}, {
			who: []string{"internal/policy"},
			forbidden: []string{
				"internal/broker/...", "internal/keystore/...", "internal/connector/...",
				"internal/registryauth/...", "internal/tokencache/...", "internal/catalog/...",
				"internal/ipc/...", "internal/config/...", "net", "net/http", "os/exec",
			},
			why: "what the rules say is a table: no I/O, no waiting",
		}, {
			who: []string{"internal/policy/..."},
			forbidden: []string{
				"internal/broker/...", "internal/ipc/...", "internal/daemon/...", "internal/cli/...",
				"internal/config/...", "net/http",
				"github.com/godbus/...",
			},
			why: "whether somebody may use a credential does not depend on how it is asked for, and zend " +
				"draws nothing",
		}, {
			who: []string{"internal/ipc/..."},
			forbidden: []string{
				"internal/broker/...",
				"internal/keystore/...",
				"internal/connector/...",
				"internal/registryauth/...",
				"internal/tokencache/...",
				"internal/catalog/...",
				"internal/daemon/...",
				"net/http",
			},
			why: "the wire serves handlers that it is given",
		}, {
			who:       leaves(),
			forbidden: []string{"internal/..."},
			why:       "a leaf imports nothing of ours but the vocabulary",
		}, {
			who: []string{"internal/access", "internal/audit", "internal/policy/..."},
			forbidden: []string{
				"internal/broker/...", "internal/keystore/...", "internal/connector/...",
				"internal/tokencache/...", "internal/catalog/...",
				"internal/ipc/...",
			},
			why: "who asks, what for and where a secret goes is known to policy and audit without the broker",
		}, {
			who:       []string{"internal/address"},
			forbidden: []string{"os", "net", "net/netip", "net/url", "regexp", "encoding/json", "fmt"},
			why:       "an address is parsed without I/O, and linked by docker-credential-zen",
		}, {
			who:       []string{"cmd/...", "internal/..."},
			forbidden: append([]string{"testing"}, forTests()...),
			except:    forTests(),
			why:       "what is for tests is linked by tests only",
		}, {
			who:       []string{"cmd/..."},
			forbidden: []string{"plugin", "expvar", "net/http/pprof", "net/rpc"},
			why:       "nothing that opens a second door into a process with secrets",
		},
	}
}

// nouns are the rooms of the command line: those of the nouns are assembled by
// internal/cli and know neither each other nor it, and what they share knows none of
// them.
func nouns() []rule {
	rooms := []string{"clients", "connector", "login", "machine", "registry", "server", "stack"}
	for i, name := range rooms {
		rooms[i] = "internal/cli/" + name
	}
	list := []rule{{
		who: []string{
			"internal/cli/ui",
			"internal/cli/zend",
			"internal/cli/command",
			"internal/cli/resource",
		},
		forbidden: append([]string{"internal/cli"}, rooms...),
		why:       "what commands share is about no noun",
	}, {
		who: []string{"internal/cli/ui"},
		forbidden: []string{
			"internal/ipc/...",
			"internal/cli/zend",
			"internal/cli/command",
			"internal/cli/resource",
		},
		why: "what draws and asks knows no command and never asks zend",
	}, {
		who:       []string{"internal/cli/zend"},
		forbidden: []string{"internal/cli/ui", "github.com/spf13/..."},
		why:       "a call shows nothing",
	}}
	for _, name := range rooms {
		others := slices.DeleteFunc(slices.Clone(rooms), func(other string) bool { return other == name })
		list = append(list, rule{
			who:       []string{name},
			forbidden: append([]string{"internal/cli"}, others...),
			why:       "a noun is given what it needs of another by internal/cli",
		})
	}
	return list
}

// vocabulary is what a leaf may import of ours.
func vocabulary() []string {
	return []string{
		"internal/address",
		"internal/credential",
		"internal/safetext",
		"internal/paths",
		"internal/execsafe",
		"internal/harden",
	}
}

func TestImports(t *testing.T) {
	for _, goos := range []string{"linux", "darwin"} {
		t.Run(goos, func(t *testing.T) {
			g := load(t, goos)
			for _, r := range append(rules(), nouns()...) {
				for _, who := range subjects(g, r) {
					breaks(t, g, who, r)
				}
			}
		})
	}
}

// subjects are the packages that a rule is about.
func subjects(g graph, r rule) []string {
	var list []string
	for path, p := range g {
		if p.ours() && matchesAny(r.who, short(path)) && !matchesAny(r.except, short(path)) {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return list
}

// breaks reports every forbidden package that who reaches, with the chain of imports that
// gets there. Only the first forbidden package of a chain is worth telling.
func breaks(t *testing.T, g graph, who string, r rule) {
	t.Helper()
	for _, target := range targets(g, who, r) {
		path := g.path(who, target, r.beyond...)
		if path == nil ||
			slices.ContainsFunc(
				path[1:len(path)-1],
				func(p string) bool { return matchesAny(r.forbidden, short(p)) },
			) {
			continue
		}
		for i := range path {
			path[i] = short(path[i])
		}
		t.Errorf(
			"%s must not link %s: %s\n\t%s",
			short(who),
			short(target),
			r.why,
			strings.Join(path, "\n\t-> "),
		)
	}
}

func targets(g graph, who string, r rule) []string {
	var list []string
	for path := range g {
		name := short(path)
		allowed := path == who || strings.HasPrefix(path, who+"/") ||
			slices.Equal(r.forbidden, []string{"internal/..."}) && slices.Contains(vocabulary(), name)
		// "internal/..." in a rule is ours; the standard library has an internal/ of its
		// own.
		ours := strings.HasPrefix(path, module+"/") == strings.HasPrefix(name, "internal/")
		if !allowed && ours && matchesAny(r.forbidden, name) {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return list
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		prefix, tree := strings.CutSuffix(pattern, "/...")
		return name == prefix || tree && strings.HasPrefix(name, prefix+"/")
	})
}

// A rule about a package that does not exist, or that was renamed, guards nothing.
func TestRulesAreAboutSomething(t *testing.T) {
	g := load(t, "linux")
	for i, r := range append(rules(), nouns()...) {
		if len(subjects(g, r)) == 0 {
			t.Errorf("rule %d (%s) is about no package: %q", i, r.why, r.who)
		}
		for _, pattern := range append(r.who, r.forbidden...) {
			if strings.HasPrefix(pattern, "internal/") && !known(g, pattern) {
				t.Errorf("rule %d (%s): there is no %s", i, r.why, pattern)
			}
		}
	}
}

func known(g graph, pattern string) bool {
	for path, p := range g {
		if p.ours() && matchesAny([]string{pattern}, short(path)) {
			return true
		}
	}
	return false
}

// The search itself must be able to fail.
func TestPathFindsAChain(t *testing.T) {
	g := graph{
		module + "/cmd/a": {
			ImportPath: module + "/cmd/a",
			Imports:    []string{module + "/internal/b", "os"},
		},
		module + "/internal/b": {ImportPath: module + "/internal/b", Imports: []string{"net/http"}},
		"os":                   {ImportPath: "os"},
		"net/http":             {ImportPath: "net/http"},
	}
	got := strings.Join(g.path(module+"/cmd/a", "net/http"), " ")
	if want := module + "/cmd/a " + module + "/internal/b net/http"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if p := g.path(module+"/internal/b", "os"); p != nil {
		t.Errorf("found a chain that is not there: %q", p)
	}
	r := rule{who: []string{"cmd/..."}, forbidden: []string{"net", "net/http/..."}}
	if list := targets(g, module+"/cmd/a", r); !slices.Equal(list, []string{"net/http"}) {
		t.Errorf("forbidden: %q", list)
	}
}
