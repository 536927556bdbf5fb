//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// builtCallers are the programs of the module callers: make e2e has them already, a test
// that is run alone builds them.
var builtCallers = sync.OnceValues(func() (dir string, err error) {
	cmd := exec.Command("make", "callers")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("make callers: %w\n%s", err, out)
	}
	return filepath.Abs("../.build/callers")
})

// calls makes the programs of the module callers the first on the home's PATH after zen's
// own, so that docker is that of today, buildx one of its plugins, and all of them ask
// zen.
func (h *home) calls() {
	h.t.Helper()
	dir, err := builtCallers()
	h.check(err)
	h.env["PATH"] = programs + ":" + dir + strings.TrimPrefix(h.env["PATH"], programs)
	h.env["DOCKER_HOST"] = theEngine(h.t).host
	h.mkdirs(h.path(".docker/cli-plugins"))
	h.check(os.Symlink(filepath.Join(dir, "buildx"), h.path(".docker/cli-plugins/docker-buildx")))
	h.zenOK("setup", "docker", "helm")
}

// caller is a client of the module callers. Its login and logout are nil where it has
// none, or none that can be told to use a helper.
type caller struct {
	client

	login  func(h *home, r *registry, password string) result
	logout func(h *home, r *registry) result
	checks bool // its login asks the registry
}

func callers() []caller {
	return []caller{
		{
			client: client{"docker", dockerPush, dockerPull},
			login: func(h *home, r *registry, password string) result {
				return h.run(password, "docker", "login", "-u", r.username, "--password-stdin", r.host)
			},
			logout: func(h *home, r *registry) result { return h.run("", "docker", "logout", r.host) },
			checks: true,
		}, {
			client: client{"buildx", buildxPush, buildxPull},
		}, {
			client: client{"crane", cranePush, cranePull},
			login: func(h *home, r *registry, password string) result {
				return h.run(password, "crane", "auth", "login", "-u", r.username, "--password-stdin", r.host)
			},
			logout: func(h *home, r *registry) result { return h.run("", "crane", "auth", "logout", r.host) },
		}, {
			client: client{"oras", orasPush, orasPull},
			login: func(h *home, r *registry, password string) result {
				return h.run(
					password,
					"oras",
					"login",
					"--plain-http",
					"-u",
					r.username,
					"--password-stdin",
					r.host,
				)
			},
			logout: func(h *home, r *registry) result { return h.run("", "oras", "logout", r.host) },
			checks: true,
		}, {
			client: client{"helm", helmPush, helmPull},
			login: func(h *home, r *registry, password string) result {
				return h.run(
					password,
					"helm",
					"registry",
					"login",
					"--plain-http",
					"-u",
					r.username,
					"--password-stdin",
					r.host,
				)
			},
			logout: func(h *home, r *registry) result {
				return h.run("", "helm", "registry", "logout",
					r.host)
			},
			checks: true,
		}, {
			client: client{"regctl", regctlPush, regctlPull},
		},
	}
}

// containersCallers are Debian's clients of containers/image, which read credHelpers
// only.
func containersCallers() []caller {
	list := clients()
	skopeo, buildah := list[0], list[2]
	copied := skopeo.pull
	skopeo.pull = func(h *home, image string) result {
		if r := h.run("", "skopeo", "inspect", "--tls-verify=false", "docker://"+image); r.code != 0 {
			return r
		}
		return copied(h, image)
	}
	var callers []caller
	for _, c := range []client{skopeo, buildah} {
		callers = append(callers, caller{
			client: c, checks: true,
			login: func(h *home, r *registry, password string) result {
				h.zenOK("setup", "docker", "--host", r.host)
				return h.run(
					password,
					c.name,
					"login",
					"--tls-verify=false",
					"-u",
					r.username,
					"--password-stdin",
					r.host,
				)
			},
			logout: func(h *home, r *registry) result { return h.run("", c.name, "logout", r.host) },
		})
	}
	return callers
}

func dockerPush(h *home, image string) result {
	h.ok("", "docker", "tag", baseImage, image)
	h.t.Cleanup(func() { execute(h.t, exec.Command("docker", "-H", theEngine(h.t).host, "rmi", image), "") })
	return h.run("", "docker", "push", image)
}

func dockerPull(h *home, image string) result {
	h.run("", "docker", "rmi", image)
	return h.run("", "docker", "pull", image)
}

