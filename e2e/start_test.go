//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// zendPIDs are the process numbers of zends.
func (h *home) zendPIDs() (pids []int) {
	h.t.Helper()
	for _, line := range h.zends() {
		text, _, _ := strings.Cut(line, " ")
		pid, err := strconv.Atoi(text)
		h.check(err)
		pids = append(pids, pid)
	}
	return pids
}

// atOnce runs the commands at the same moment and returns what they did.
func (h *home) atOnce(n int, name string, args []string, stdin string) []result {
	h.t.Helper()
	results := make([]result, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		cmd := h.command(name, args...)
		wg.Go(func() {
			<-start
			results[i] = execute(h.t, cmd, stdin)
		})
	}
	close(start)
	wg.Wait()
	return results
}

// allServed checks that each of the results is the credential of known.example, and shows
// one that is not.
func (h *home) allServed(results []result) {
	h.t.Helper()
	failed := slices.DeleteFunc(
		results,
		func(r result) bool { return r.code == 0 && strings.Contains(r.stdout, "the-secret") },
	)
	if len(failed) > 0 {
		h.t.Errorf("%d requests failed, among them\n%s", len(failed), failed[0])
	}
}

func TestFiftyFirstClientsStartOneZend(t *testing.T) {
	h := newHome(t)
	h.storeSecret("known.example", "alice", "the-secret")
	for round := range 3 {
		h.killZend()
		h.allServed(h.atOnce(50, "docker-credential-zen", []string{"get"}, "known.example"))
		if running := h.zends(); len(running) != 1 {
			t.Errorf("round %d: %d zends run: %q", round, len(running), running)
		}
	}
	if n := strings.Count(h.read(".local/state/zen/zend.log"), "msg=Serving"); n != 4 {
		t.Errorf("%d zends were started for 1 store and 3 rounds", n)
	}
}

// The first use on a machine, by fifty at once: one vault, and nothing of what they store
// is lost.
func TestFiftyFirstUsersOfAFreshMachine(t *testing.T) {
	h := newHome(t)
	var wg sync.WaitGroup
	for i := range 50 {
		in := fmt.Sprintf(`{"ServerURL":"h%d.example","Username":"alice","Secret":"s%d"}`, i, i)
		cmd := h.command("docker-credential-zen", "store")
		wg.Go(func() {
			if r := execute(t, cmd, in); r.code != 0 {
				t.Errorf("store:\n%s", r)
			}
		})
	}
	wg.Wait()
	if running := h.zends(); len(running) != 1 {
		t.Errorf("%d zends run: %q", len(running), running)
	}
	h.killZend()
	for i := range 50 {
		if got := h.secretOf(fmt.Sprintf("h%d.example", i)); got != fmt.Sprintf("s%d", i) {
			t.Errorf("h%d.example has the secret %q", i, got)
		}
	}
}

// kill -9 between any two requests: the next one works, and nothing that was acknowledged
// is lost.
func TestKilledBetweenAnyTwoRequests(t *testing.T) {
	r := basicRegistry(t)
	h := newHome(t)
	get := func(server, want string) func() {
		return func() {
			t.Helper()
			if got := h.secretOf(server); got != want {
				t.Errorf("%s has the secret %q, want %q", server, got, want)
			}
		}
	}
	says := func(text string, args ...string) func() {
		return func() {
			t.Helper()
			if r := h.zenOK(args...); !strings.Contains(r.stdout, text) {
				t.Errorf("want %q:\n%s", text, r)
			}
		}
	}
	requests := []func(){
		func() { h.storeSecret("one.example", "alice", "one") },
		get("one.example", "one"),
		func() { h.register("reg", r) },
		says("reg", "service-connector", "list"),
		func() { h.zenOK("login", "reg") },
		get(r.host, r.password),
		says(r.host, "status"),
		func() { h.storeSecret("two.example", "bob", "two") },
		func() { h.zenOK("vault", "rotate") },
		get("two.example", "two"),
		get("one.example", "one"),
		func() { h.ok("one.example", "docker-credential-zen", "erase") },
		func() {
			if r := h.helper("get", "one.example"); r.stdout != notFound {
				t.Errorf("erased:\n%s", r)
			}
		},
		func() { h.zenOK("logout", "reg") },
		func() {
			if r := h.helper("get", r.host); r.stdout != notFound {
				t.Errorf("logged out:\n%s", r)
			}
		},
		func() { h.zenOK("login", "reg") },
		get(r.host, r.password),
		func() { h.zenOK("logout", "reg") },
		func() { h.zenOK("service-connector", "delete", "reg") },
		get("two.example", "two"),
	}
	for i, request := range requests {
		request()
		if t.Failed() {
			t.Fatalf("after %d requests and kills", i)
		}
		h.killZend()
	}
}

