package approval

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/policy"
)

// helperTime is how long docker-credential-zen gives a call.
const helperTime = 10 * time.Second

// rig is a Gate, and those who ask it.
type rig struct {
	*Gate
	t     *testing.T
	shift time.Duration // of the wall clock

	mu    sync.Mutex
	audit []string
}

func newRig(t *testing.T, rules ...policy.Rule) *rig {
	r := &rig{t: t}
	r.Gate = New(Options{File: "/home/me/config.toml", Auditor: r, Wall: func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return time.Now().Add(r.shift)
	}})
	for i := range rules {
		rules[i].Number = i + 1
	}
	r.SetRules(rules)
	t.Cleanup(r.Close)
	return r
}

func (r *rig) Record(c access.Caller, s access.Subject, result error, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	who := ""
	if c.Exe != nil {
		who = c.Exe()
	}
	r.audit = append(
		r.audit,
		strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", s.Action, s.Connector, s.Address, detail, who)),
	)
}

func (r *rig) audited() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.audit
}

func (r *rig) sleepLaptop(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shift += d
}

// docker is a docker that works in a directory.
func docker(dir string) access.Caller {
	return access.Caller{
		PID: 42, Dir: dir, Exe: func() string { return "[docker-credenti]" },
		Parents: func() []string { return []string{"/usr/bin/docker", "/bin/bash"} },
	}
}

func get(connector string) access.Subject {
	a, _ := address.Parse("ghcr.io")
	return access.Subject{
		Action:    access.Get,
		Address:   a,
		Connector: connector,
		To:        access.Destination{Place: access.Client},
	}
}

// outcome is "ok", or the reason and the message.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return string(credential.ReasonOf(err)) + ": " + err.Error()
}

// hintOf is what an error tells to type.
func hintOf(err error) string {
	e, ok := errors.AsType[*credential.Error](err)
	if !ok {
		return ""
	}
	return e.Hint
}

// ask is a call of a client that waits as long as the helper does.
func (r *rig) ask(c access.Caller, s access.Subject) string {
	ctx, cancel := context.WithTimeout(context.Background(), helperTime)
	defer cancel()
	err := r.Allow(ctx, c, s)
	if ctx.Err() != nil {
		r.t.Errorf("the client went before it was told: %v", err)
	}
	return outcome(err)
}

// begin lets a client ask in the background.
func (r *rig) begin(c access.Caller, s access.Subject) <-chan string {
	done := make(chan string, 1)
	go func() { done <- r.ask(c, s) }()
	synctest.Wait()
	return done
}

func (r *rig) want(got, want string) {
	r.t.Helper()
	if got != want && (want == "ok" || !strings.Contains(got, want)) {
		r.t.Errorf("got %q, want %q", got, want)
	}
}

// only is the one open question.
func (r *rig) only() api.Approval {
	r.t.Helper()
	list := r.Pending()
	if len(list) != 1 {
		r.t.Fatalf("%d questions are open: %+v", len(list), list)
	}
	return list[0]
}

func (r *rig) answer(deny bool) {
	r.t.Helper()
	if _, err := r.Answer(r.t.Context(), access.Caller{Exe: func() string { return "zen" }},
		api.AnswerApproval{ID: r.only().ID, Deny: deny}); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
}

func confirmed(keep time.Duration) policy.Rule {
	return policy.Rule{Connector: "prod", Confirm: true, Keep: keep}
}

func TestWithoutRulesNothingIsLookedUp(t *testing.T) {
	g := New(Options{})
	defer g.Close()
	never := access.Caller{
		Exe:     func() string { panic("asked for the program") },
		Parents: func() []string { panic("asked for the parents") },
	}
	if err := g.Allow(t.Context(), never, get("prod")); err != nil {
		t.Error(err)
	}
	g.SetRules([]policy.Rule{{Connector: "other", Executables: []string{"x"}}})
	if err := g.Allow(t.Context(), never, get("prod")); err != nil {
		t.Error(err)
	}
}

// Rules bind whoever receives a secret. Whatever else happens to it is up to where it
// goes.
func TestOnlyReceiversAreRestricted(t *testing.T) {
	g := New(Options{})
	defer g.Close()
	g.SetRules([]policy.Rule{{Number: 1, Executables: []string{"podman"}}})
	for place, restricted := range map[access.Place]bool{
		access.Client: true, access.Screen: true, access.Registry: false, access.Program: false,
		access.Server: false, "": false,
	} {
		s := get("prod")
		s.To = access.Destination{Place: place}
		if err := g.Allow(t.Context(), docker("/src"), s); (err != nil) != restricted {
			t.Errorf("to %q: %v", place, err)
		}
	}
}

func TestRefusalSaysWhatToDo(t *testing.T) {
	r := newRig(t, policy.Rule{Connector: "prod", Executables: []string{"/usr/bin/podman"}})
	err := r.Allow(t.Context(), docker("/src"), get("prod"))
	r.want(outcome(err), "denied: service connector 'prod' is only for /usr/bin/podman, and not for "+
		"/usr/bin/docker")
	if hint := hintOf(err); hint != "if it should be, edit /home/me/config.toml" {
		t.Errorf("hint: %s", hint)
	}
}