// buildxPush builds an image that holds one file, with the engine's BuildKit, and pushes
// it from there.
func buildxPush(h *home, image string) result {
	h.write("context/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
	built := h.run("", "docker", "buildx", "build", "--push", "-t", image, h.path("context"))
	h.t.Cleanup(func() { execute(h.t, exec.Command("docker", "-H", theEngine(h.t).host, "rmi", image), "") })
	return built
}

// buildxPull reads the image's description in buildx itself, and builds on the image in
// the engine.
func buildxPull(h *home, image string) result {
	if r := h.run("", "docker", "buildx", "imagetools", "inspect", image); r.code != 0 {
		return r
	}
	h.write("context/Dockerfile", "FROM "+image+"\nLABEL e2e=1\n")
	return h.run("", "docker", "buildx", "build", "--no-cache", "--pull", h.path("context"))
}

func cranePush(h *home, image string) result {
	return h.run("", "crane", "append", "-f", h.layer(), "-t", image)
}

func cranePull(h *home, image string) result {
	return h.run("", "crane", "pull", image, h.path("tmp/pulled.tar"))
}

func orasPush(h *home, image string) result {
	h.write("artifact.txt", "hello\n")
	return h.run("", "oras", "push", "--plain-http", "--no-tty", image, "artifact.txt")
}

func orasPull(h *home, image string) result {
	return h.run("", "oras", "pull", "--plain-http", "--no-tty", "-o", h.path("tmp"), image)
}

// helmPush pushes a chart: helm takes the last part of the image's name, and its tag,
// from the chart.
func helmPush(h *home, image string) result {
	repository, name, version := chartOf(image)
	h.write("chart/Chart.yaml", fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %s\n", name, version))
	h.ok("", "helm", "package", h.path("chart"), "-d", h.path("tmp"))
	return h.run("", "helm", "push", "--plain-http", h.path("tmp/"+name+"-"+version+".tgz"), repository)
}

func helmPull(h *home, image string) result {
	repository, name, version := chartOf(image)
	return h.run(
		"",
		"helm",
		"pull",
		"--plain-http",
		repository+"/"+name,
		"--version",
		version,
		"-d",
		h.path("tmp"),
	)
}

func chartOf(image string) (repository, name, version string) {
	dir, last := image[:strings.LastIndexByte(image, '/')], image[strings.LastIndexByte(image, '/')+1:]
	name, tag, _ := strings.Cut(last, ":")
	return "oci://" + dir, name, tag + ".0.0"
}

func regctlPush(h *home, image string) result {
	return h.run(
		"hello\n",
		"regctl",
		regctl(image, "artifact", "put", "--artifact-type", "application/vnd.example", image)...)
}

func regctlPull(h *home, image string) result {
	return h.run("", "regctl", regctl(image, "artifact", "get", image)...)
}

func regctl(image string, args ...string) []string {
	host, _, _ := strings.Cut(image, "/")
	return append([]string{"--host", "reg=" + host + ",tls=disabled"}, args...)
}

// Refused before zen login, served after it, refused after the logout, with every client
// and every kind of registry.
func TestEveryClient(t *testing.T) {
	for _, r := range registries(t) {
		for _, c := range callers() {
			t.Run(r.kind+" "+c.name, func(t *testing.T) {
				h := newHome(t)
				h.calls()
				w := h.watch(r.password)
				h.register("reg", r)
				image := r.image(c.name + "/app:1")
				h.refused(c.push(h, image))
				h.zenOK("login", "reg")
				h.did(c.push(h, image))
				h.did(c.pull(h, image))
				h.zenOK("logout", "reg")
				h.refused(c.pull(h, image))
				h.refused(c.push(h, image))
				h.holdsNo(r.password)
				for _, leak := range w.Look().Leaks {
					t.Errorf("the password was in %s", leak)
				}
			})
		}
	}
}

// The clients' own logins are stored in zen, and taken away again by their logouts.
func TestEveryClientsOwnLogin(t *testing.T) {
	for _, r := range registries(t) {
		for _, c := range append(callers(), containersCallers()...) {
			if c.login == nil {
				continue
			}
			t.Run(r.kind+" "+c.name, func(t *testing.T) {
				h := newHome(t)
				h.calls()
				image := r.image(c.name + "/own:1")
				if c.checks {
					h.refused(c.login(h, r, randomPassword()))
					h.hasLogins()
				}
				h.did(c.login(h, r, r.password))
				h.hasLogins(r.host)
				h.did(c.push(h, image))
				h.did(c.pull(h, image))
				h.holdsNo(r.password)
				h.did(c.logout(h, r))
				h.hasLogins()
				h.refused(c.pull(h, image))
				h.holdsNo(r.password)
			})
		}
	}
}

// did checks that a client succeeded.
func (h *home) did(r result) {
	h.t.Helper()
	if r.code != 0 {
		h.t.Fatalf("failed:\n%s", r)
	}
}

// hasLogins checks what zen has stored for clients.
func (h *home) hasLogins(hosts ...string) {
	h.t.Helper()
	logins := h.status().Logins
	for i, l := range logins {
		if len(logins) != len(hosts) || l.Address != hosts[i] || l.Source != "docker login" {
			h.t.Fatalf("zen has %+v, want docker logins at %q", logins, hosts)
		}
	}
	if len(logins) != len(hosts) {
		h.t.Fatalf("zen has no logins, want docker logins at %q", hosts)
	}
}

// The classic builder and BuildKit start from a private image, as docker of today has
// them.
func TestTodaysDockerBuildsFromPrivateImage(t *testing.T) {
	for _, r := range registries(t) {
		for _, buildkit := range []string{"0", "1"} {
			t.Run(r.kind+" DOCKER_BUILDKIT="+buildkit, func(t *testing.T) {
				h := newHome(t)
				h.calls()
				h.env["DOCKER_BUILDKIT"] = buildkit
				image := r.image("team/base-" + buildkit + ":1")
				h.register("reg", r)
				h.zenOK("login", "reg")
				h.did(dockerPush(h, image))
				h.ok("", "docker", "rmi", image)
				h.zenOK("logout", "reg")
				h.write("context/Dockerfile", "FROM "+image+"\nLABEL e2e=1\n")
				h.fails(refusals, "", "docker", "build", "--pull", h.path("context"))
				h.zenOK("login", "reg")
				h.ok("", "docker", "build", "--pull", h.path("context"))
				h.holdsNo(r.password)
			})
		}
	}
}

// regctl has logins of its own that no setup can lead to zen, but takes a helper for a
// single registry. zen names the password that it keeps in plain text, and takes it over.
func TestRegctlsOwnLogins(t *testing.T) {
	r := basicRegistry(t)
	h := newHome(t)
	h.calls()
	image := r.image("regctl/own:1")
	h.ok("", "regctl", "registry", "set", "--tls", "disabled", "--skip-check", r.host)
	h.ok(r.password, "regctl", "registry", "login", "-u", r.username, "--pass-stdin", r.host)
	if len(h.filesWith(r.password)) != 1 {
		t.Fatalf("regctl keeps its login in %q", h.filesWith(r.password))
	}
	doctor := h.zenOK("doctor", "plaintext-logins") // a warning is no failure
	if !strings.Contains(doctor.stdout, r.host) || !strings.Contains(doctor.stdout, ".regctl/config.json") {
		t.Errorf("zen doctor does not name regctl's login:\n%s", doctor)
	}
	h.zenOK("import", "--yes", "--remove")
	h.hasLogins(r.host)
	h.holdsNo(r.password)
	h.did(regctlPush(h, image)) // docker's configuration leads it to zen
	h.ok("", "regctl", "registry", "set", "--cred-helper", "docker-credential-zen", "--skip-check", r.host)
	h.ok("", "rm", h.path(".docker/config.json"))
	h.did(regctlPull(h, image))
	h.zenOK("logout", "--all")
	h.refused(regctlPull(h, image))
}

// credentials is what the program ask prints and reads.
type credentials struct {
	Username string `json:"username,omitempty"`
	Secret   string `json:"secret,omitempty"`
	Identity string `json:"identity,omitempty"`
}

// libraries are those of the program ask; the first ones store and erase too.
var libraries = []struct {
	name                  string
	keeps, lists, unknown bool // unknown: that nobody is logged in is an error
}{
	{name: "helpers", keeps: true, lists: true, unknown: true},
	{name: "docker", keeps: true, lists: true},
	{name: "oras", keeps: true},
	{name: "oras-native", keeps: true},
	{name: "ggcr"},
	{name: "ggcr-helper"},
}

// asks asks a library for a credential.
func (h *home) asks(library, server string) (c credentials, r result) {
	h.t.Helper()
	r = h.run("", "ask", library, "get", server)
	if r.code == 0 {
		h.check(json.Unmarshal([]byte(r.stdout), &c))
	}
	return c, r
}

// The libraries that clients are made of, against real registries.
func TestLibrariesResolveAnImage(t *testing.T) {
	for _, r := range registries(t) {
		t.Run(r.kind, func(t *testing.T) {
			h := newHome(t)
			h.calls()
			h.register("reg", r)
			image := r.image("library/app:1")
			h.zenOK("login", "reg")
			h.did(cranePush(h, image))
			h.zenOK("logout", "reg")
			resolves := func(want bool) {
				t.Helper()
				for _, l := range libraries {
					did := h.run("", "ask", l.name, "resolve", image)
					if !want {
						h.refused(did)
					} else if did.code != 0 || !strings.Contains(did.stdout, "sha256:") {
						t.Errorf("%s, logged in:\n%s", l.name, did)
					}
				}
				h.holdsNo(r.password)
			}
			resolves(false)
			h.zenOK("login", "reg")
			resolves(true)
			h.zenOK("logout", "reg")
			resolves(false)
			// What docker login leaves is an identity token where the registry gives one.
			h.ok(r.password, "docker", "login", "-u", r.username, "--password-stdin", r.host)
			for _, l := range libraries {
				got, _ := h.asks(l.name, r.host)
				identity := got.Identity != "" && got.Secret == ""
				if identity != (r.kind == "identity token") || !identity && got.Secret != r.password {
					t.Errorf("%s reads a docker login as %+v", l.name, got)
				}
			}
			resolves(true)
			h.ok("", "docker", "logout", r.host)
			resolves(false)
		})
	}
}

// What one library stores all get, passwords and identity tokens, until one erases it.
// Nobody logged in is no error but for docker-credential-helpers' client, which has it as
// one of its own.
func TestLibrariesStoreListAndErase(t *testing.T) {
	h := newHome(t)
	h.calls()
	const server = "registry.example:5000"
	want := []credentials{
		{Username: "alice", Secret: randomPassword()},
		{Username: "_json_key", Secret: "{\n\t\"key\": \"\\u00e4\"\n}" + strings.Repeat("x", 100_000)},
		{Identity: randomPassword()},
	}
	for _, keeper := range libraries {
		if !keeper.keeps {
			continue
		}
		for _, c := range want {
			in, err := json.Marshal(c)
			h.check(err)
			h.ok(string(in), "ask", keeper.name, "store", server)
			for _, l := range libraries {
				if got, r := h.asks(l.name, server); got != c {
					t.Fatalf("%s stored %.80v, %s gets %.80v:\n%.300s", keeper.name, c, l.name, got, r)
				}
				h.knowsNobody(l.name, l.unknown, "other.example")
				if l.lists {
					h.lists(l.name, server, c)
				}
			}
			h.holdsNo(closest(c.Identity, c.Secret))
		}
		h.ok("", "ask", keeper.name, "erase", server)
		h.ok("", "ask", keeper.name, "erase", server) // what is absent is erased already
		for _, l := range libraries {
			h.knowsNobody(l.name, l.unknown, server)
		}
	}
}

func closest(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// knowsNobody checks how a library is told that nobody is logged in.
func (h *home) knowsNobody(library string, isError bool, server string) {
	h.t.Helper()
	got, r := h.asks(library, server)
	if got != (credentials{}) || isError != (r.code != 0) ||
		isError && !strings.Contains(r.stderr, strings.TrimSpace(notFound)) {
		h.t.Errorf("%s, where nobody is logged in, got %+v:\n%s", library, got, r)
	}
}

// lists checks that a library lists one login.
func (h *home) lists(library, server string, c credentials) {
	h.t.Helper()
	users := map[string]string{}
	h.check(json.Unmarshal([]byte(h.ok("", "ask", library, "list").stdout), &users))
	want := closest(c.Username, "<token>")
	if len(users) != 1 || users[server] != want {
		h.t.Errorf("%s lists %v, want %s at %s", library, users, want, server)
	}
}
