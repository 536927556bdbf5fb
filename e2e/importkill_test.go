//go:build e2e && linux

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// gate is where zen import has to pass each time that it asks a credential helper or zend
// for something, and each time that it gets an answer. The test counts these moments, and
// kills zen at one of them.
type gate struct {
	h      *home
	socket string // of zend, for a zen that has to pass

	mu     sync.Mutex
	seen   []string // the moments of this run
	killAt int      // the number of the moment; 0: none
	victim *os.Process
	under  sync.WaitGroup // helpers under way, which do not die with zen
}

// gatedHelper stands before a credential helper. It tells the gate what is about to be
// done, and what was, and goes on when it is told to, whether or not anybody lives who
// wants the answer.
const gatedHelper = `#!/bin/sh
trap '' PIPE
step() { echo "$1" >DIR/ask; read -r answer <DIR/answer; }
step "HELPER $1: asked"
out=$(REAL "$1"); code=$?
step "HELPER $1: answered"
printf '%s' "$out"
echo "HELPER $1: done" >DIR/ask
exit $code
`

// newGate puts a gate before a credential helper and zend.
func newGate(h *home, helper string) *gate {
	h.t.Helper()
	g := &gate{h: h, socket: h.path("gate/zend.sock")}
	h.mkdirs(h.path("gate"))
	script := strings.NewReplacer("DIR", h.path("gate"), "HELPER", helper, "REAL",
		h.lookPath("docker-credential-"+helper)).
		Replace(gatedHelper)
	h.check(os.Chmod(h.write("gate/docker-credential-"+helper, script), 0o700))
	g.helpers()
	listener, err := net.Listen("unix", g.socket)
	h.check(err)
	h.t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go g.pass(client)
		}
	}()
	return g
}

// helpers listens to the helpers.
func (g *gate) helpers() {
	g.h.t.Helper()
	pipe := func(name string) *os.File {
		path := g.h.path("gate/" + name)
		g.h.check(syscall.Mkfifo(path, 0o600))
		f, err := os.OpenFile(path, os.O_RDWR, 0) // so that it has both ends all the time
		g.h.check(err)
		g.h.t.Cleanup(func() { f.Close() })
		return f
	}
	ask, answer := pipe("ask"), pipe("answer")
	go func() {
		for lines := bufio.NewScanner(ask); lines.Scan(); {
			what := lines.Text()
			if strings.HasSuffix(what, ": done") {
				g.under.Done()
				continue
			}
			if strings.HasSuffix(what, ": asked") {
				g.under.Add(1)
			}
			g.moment(what)
			fmt.Fprintln(answer, "go on")
		}
	}()
}

// pass is one connection to zend: a line for each question, a line for each answer.
func (g *gate) pass(client net.Conn) {
	defer client.Close()
	zend, err := net.Dial("unix", g.h.path("run/zen/zend.sock"))
	if err != nil {
		return
	}
	defer zend.Close()
	questions, answers := bufio.NewReader(client), bufio.NewReader(zend)
	for {
		line, err := questions.ReadBytes('\n')
		if err != nil {
			return
		}
		var question struct{ Method string }
		_ = json.Unmarshal(line, &question) // what it is shows in the moments
		g.moment("zend " + question.Method + ": asked")
		if _, err := zend.Write(line); err != nil {
			return
		}
		if line, err = answers.ReadBytes('\n'); err != nil {
			return
		}
		g.moment("zend " + question.Method + ": answered")
		if _, err := client.Write(line); err != nil {
			return
		}
	}
}

// moment counts one, and kills zen if it is the one.
func (g *gate) moment(what string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, what)
	if len(g.seen) == g.killAt {
		g.victim.Kill()
	}
}

// imports runs zen import --remove through the gate, kills it at a moment, and returns
// those that were passed.
func (g *gate) imports(source string, killAt int) []string {
	g.h.t.Helper()
	cmd := g.h.command("zen", "import", "--from", source, "--yes", "--no-verify", "--remove")
	cmd.Env = append(slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "PATH=") }),
		"PATH="+g.h.path("gate")+":"+g.h.env["PATH"], "ZEN_SOCKET="+g.socket)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = 10 * time.Second
	g.mu.Lock() // nothing is passed before the process is known
	g.seen, g.killAt = nil, killAt
	err := cmd.Start()
	g.victim = cmd.Process
	g.mu.Unlock()
	g.h.check(err)
	err = cmd.Wait()
	g.under.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if killAt == 0 && err != nil || killAt > 0 && status.Signal() != syscall.SIGKILL {
		g.h.t.Fatalf("%v (to be killed at moment %d of %q):\n%s", err, killAt, g.seen, said.String())
	}
	return slices.Clone(g.seen)
}

