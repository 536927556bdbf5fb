//go:build e2e && linux

package e2e

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// engine is dockerd, without network rules of its own, on a socket below the rig's
// directory.
type engine struct{ host string }

// baseImage is an image of one small file; there is no registry to pull one from.
const baseImage = "e2e/base:1"

// theEngine starts dockerd once for all tests. Its registries on loopback addresses are
// plain http by default.
func theEngine(t *testing.T) *engine {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.engine != nil {
		return shared.engine
	}
	dir := filepath.Join(shared.dir, "engine")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "docker.sock")
	env := []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + dir}
	s, err := startService(
		dir,
		"dockerd",
		env,
		"--iptables=false",
		"--ip6tables=false",
		"--bridge=none",
		"--storage-driver=vfs",
		"--data-root="+dir+"/data",
		"--exec-root="+dir+"/exec",
		"--pidfile="+dir+"/pid",
		"--host=unix://"+socket,
	)
	if err != nil {
		t.Fatal(err)
	}
	shared.services = append(shared.services, s)
	e := &engine{host: "unix://" + socket}
	if err := s.until("answer", func() bool {
		return exec.Command("docker", "-H", e.host, "version").Run() == nil
	}); err != nil {
		t.Fatal(err)
	}
	if r := execute(t, command(t, "docker", "-H", e.host, "import", "-", baseImage),
		archive(t)); r.code != 0 {
		t.Fatalf("making an image:\n%s", r)
	}
	shared.engine = e
	return e
}

// archive is a tar file with one file in it.
func archive(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	content := []byte("hello\n")
	if err := w.WriteHeader(&tar.Header{Name: "hello", Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	w.Write(content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// dockers are the docker commands of this machine: Debian's, and another in front of it
// on PATH if there is one.
func dockers(t *testing.T) []string {
	t.Helper()
	list := []string{"/usr/bin/docker"}
	if first, err := exec.LookPath("docker"); err == nil && !slices.Contains(list, first) {
		list = append(list, first)
	}
	return list
}
