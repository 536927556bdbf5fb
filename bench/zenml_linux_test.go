//go:build bench && linux

package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zen-agent/zen/e2e/zenmlserver"
	"github.com/zen-agent/zen/internal/registrytest"
)

// The budget of a login through a ZenML server, and how often it is measured.
const (
	fasterThanZenML = 50
	loginRounds     = 15
	serverStart     = 2 * time.Minute
)

// TestServerLogin measures zen service-connector login beside zenml's own, with the same
// connector of the same ZenML server and the same registry.
func TestServerLogin(t *testing.T) {
	zenml := installedZenML()
	if zenml == "" || look("dockerd") == "" || os.Geteuid() != 0 {
		fmt.Println("\nlogins through a ZenML server are not measured: that takes a ZenML (bash " +
			"e2e/install-zenml.sh), and docker's engine, run as root, for it")
		return
	}
	h := newHome(t)
	zen := h.build("zen")
	h.build("zend")
	h.build("docker-credential-zen")
	registry := registrytest.StartBasic("alice", h.secret)
	t.Cleanup(registry.Close)
	s := h.startZenML(zenml, registry.Host)
	bot := s.NewAccount(t, "bench")
	engine := h.startEngine()

	connect := h.command(zen, "server", "connect", s.URL, "--api-key-stdin")
	connect.Stdin, connect.Stderr = strings.NewReader(bot.Key), nil
	if out, err := connect.CombinedOutput(); err != nil {
		t.Fatalf("zen server connect: %v\n%s", err, out)
	}
	login := []string{"service-connector", "login", "reg"}
	ours := &program{name: "zen service-connector login", path: zen, args: login, env: h.environ()}
	theirs := &program{name: "zenml service-connector login", path: s.Program(t, "zenml"), args: login}
	theirs.env = append(theirs.env, "DOCKER_HOST="+engine, "DOCKER_CONFIG="+s.Dir)
	for name, value := range s.Client(bot) {
		theirs.env = append(theirs.env, name+"="+value)
	}
	programs := []*program{ours, theirs}
	for round := range 1 + loginRounds {
		for _, i := range rand.Perm(len(programs)) {
			took := h.logIn(programs[i])
			if round > 0 {
				programs[i].took = append(programs[i].took, took)
			}
		}
	}
	fmt.Println()
	report(programs, loginRounds)
	fmt.Println()
	verdict("times faster than "+theirs.name, ratio(theirs, ours), fasterThanZenML, true)
}

// installedZenML is where the programs are of the newest ZenML that e2e/install-zenml.sh
// installed; "" is none.
func installedZenML() string {
	found, _ := filepath.Glob("../.build/zenml-*/bin/zenml")
	if len(found) == 0 {
		return ""
	}
	path, err := filepath.Abs(filepath.Dir(found[len(found)-1]))
	if err != nil {
		return ""
	}
	return path
}

// logIn runs a program that logs in, which is the sentence that both say.
func (h *home) logIn(p *program) time.Duration {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), p.path, p.args...)
	cmd.Env, cmd.Dir = p.env, "/"
	begin := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(begin)
	if err != nil || !strings.Contains(string(out), "successfully configure the local Docker/OCI "+
		"container registry client/SDK.") {
		h.t.Fatalf("%s: %v\n%s", p.name, err, out)
	}
	return took
}

// startZenML starts a server, with tokens without an end as ZenML has them by default,
// and a connector "reg" for the registry.
func (h *home) startZenML(programs, registry string) *zenmlserver.Server {
	h.t.Helper()
	dir := filepath.Join(h.dir, "zenml")
	if err := os.Mkdir(dir, 0o700); err != nil {
		h.t.Fatal(err)
	}
	s := zenmlserver.New(h.t, programs, dir)
	h.serve(s.Command(h.t), s.Healthy)
	s.Register(h.t, "reg", "alice", h.secret, registry, "")
	return s
}

// startEngine starts a docker engine of our own, and returns its address.
func (h *home) startEngine() string {
	h.t.Helper()
	dir := filepath.Join(h.dir, "engine")
	if err := os.Mkdir(dir, 0o700); err != nil {
		h.t.Fatal(err)
	}
	socket := filepath.Join(dir, "docker.sock")
	cmd := exec.Command(
		look("dockerd"),
		"--iptables=false",
		"--ip6tables=false",
		"--bridge=none",
		"--storage-driver=vfs",
		"--data-root="+dir+"/data",
		"--exec-root="+dir+"/exec",
		"--pidfile="+dir+"/pid",
		"--host=unix://"+socket,
	)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + dir}
	client := &http.Client{
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}},
	}
	h.serve(cmd, func() bool {
		resp, err := client.Get("http://docker/_ping")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil && resp.StatusCode == http.StatusOK
	})
	return "unix://" + socket
}

// serve starts a program that serves until the test ends, and waits until it does.
func (h *home) serve(cmd *exec.Cmd, ready func() bool) {
	h.t.Helper()
	cmd.Dir, cmd.SysProcAttr = h.dir, &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	h.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(15 * time.Second):
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-done
	})
	for deadline := time.Now().Add(serverStart); !ready(); time.Sleep(50 * time.Millisecond) {
		select {
		case <-done:
			h.t.Fatalf("%s ended", cmd.Path)
		default:
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s does not answer after %s", cmd.Path, serverStart)
		}
	}
}
