//go:build e2e && linux

package e2e

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/keystore/keystoretest"
)

// Bounds for a client's pull, on a loaded machine: of a public image, for which nobody
// waits for zen, and of a private one, for which the helper waits ten seconds and some
// clients ask twice.
const (
	publicLimit  = 15 * time.Second
	privateLimit = 40 * time.Second
)

// puller is a client that reads an image, or its description, from a registry.
type puller struct {
	name  string
	args  func(h *home, image string) []string
	quiet bool // it goes on without a credential when its helper fails; only the helper's hint is seen
}

func pullers() []puller {
	return []puller{
		{
			name: "debian", quiet: true, // docker 20.10
			args: func(_ *home, image string) []string { return []string{"/usr/bin/docker", "pull", image} },
		},
		{
			name: "docker",
			args: func(_ *home, image string) []string { return []string{"docker", "pull", image} },
		},
		{name: "buildx", args: func(_ *home, image string) []string {
			return []string{"docker", "buildx", "imagetools", "inspect", image}
		}},
		{name: "crane", args: func(h *home, image string) []string {
			return []string{"crane", "pull", image, h.path("tmp/crane.tar")}
		}},
		{name: "oras", args: func(_ *home, image string) []string {
			return []string{"oras", "manifest", "fetch", "--plain-http", image}
		}},
		{name: "skopeo", args: func(h *home, image string) []string {
			to := "dir:" + h.path("tmp/"+strings.ReplaceAll(image, "/", "-"))
			return []string{
				"skopeo",
				"--insecure-policy",
				"copy",
				"--src-tls-verify=false",
				"docker://" + image,
				to,
			}
		}},
	}
}

// mishap is something that happens to a zen that works.
type mishap struct {
	name  string
	ready func(h *home) (happen func()) // before the first login; what it returns, after it
	// what is wrong, and what to type; nothing: who is logged in is served all the same
	says []string
}

func mishaps() []mishap {
	return []mishap{
		{
			name:  "zend is killed",
			ready: func(h *home) func() { return h.killZend },
		}, {
			name:  "zend is stopped",
			ready: func(h *home) func() { return func() { h.zenOK("daemon", "stop") } },
		}, {
			name: "zend cannot be started",
			ready: func(h *home) func() {
				h.ownPrograms()
				return func() {
					h.killZend()
					h.check(os.Remove(h.path("bin/zend")))
				}
			},
			says: []string{"zend is not installed beside", "ZEN_DAEMON"},
		}, {
			name: "zend hangs",
			ready: func(h *home) func() {
				return func() {
					h.freeze(h.zendPIDs()...)
					h.t.Cleanup(h.killZend)
				}
			},
			says: []string{"zend did not answer in time", "pkill -KILL "},
		}, {
			name:  "the vault is locked",
			ready: func(h *home) func() { return func() { h.zenOK("lock") } },
			says:  []string{"locked", "zen unlock"},
		}, {
			name: "the keyring hangs",
			ready: func(h *home) func() {
				bus := h.onBus()
				bus.StartGnomeKeyring(h.t)
				return func() {
					h.killZend()
					h.freeze(pidsOf(h.t, bus.Dir, "gnome-keyring-daemon")...)
				}
			},
			says: []string{"the OS keyring did not answer", "zen unlock"},
		}, {
			name: "the keyring does not hand out the key",
			ready: func(h *home) func() {
				keyring := keystoretest.StartFakeSecrets(h.t, h.onBus(), keystoretest.Faults{})
				return func() {
					h.killZend()
					keyring.SetFaults(keystoretest.Faults{Hang: "GetSecret"})
				}
			},
			says: []string{"the OS keyring did not answer", "zen unlock"},
		}, {
			name:  "the disk is full",
			ready: func(h *home) func() { return func() { h.full(".local") } },
		}, {
			name:  "the runtime directory is full",
			ready: func(h *home) func() { return func() { h.full("run") } },
		},
	}
}

// freeze stops processes where they are.
func (h *home) freeze(pids ...int) {
	h.t.Helper()
	if len(pids) == 0 {
		h.t.Fatal("there is no process to stop")
	}
	for _, pid := range pids {
		h.check(syscall.Kill(pid, syscall.SIGSTOP))
	}
}

