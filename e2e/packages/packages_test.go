//go:build e2e_packages

package packages

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const (
	module    = "github.com/zen-agent/zen"
	oldZen    = "0.0.9"
	newZen    = "0.1.0"
	user      = "1000" // the uid of the user in a root
	clients   = 4
	stillSays = `{"ServerURL":"known.example","Username":"ann","Secret":"the-secret"}`
)

// manager is how one packaging system installs, checks and removes a package file in a
// root.
type manager struct {
	name     string
	pattern  string
	install  func(root, file string) []string
	upgrade  func(root, file string) []string
	verify   func(root string) []string
	remove   func(root string) []string
	prepared func(root string) [][]string // commands that make the root ready

	// unlinks says that it removes a program before it writes the new one, so that a
	// client which looks for it in that moment finds none. No package can prevent that.
	unlinks bool
}

func managers() []manager {
	chroot := func(root string, words ...string) []string {
		return append([]string{"chroot", root}, words...)
	}
	rpm := func(root string, words ...string) []string {
		return append([]string{"rpm", "--root", root},
			words...)
	}
	pacman := func(root string, words ...string) []string {
		common := []string{"pacman", "--root", root, "--dbpath", root + "/var/lib/pacman", "--noconfirm"}
		return append(common, words...)
	}
	dpkg := func(root, file string) []string { return chroot(root, "dpkg", "-i", inside(root, file)) }
	return []manager{
		{
			name: "deb", pattern: "*.deb", install: dpkg, upgrade: dpkg,
			verify: func(root string) []string { return chroot(root, "dpkg", "--verify", "zen") },
			remove: func(root string) []string { return chroot(root, "dpkg", "--purge", "zen") },
		}, {
			name: "rpm", pattern: "*.rpm",
			prepared: func(root string) [][]string { return [][]string{rpm(root, "--initdb")} },
			install:  func(root, file string) []string { return rpm(root, "-i", "--nodeps", file) },
			upgrade:  func(root, file string) []string { return rpm(root, "-U", "--nodeps", file) },
			verify:   func(root string) []string { return rpm(root, "-V", "--nodeps", "zen") },
			remove:   func(root string) []string { return rpm(root, "-e", "zen") },
		}, {
			name: "arch", pattern: "*.pkg.tar.zst",
			// Arch's sh is bash, and nfpm's scripts count on that.
			prepared: func(root string) [][]string {
				return [][]string{
					{"mkdir", "-p", root + "/var/lib/pacman"},
					{"ln", "-sf", "bash", root + "/bin/sh"},
				}
			},
			unlinks: true,
			install: func(root, file string) []string { return pacman(root, "-U", file) },
			upgrade: func(root, file string) []string { return pacman(root, "-U", file) },
			verify:  func(root string) []string { return pacman(root, "-Qk", "zen") },
			remove:  func(root string) []string { return pacman(root, "-R", "zen") },
		},
	}
}

func inside(root, file string) string { return strings.TrimPrefix(file, root) }

// TestLifeOfAPackage installs an older package, upgrades it while clients ask without a
// pause, and removes it. No request fails, and what is the user's stays.
func TestLifeOfAPackage(t *testing.T) {
	older, newer := build(t, oldZen), build(t, newZen)
	base := debian(t)
	for _, m := range managers() {
		t.Run(m.name, func(t *testing.T) {
			r := newRoot(t, base)
			if m.prepared != nil {
				for _, words := range m.prepared(r.dir) {
					run(t, words...)
				}
			}
			run(t, m.install(r.dir, r.take(older, m.pattern))...)
			run(t, m.verify(r.dir)...)
			r.enabled(true)
			r.asUser(stillSays, "docker-credential-zen", "store")
			r.version(oldZen)

			stop := r.ask()
			run(t, m.upgrade(r.dir, r.take(newer, m.pattern))...)
			run(t, m.verify(r.dir)...)
			r.asUser("", "zen", "daemon", "restart")
			asked, failures := stop()
			if m.unlinks {
				failures = slices.DeleteFunc(failures, func(f string) bool {
					return strings.Contains(f, "No such file") || strings.Contains(f, "Text file busy")
				})
			}
			if len(failures) > 0 || asked < 2*clients {
				t.Errorf("%d of %d requests failed during the upgrade:\n%s",
					len(failures), asked, strings.Join(failures, "\n"))
			}
			r.version(newZen)
			r.enabled(true)

			r.asUser("", "zen", "daemon", "stop")
			run(t, m.remove(r.dir)...)
			r.enabled(false)
			r.onlyTheUsersIsLeft()
		})
	}
}

// TestPackagesAreClean has the linters of each format look at the packages.
func TestPackagesAreClean(t *testing.T) {
	dir := build(t, newZen)
	for _, words := range [][]string{
		{"lintian", "--fail-on=error", "--allow-root", one(t, dir, "*.deb")},
		{"rpmlint", one(t, dir, "*.rpm"), "-c", "../../packaging/linux/rpmlint.toml"},
	} {
		run(t, words...)
	}
	list := run(t, "tar", "-tzf", one(t, dir, "*.apk"))
	for _, file := range []string{
		"usr/bin/zend", "usr/bin/zen", "usr/bin/docker-credential-zen",
		"usr/lib/systemd/user/zend.socket",
	} {
		if !strings.Contains(list, file) {
			t.Errorf("the apk lacks %s", file)
		}
	}
}