// kill -9 in the middle of requests: none fails.
func TestKilledUnderLoad(t *testing.T) {
	h := newHome(t)
	h.storeSecret("known.example", "alice", "the-secret")
	stop := make(chan struct{})
	var killer sync.WaitGroup
	kills := make(chan int, 1000) // the processes
	killer.Go(func() {
		for tick := time.NewTicker(53 * time.Millisecond); ; {
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
				for _, pid := range h.zendPIDs() {
					if syscall.Kill(pid, syscall.SIGKILL) == nil {
						kills <- pid
					}
				}
			}
		}
	})
	requests := 0
	for ; (requests < 200 || len(kills) < 5) && requests < 5000; requests += 20 {
		h.allServed(h.atOnce(20, "docker-credential-zen", []string{"get"}, "known.example"))
	}
	close(stop)
	killer.Wait()
	if len(kills) < 5 {
		t.Errorf("zend was killed only %d times", len(kills))
	}
	t.Logf("%d requests, %d kills", requests, len(kills))
}

// A person's own commands for the daemon, and SIGTERM.
func TestDaemonCommands(t *testing.T) {
	h := newHome(t)
	if r := h.zen("daemon", "status"); r.code == 0 {
		t.Errorf("daemon status without a daemon:\n%s", r)
	}
	if running := h.zends(); len(running) > 0 {
		t.Errorf("daemon status started %q", running)
	}
	h.zenOK("daemon", "start")
	h.storeSecret("known.example", "alice", "the-secret")
	first := h.pid()
	h.zenOK("daemon", "start") // again is no failure
	if again := h.pid(); again != first {
		t.Errorf("daemon start replaced zend %d by %d", first, again)
	}
	h.zenOK("daemon", "status")
	h.zenOK("daemon", "restart")
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("after restart the secret is %q", got)
	}
	if running := h.zends(); len(running) != 1 {
		t.Errorf("after restart %q run", running)
	}
	if r := h.zenOK("daemon", "logs"); !strings.Contains(r.stdout, "Serving") {
		t.Errorf("daemon logs:\n%s", r)
	}
	h.zenOK("daemon", "stop")
	h.noZend("zen daemon stop said so")
	h.zenOK("daemon", "stop") // again is no failure
	h.secretOf("known.example")
	h.check(syscall.Kill(h.pid(), syscall.SIGTERM))
	h.noZend("it gets SIGTERM")
	if _, err := os.Lstat(h.path("run/zen/zend.sock")); err == nil {
		t.Error("zend left its socket behind")
	}
}

// zend in the foreground logs to its standard error and ends by Ctrl-C.
func TestForeground(t *testing.T) {
	h := newHome(t)
	cmd := h.command("zend")
	log, err := os.Create(h.path("foreground.log"))
	h.check(err)
	defer log.Close()
	cmd.Stderr = log
	h.check(cmd.Start())
	for deadline := time.Now().Add(startTimeout); !strings.Contains(h.read("foreground.log"),
		"Serving"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("zend does not serve: %s", h.read("foreground.log"))
		}
	}
	if s := h.status(); s.PID != cmd.Process.Pid || s.Activity != "foreground" {
		t.Errorf("status: %+v", s)
	}
	if r := h.run("", "zend"); r.code == 0 || !strings.Contains(r.stderr, "another zend is running") {
		t.Errorf("a second zend:\n%s", r)
	}
	h.check(cmd.Process.Signal(syscall.SIGINT))
	if err := cmd.Wait(); err != nil {
		t.Errorf("zend ended with %v:\n%s", err, h.read("foreground.log"))
	}
}

// zend ends by itself when it has nothing to do, if that is wanted, and when its socket
// was taken away.
func TestIdleExitAndLostSocket(t *testing.T) {
	h := newHome(t)
	h.write(".config/zen/config.toml", "idle_exit = \"100ms\"\n")
	h.storeSecret("known.example", "alice", "the-secret")
	h.noZend("it is idle")
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("after an idle exit the secret is %q", got)
	}
	h.noZend("it is idle")
	h.write(".config/zen/config.toml", "")
	h.secretOf("known.example")
	h.check(os.Remove(h.path("run/zen/zend.sock")))
	h.noZend("its socket is removed")
	if got := h.secretOf("known.example"); got != "the-secret" {
		t.Errorf("after the socket was lost the secret is %q", got)
	}
}