// pidsOf are the processes with a directory in their environment that run a program.
func pidsOf(t *testing.T, dir, program string) (pids []int) {
	t.Helper()
	for _, line := range processesOf(dir) {
		text, cmdline, _ := strings.Cut(line, " ")
		if pid, err := strconv.Atoi(text); err == nil && strings.Contains(cmdline, program) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// seed puts the base image into registries under the names that the pullers ask for,
// without zen.
func seed(t *testing.T, r *registry, repository string) {
	t.Helper()
	h := newHome(t)
	from := "docker-archive:" + h.archive()
	for _, p := range pullers() {
		h.ok(
			"",
			"skopeo",
			"--insecure-policy",
			"copy",
			"--dest-tls-verify=false",
			"--dest-creds="+r.username+":"+r.password,
			from,
			"docker://"+r.image(repository+":"+p.name),
		)
	}
}

// Whatever happens to zend, its vault, its keyring and the disk: who pulls a public image
// does not notice, and who is logged in is served or reads what to do.
func TestPullsInEveryMishap(t *testing.T) {
	unknown, known := startHub(t, "public"), startHub(t, "alice")
	alice := known.account("alice")
	seed(t, unknown.account("public"), "public/app")
	seed(t, alice, "alice/app")
	builtCallers() // before they are waited for
	for _, m := range mishaps() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			h.calls()
			happen := m.ready(h)
			for _, host := range []string{unknown.host, known.host} {
				h.zenOK("setup", "docker", "--host", host) // for skopeo
			}
			h.register("reg", alice)
			h.zenOK("login", "reg")
			for _, p := range pullers() { // it works before
				args := p.args(h, known.image("alice/app:"+p.name))
				h.did(h.run("", args[0], args[1:]...))
			}
			happen()
			var wg sync.WaitGroup
			for _, p := range pullers() {
				public := p.args(h, unknown.image("public/app:"+p.name))
				private := p.args(h, known.image("alice/app:"+p.name))
				one, two := h.command(public[0], public[1:]...), h.command(private[0], private[1:]...)
				wg.Go(func() { p.pullsPublic(execute(t, one, ""), t) })
				wg.Go(func() { p.pullsPrivate(execute(t, two, ""), t, m.says) })
			}
			wg.Wait()
			h.holdsNo(alice.password)
		})
	}
}

// pullsPublic checks a pull that nobody has to be logged in for.
func (p puller) pullsPublic(r result, t *testing.T) {
	t.Logf("%s: public: %d after %s", p.name, r.code, r.elapsed.Round(time.Millisecond))
	if r.code != 0 || r.elapsed > publicLimit {
		t.Errorf("%s does not pull a public image:\n%s", p.name, r)
	}
}

// pullsPrivate checks a pull that somebody is logged in for: it is served, or a person
// reads what is wrong and what to type.
func (p puller) pullsPrivate(r result, t *testing.T, says []string) {
	t.Logf("%s: private: %d after %s", p.name, r.code, r.elapsed.Round(time.Millisecond))
	output := r.stdout + r.stderr
	switch {
	case r.elapsed > privateLimit:
		t.Errorf("%s takes too long:\n%s", p.name, r)
	case len(says) == 0:
		if r.code != 0 {
			t.Errorf("%s is not served:\n%s", p.name, r)
		}
	case r.code == 0:
		t.Errorf("%s is served:\n%s", p.name, r)
	default:
		wanted := []string{"Hint: ", says[1]}
		if !p.quiet {
			wanted = append(wanted, says[0])
		} else if !isRefusal(r) {
			t.Errorf("%s is not refused:\n%s", p.name, r)
		}
		for _, text := range wanted {
			if !strings.Contains(output, text) {
				t.Errorf("%s does not say %q:\n%s", p.name, text, r)
			}
		}
	}
}

func isRefusal(r result) bool {
	output := strings.ToLower(r.stdout + r.stderr)
	return r.code != 0 &&
		slices.ContainsFunc(refusals, func(text string) bool { return strings.Contains(output, text) })
}

// A login that cannot be kept, since the disk is full or the vault is locked, says so and
// leaves nothing behind.
func TestLoginsThatCannotBeKept(t *testing.T) {
	b := startHub(t, "alice")
	alice := b.account("alice")
	tests := []struct {
		name   string
		happen func(h *home)
		says   []string
	}{
		{"the disk is full", func(h *home) { h.full(".local") }, []string{"no space left"}},
		{
			"the vault is locked",
			func(h *home) { h.zenOK("lock") },
			[]string{"locked", "Hint: ", "zen unlock"},
		},
	}
	for _, tt := range tests {
		for _, c := range callers() {
			if c.login == nil {
				continue
			}
			t.Run(tt.name+" "+c.name, func(t *testing.T) {
				h := newHome(t)
				h.calls()
				h.storeSecret("known.example", "alice", "the-secret")
				tt.happen(h)
				r := c.login(h, alice, alice.password)
				for _, text := range tt.says {
					if r.code == 0 || !strings.Contains(r.stdout+r.stderr, text) {
						t.Errorf("want a failure with %q:\n%s", text, r)
					}
				}
				h.holdsNo(alice.password)
				h.unknownIsNotFound()
			})
		}
	}
}