// Links in rules and in working directories are followed on the real file system.
func TestLinks(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := os.Mkdir(real, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, policy.Rule{Directories: []string{link}})
	r.want(outcome(r.Allow(t.Context(), docker(real), get("prod"))), "ok")
	r.SetRules([]policy.Rule{{Directories: []string{real}}})
	r.want(outcome(r.Allow(t.Context(), docker(link), get("prod"))), "ok")
	r.want(outcome(r.Allow(t.Context(), docker(dir), get("prod"))), "denied")
	r.want(outcome(r.Allow(t.Context(), docker(filepath.Join(dir, "gone")), get("prod"))), "denied")
	gone := docker("")
	gone.Cwd = func() string { return real }
	r.want(outcome(r.Allow(t.Context(), gone, get("prod"))), "ok")
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, policy.Rule{Connector: "p*", Rate: policy.Rate{Count: 2, Per: time.Minute}})
		for range 2 {
			r.want(r.ask(docker("/src"), get("prod")), "ok")
		}
		err := r.Allow(t.Context(), docker("/src"), get("prod"))
		r.want(outcome(err), "rate_limited: service connector 'prod' was used too often: 2 times in 1m "+
			"is what rule 1 of the policy allows")
		if hint := hintOf(err); hint != "wait 30s and try again" {
			t.Errorf("hint: %s", hint)
		}
		r.want(r.ask(docker("/src"), get("pre")), "ok") // each connector has its own
		r.want(r.ask(docker("/src"), get("other")), "ok")
		time.Sleep(30*time.Second - 1)
		r.want(r.ask(docker("/src"), get("prod")), "rate_limited")
		time.Sleep(time.Nanosecond)
		r.want(r.ask(docker("/src"), get("prod")), "ok")
		r.sleepLaptop(time.Hour)
		for range 2 {
			r.want(r.ask(docker("/src"), get("prod")), "ok")
		}
		r.want(r.ask(docker("/src"), get("prod")), "rate_limited")
	})
}

// A zend that was restarted goes on counting where the one before ended.
func TestRatesAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		entry := func(ago time.Duration, connector, result string) api.AuditEntry {
			return api.AuditEntry{
				Time:      start.Add(-ago),
				Action:    "get",
				Address:   "ghcr.io",
				Connector: connector,
				Result:    result,
			}
		}
		past := []api.AuditEntry{
			entry(
				2*time.Hour,
				"prod",
				"ok",
			), entry(3*time.Minute, "other", "ok"), entry(2*time.Minute, "prod", "rate_limited"),
			entry(
				time.Minute,
				"prod",
				"ok",
			), entry(time.Minute, "dev", "unreachable"), entry(time.Minute, "dev", "denied"),
		}
		for range 100 { // under another rule
			past = append(past, entry(time.Second, "busy", "ok"))
		}
		g := New(Options{Past: func(since time.Time, f func(api.AuditEntry)) error {
			for _, e := range past {
				if e.Time.After(since) {
					f(e)
				}
			}
			return nil
		}})
		defer g.Close()
		rules := []policy.Rule{{Number: 1, Rate: policy.Rate{Count: 2, Per: time.Hour}}}
		g.SetRules(nil)
		g.Refuse(errors.New("broken"))
		if err := g.Allow(t.Context(), docker("/src"), get("prod")); !credential.Denied.Is(err) ||
			hintOf(err) == "" {
			t.Errorf("the rules are not known: %v", err)
		}
		g.SetRules(rules)
		for connector, want := range map[string]int{"prod": 1, "dev": 1, "busy": 0, "new": 2} {
			for n := range 3 {
				err := g.Allow(t.Context(), docker("/src"), get(connector))
				if (err == nil) != (n < want) || err != nil && !credential.RateLimited.Is(err) {
					t.Errorf("%s, use %d: %v", connector, n+1, err)
				}
			}
		}
		time.Sleep(31 * time.Minute)
		if err := g.Allow(t.Context(), docker("/src"), get("busy")); err != nil {
			t.Errorf("after half an hour: %v", err)
		}
	})
}

// A use that one rate refuses does not count for the others.
func TestRatesAreTakenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(
			t,
			policy.Rule{Rate: policy.Rate{Count: 3, Per: time.Hour}},
			policy.Rule{Rate: policy.Rate{Count: 1, Per: time.Minute}},
		)
		r.want(r.ask(docker("/src"), get("prod")), "ok")
		for range 10 {
			r.want(r.ask(docker("/src"), get("prod")), "1 times in 1m is what rule 2")
		}
		for range 2 {
			time.Sleep(time.Minute)
			r.want(r.ask(docker("/src"), get("prod")), "ok")
		}
		time.Sleep(time.Minute)
		r.want(r.ask(docker("/src"), get("prod")), "3 times in 1h is what rule 1")
	})
}

// What is remembered about rates stays bounded.
func TestBucketsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, policy.Rule{Rate: policy.Rate{Count: 1, Per: time.Second}})
		for i := range 3 * maxBuckets {
			r.want(r.ask(docker("/src"), get(fmt.Sprintf("c%d", i))), "ok")
			time.Sleep(10 * time.Millisecond)
		}
		if n := len(r.buckets); n > maxBuckets+100 {
			t.Errorf("%d buckets", n)
		}
	})
}

func TestExplain(t *testing.T) {
	r := newRig(
		t,
		confirmed(0),
		policy.Rule{Connector: "dev", Confirm: true},
		policy.Rule{Executables: []string{"docker"}},
	)
	got := strings.Join(r.Explain(get("prod")), "\n")
	if got != "rule 1 of the policy: a person is asked each time\nrule 3 of the policy: only for docker" {
		t.Errorf("%s", got)
	}
}