// TestPackagesAreReproducible builds twice.
func TestPackagesAreReproducible(t *testing.T) {
	sums := func(dir string) string {
		b, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if first, second := sums(build(t, newZen)), sums(build(t, newZen)); first != second {
		t.Errorf("two builds differ:\n%s\n%s", first, second)
	}
}

// build makes the packages of a version with the project's own script, in a directory of
// its own.
func build(t *testing.T, version string) string {
	t.Helper()
	out := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "sh", "tools/packages.sh")
	cmd.Dir = "../.."
	cmd.Env = append(
		os.Environ(),
		"VERSION="+version,
		"OUT="+out,
		"MTIME=2026-01-01T00:00:00Z",
		"PROGRAMS=zend zen docker-credential-zen",
		"LDFLAGS=-s -w -X "+module+"/internal/api.Version="+version,
	)
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("tools/packages.sh: %v\n%s", err, b)
	}
	return out
}

func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(list) != 1 {
		t.Fatalf("%s in %s: %q, %v", pattern, dir, list, err)
	}
	return list[0]
}

func run(t *testing.T, words ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return string(out)
}

// debian is a minimal Debian, from the mirror that this machine installs from.
func debian(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "debian")
	mirror := strings.Fields(run(t, "apt-get", "indextargets", "--format", "$(SITE) "+
		"$(RELEASE)", "Created-By: Packages"))
	if len(mirror) < 2 {
		t.Fatalf("apt names no mirror: %q", mirror)
	}
	run(t, "debootstrap", "--variant=minbase", "--include=systemd", "stable", dir, mirror[0])
	return dir
}

// root is a copy of a Debian with one user.
type root struct {
	t   *testing.T
	dir string
}

func newRoot(t *testing.T, base string) *root {
	t.Helper()
	r := &root{t: t, dir: filepath.Join(t.TempDir(), "root")}
	run(t, "cp", "-a", base, r.dir)
	run(t, "mount", "-t", "proc", "proc", r.dir+"/proc")
	t.Cleanup(func() {
		cmd := exec.CommandContext(context.Background(), "umount", r.dir+"/proc")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
		}
	})
	run(t, "chroot", r.dir, "useradd", "--create-home", "--uid", user, "alice")
	t.Cleanup(func() { r.user("", "zen", "daemon", "stop") })
	return r
}

// take copies a package into the root and returns where it is.
func (r *root) take(dir, pattern string) string {
	r.t.Helper()
	from := one(r.t, dir, pattern)
	to := filepath.Join(r.dir, "root", filepath.Base(from))
	run(r.t, "cp", from, to)
	return to
}

func (r *root) user(stdin string, words ...string) (string, error) {
	all := append([]string{
		r.dir, "setpriv", "--reuid=" + user, "--regid=" + user, "--clear-groups",
		"env", "-i", "HOME=/home/alice", "PATH=/usr/bin:/bin", "LANG=C.UTF-8",
	}, words...)
	cmd := exec.CommandContext(context.Background(), "chroot", all...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

func (r *root) asUser(stdin string, words ...string) string {
	r.t.Helper()
	out, err := r.user(stdin, words...)
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
	}
	return out
}

// ask has clients ask without a pause until the function that it returns is called.
func (r *root) ask() func() (asked int, failures []string) {
	var running sync.WaitGroup
	var done atomic.Bool
	var mu sync.Mutex
	var asked int
	var failures []string
	for range clients {
		running.Go(func() {
			for !done.Load() {
				out, err := r.user("known.example", "docker-credential-zen", "get")
				if err == nil && strings.TrimSpace(out) != stillSays {
					err = errors.New("another answer")
				}
				mu.Lock()
				if asked++; err != nil {
					failures = append(failures, fmt.Sprintf("%v: %s", err, out))
				}
				mu.Unlock()
			}
		})
	}
	return func() (int, []string) {
		done.Store(true)
		running.Wait()
		return asked, failures
	}
}

// version is that of the command and of the zend that runs.
func (r *root) version(want string) {
	r.t.Helper()
	if got := r.asUser("", "zen", "version"); !slices.Equal(
		strings.Fields(got),
		[]string{"zen", want, "zend", want},
	) {
		r.t.Errorf("zen version: %q, want %s for both", got, want)
	}
}

// enabled checks whether every user's service manager holds zend's socket.
func (r *root) enabled(want bool) {
	r.t.Helper()
	_, err := os.Lstat(filepath.Join(r.dir, "etc/systemd/user/sockets.target.wants/zend.socket"))
	if (err == nil) != want {
		r.t.Errorf("zend.socket enabled: %v, want %v", err == nil, want)
	}
}

func (r *root) onlyTheUsersIsLeft() {
	r.t.Helper()
	if _, err := os.Stat(filepath.Join(r.dir, "home/alice/.local/share/zen/vault.json")); err != nil {
		r.t.Errorf("the user's vault is gone: %v", err)
	}
	err := filepath.WalkDir(r.dir, func(path string, entry os.DirEntry, err error) error {
		name := inside(r.dir, path)
		if entry != nil && entry.IsDir() && (name == "/home" || name == "/proc" || name == "/root") {
			return filepath.SkipDir
		}
		if base := filepath.Base(path); strings.HasPrefix(base, "zen") || base == "docker-credential-zen" {
			r.t.Errorf("%s is left", name)
		}
		return err
	})
	if err != nil {
		r.t.Error(err)
	}
}