// An import from another credential helper that is killed loses nothing, whenever that
// is: each login is still there, or in zen, or both, and another import finishes it. What
// a helper was told to do, it does, whether zen lives or not.
func TestImportFromHelperIsKilled(t *testing.T) {
	for _, source := range []string{"pass", "secretservice"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			if source == "pass" {
				h.passStore()
			} else {
				h.onBus().StartGnomeKeyring(t)
			}
			h.storeSecret("other.example", "alice", "x") // zend runs, the vault is there
			k := killedImport{h: h, gate: newGate(h, source), source: source}
			k.refill()
			moments := k.gate.imports(source, 0)
			k.wantFinished("an import that nobody kills")
			k.wantMoments(moments)
			begin := time.Now()
			for n := 1; n <= len(moments); n++ {
				k.refill()
				passed := k.gate.imports(source, n)
				at := fmt.Sprintf("killed at moment %d (%s)", n, moments[n-1])
				if len(passed) < n || !slices.Equal(passed[:n], moments[:n]) {
					t.Fatalf("%s: it went another way: %q, not %q", at, passed, moments)
				}
				k.wantNothingLost(at)
				h.zenOK("import", "--from", source, "--yes", "--no-verify", "--remove")
				k.wantFinished(at + ", and run again")
			}
			t.Logf("%d kills in %s; %d times a login was in both places, after %d kills not all were in "+
				"the same",
				len(moments), time.Since(begin).Round(100*time.Millisecond), k.both, k.halfway)
			if k.both == 0 || k.halfway == 0 {
				t.Error("no kill came in the middle: the test shows nothing")
			}
		})
	}
}

// killedImport is what TestImportFromHelperIsKilled moves about.
type killedImport struct {
	h      *home
	gate   *gate
	source string
	logins []importedLogin

	// how often a login was in both places, and after how many kills not all were in the
	// same
	both, halfway int
}

type importedLogin struct{ host, username, secret string }

// refill makes new logins, in the helper alone.
func (k *killedImport) refill() {
	k.h.t.Helper()
	k.h.zenOK("logout", "--all")
	k.logins = nil
	for i := range 2 {
		l := importedLogin{fmt.Sprintf("r%d.example", i), fmt.Sprintf("user%d", i), randomPassword()}
		k.h.helperStores(k.source, "https://"+l.host, l.username, l.secret)
		k.logins = append(k.logins, l)
	}
}

// wantMoments checks that the gate was passed as it has to be, so that all of an import's
// steps are among the moments.
func (k *killedImport) wantMoments(moments []string) {
	k.h.t.Helper()
	for what, want := range map[string]int{
		k.source + " list": 1, k.source + " get": len(k.logins), k.source + " erase": len(k.logins),
		"zend store": len(k.logins), "zend get": len(k.logins),
	} {
		for _, end := range []string{": asked", ": answered"} {
			if n := len(slices.DeleteFunc(slices.Clone(moments),
				func(m string) bool { return m != what+end })); n != want {
				k.h.t.Fatalf("%d moments %q, want %d: %q", n, what+end, want, moments)
			}
		}
	}
}

// wantNothingLost looks at each login in both places.
func (k *killedImport) wantNothingLost(at string) {
	k.h.t.Helper()
	listed := k.h.helperLists(k.source)
	places := map[string]bool{}
	for _, l := range k.logins {
		inHelper := k.has(l, "docker-credential-"+k.source)
		inZen := k.has(l, "docker-credential-zen")
		if !inHelper && !inZen {
			k.h.t.Fatalf("%s: the login for %s is lost", at, l.host)
		}
		if inHelper && inZen {
			k.both++
		}
		if inList := slices.ContainsFunc(listed,
			func(key string) bool { return strings.HasSuffix(key, l.host) }); inList != inHelper {
			k.h.t.Fatalf(
				"%s: the helper lists %q, and has the login for %s: %v",
				at,
				listed,
				l.host,
				inHelper,
			)
		}
		places[fmt.Sprint(inHelper, inZen)] = true
	}
	if len(places) > 1 {
		k.halfway++
	}
}

// has asks a helper for a login: it has the very one, or nothing.
func (k *killedImport) has(l importedLogin, helper string) bool {
	k.h.t.Helper()
	r := k.h.run("https://"+l.host, helper, "get")
	if r.code != 0 {
		if strings.TrimSpace(r.stdout) != strings.TrimSpace(notFound) {
			k.h.t.Fatalf("%s fails:\n%s", helper, r)
		}
		return false
	}
	var have struct{ Username, Secret string }
	err := json.Unmarshal([]byte(r.stdout), &have)
	if err == nil && have.Username+have.Secret == "" { // docker-credential-pass before 0.7
		return false
	}
	if err != nil || have.Username != l.username || have.Secret != l.secret {
		k.h.t.Fatalf("%s has another login for %s: %+v, %v", helper, l.host, have, err)
	}
	return true
}

func (k *killedImport) wantFinished(what string) {
	k.h.t.Helper()
	if left := k.h.helperLists(k.source); len(left) > 0 {
		k.h.t.Fatalf("%s: the helper still has %q", what, left)
	}
	for _, l := range k.logins {
		if !k.has(l, "docker-credential-zen") {
			k.h.t.Fatalf("%s: zen has not the login for %s", what, l.host)
		}
	}
}
