package approval

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/policy"
)

func TestYes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, confirmed(0))
		r.want(r.ask(docker("/src"), get("dev")), "ok")
		waiting := r.begin(docker("/src"), get("prod"))
		time.Sleep(5 * time.Second)
		q := r.only()
		if q.Asker != "/usr/bin/docker" || q.Connector != "prod" || q.Address != "ghcr.io" ||
			q.Dir != "/src" || q.PID != 42 ||
			q.Action != "get" ||
			q.Waiting != 1 ||
			len(q.Programs) != 3 ||
			!regexp.MustCompile(`^[a-z2-7]{4}$`).MatchString(q.ID) ||
			time.Since(q.Asked) != 5*time.Second {
			t.Errorf("the question is %+v", q)
		}
		r.answer(false)
		r.want(<-waiting, "ok")
		if got := r.audited(); len(got) != 1 || got[0] != "approve prod ghcr.io /usr/bin/docker zen" {
			t.Errorf("audit: %q", got)
		}
		// It was for once.
		waiting = r.begin(docker("/src"), get("prod"))
		r.answer(true)
		r.want(<-waiting, "denied: /usr/bin/docker was not allowed to use service connector 'prod'")
		if got := r.audited(); got[1] != "deny prod ghcr.io /usr/bin/docker zen" {
			t.Errorf("audit: %q", got)
		}
	})
}

// The helper is told before it gives up, and the answer that came too late is for the
// next try.
func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, confirmed(0))
		start := time.Now()
		err := r.Allow(deadline(t, helperTime), docker("/src"), get("prod"))
		if took := time.Since(start); took != helperTime-margin {
			t.Errorf("it took %v", took)
		}
		id := r.only().ID
		r.want(outcome(err), "timeout: nobody allowed /usr/bin/docker to use service connector 'prod' "+
			"within 10s")
		if hint := hintOf(err); hint != "zen approve "+id+", then try again; ZEN_TIMEOUT=60s makes "+
			"clients wait longer" {
			t.Errorf("hint: %s", hint)
		}
		time.Sleep(time.Minute)
		if q := r.only(); q.ID != id || q.Waiting != 0 {
			t.Errorf("after a minute: %+v", q)
		}
		r.answer(false)
		time.Sleep(time.Minute)
		r.want(r.ask(docker("/src"), get("prod")), "ok")
		r.want(r.ask(docker("/src"), get("prod")), "nobody allowed")
		time.Sleep(linger - 1)
		r.only()
		time.Sleep(time.Nanosecond)
		if list := r.Pending(); len(list) != 0 {
			t.Errorf("still open: %+v", list)
		}
	})
}

// deadline is a context that ends after d.
func deadline(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestWaitingFollowsTheClient(t *testing.T) {
	for limit, want := range map[time.Duration]time.Duration{
		helperTime: helperTime - margin, time.Minute: time.Minute - margin,
		time.Second: 750 * time.Millisecond, time.Hour: maxWait, 0: maxWait,
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, confirmed(0))
			ctx := t.Context()
			if limit > 0 {
				ctx = deadline(t, limit)
			}
			start := time.Now()
			r.want(outcome(r.Allow(ctx, docker("/src"), get("prod"))), "timeout")
			if took := time.Since(start); took != want {
				t.Errorf("a client with %v waited %v, want %v", limit, took, want)
			}
		})
	}
}

// An answer that is given in time for one who waits cannot be lost, whenever it comes.
func TestAnswerAtTheLastMoment(t *testing.T) {
	for _, early := range []time.Duration{1, 0} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, confirmed(0))
			waiting := r.begin(docker("/src"), get("prod"))
			time.Sleep(helperTime - margin - early)
			r.answer(false)
			first := <-waiting
			if first == "ok" {
				return
			}
			r.want(r.ask(docker("/src"), get("prod")), "ok")
		})
	}
}

func TestAYesThatIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, confirmed(10*time.Minute))
		waiting := r.begin(docker("/src"), get("prod"))
		if q := r.only(); q.KeepSeconds != 600 {
			t.Errorf("%+v", q)
		}
		r.answer(false)
		r.want(<-waiting, "ok")
		for range 3 {
			r.want(r.ask(docker("/src"), get("prod")), "ok")
		}
		time.Sleep(10*time.Minute - 1)
		r.want(r.ask(docker("/src"), get("prod")), "ok")
		time.Sleep(time.Nanosecond)
		r.want(r.ask(docker("/src"), get("prod")), "nobody allowed")
		r.answer(false)
		r.want(r.ask(docker("/src"), get("prod")), "ok")
		r.sleepLaptop(time.Hour) // it does not outlive a laptop's sleep
		r.want(r.ask(docker("/src"), get("prod")), "nobody allowed")
	})
}

// A yes is for the programs and the directory that it was asked for.
func TestAYesIsForTheQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, policy.Rule{Confirm: true, Keep: time.Hour})
		waiting := r.begin(docker("/src"), get("prod"))
		r.answer(false)
		r.want(<-waiting, "ok")
		other := docker("/src")
		other.Parents = func() []string { return []string{"/usr/bin/docker", "/tmp/evil"} }
		reveal := get("prod")
		reveal.Action = access.Reveal
		for name, f := range map[string]func() string{
			"directory": func() string { return r.ask(docker("/other"), get("prod")) },
			"connector": func() string { return r.ask(docker("/src"), get("dev")) },
			"login":     func() string { return r.ask(docker("/src"), get("")) },
			"parents":   func() string { return r.ask(other, get("prod")) },
			"action":    func() string { return r.ask(docker("/src"), reveal) },
		} {
			if got := f(); !strings.Contains(got, "nobody allowed") {
				t.Errorf("another %s: %s", name, got)
			}
		}
		r.want(r.ask(docker("/src"), get("prod")), "ok")
	})
}

// Clients that ask the same at the same time are one question; one answer lets all of
// them go on.
func TestManyClientsOneQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, confirmed(0))
		var waiting []<-chan string
		for range 50 {
			waiting = append(waiting, r.begin(docker("/src"), get("prod")))
		}
		if q := r.only(); q.Waiting != 50 {
			t.Errorf("%+v", q)
		}
		r.answer(false)
		for _, w := range waiting {
			r.want(<-w, "ok")
		}
		if list := r.Pending(); len(list) != 0 {
			t.Errorf("open: %+v", list)
		}
	})
}

// Who was refused and asks again at once is refused at once; a while later a person is
// asked again.
func TestNoLastsAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, confirmed(time.Hour))
		waiting := r.begin(docker("/src"), get("prod"))
		r.answer(true)
		r.want(<-waiting, "denied")
		start := time.Now()
		r.want(r.ask(docker("/src"), get("prod")), "was not allowed")
		if time.Since(start) != 0 {
			t.Error("it waited")
		}
		time.Sleep(refusalFor)
		waiting = r.begin(docker("/src"), get("prod"))
		r.answer(false)
		r.want(<-waiting, "ok")
	})
}

func TestAnswerByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, policy.Rule{Confirm: true})
		if _, err := r.Answer(t.Context(), access.Caller{},
			api.AnswerApproval{ID: "nope"}); !credential.NoSuchEntity.Is(
			err,
		) ||
			!strings.Contains(err.Error(), "'nope'") {
			t.Errorf("%v", err)
		}
		if list, err := r.Answer(t.Context(), access.Caller{}, api.AnswerApproval{All: true}); err != nil ||
			len(list.Items) != 0 {
			t.Errorf("all of none: %+v, %v", list, err)
		}
		var waiting []<-chan string
		for i := range 3 {
			waiting = append(waiting, r.begin(docker("/src"), get(fmt.Sprintf("c%d", i))))
			time.Sleep(time.Second)
		}
		list := r.Pending()
		if len(list) != 3 || list[0].Connector != "c0" || list[2].Connector != "c2" {
			t.Fatalf("%+v", list)
		}
		got, err := r.Answer(
			t.Context(),
			access.Caller{},
			api.AnswerApproval{ID: strings.ToUpper(list[1].ID)},
		)
		if err != nil || len(got.Items) != 1 || got.Items[0].Connector != "c1" {
			t.Errorf("%+v, %v", got, err)
		}
		r.want(<-waiting[1], "ok")
		if got, err := r.Answer(t.Context(), access.Caller{},
			api.AnswerApproval{All: true, Deny: true}); err != nil ||
			len(got.Items) != 2 {
			t.Errorf("%+v, %v", got, err)
		}
		r.want(<-waiting[0], "denied")
		r.want(<-waiting[2], "denied")
	})
}

func TestTooManyQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, policy.Rule{Confirm: true})
		for i := range maxOpen {
			r.begin(docker(fmt.Sprintf("/%d", i)), get("prod"))
		}
		r.want(r.ask(docker("/more"), get("prod")), "rate_limited: too many requests wait for somebody "+
			"to allow them")
		if n := len(r.Pending()); n != maxOpen {
			t.Errorf("%d are open", n)
		}
		time.Sleep(helperTime + linger)
		r.want(r.ask(docker("/more"), get("prod")), "nobody allowed")
	})
}

// Other rules: what was answered under the old ones does not count; who waits goes on.
func TestRulesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, confirmed(time.Hour))
		waiting := r.begin(docker("/src"), get("prod"))
		r.answer(false)
		r.want(<-waiting, "ok")
		r.SetRules([]policy.Rule{{Number: 1, Connector: "prod", Confirm: true, Keep: time.Hour}}) // the same
		r.want(r.ask(docker("/src"), get("prod")), "ok")
		r.SetRules([]policy.Rule{confirmed(2 * time.Hour)})
		waiting = r.begin(docker("/src"), get("prod"))
		r.SetRules(nil)
		r.answer(false)
		r.want(<-waiting, "ok")
		r.want(r.ask(docker("/src"), get("prod")), "ok")
	})
}

// Programs, rates, then a person: nobody is bothered for what is refused anyway.
func TestAPersonIsAskedLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(
			t,
			confirmed(time.Hour),
			policy.Rule{Executables: []string{"docker"}, Rate: policy.Rate{Count: 2, Per: time.Hour}},
		)
		evil := docker("/src")
		evil.Parents = func() []string { return []string{"/tmp/evil"} }
		r.want(r.ask(evil, get("prod")), "denied")
		waiting := r.begin(docker("/src"), get("prod"))
		r.answer(false)
		r.want(<-waiting, "ok")
		r.want(r.ask(docker("/src"), get("prod")), "ok")
		r.want(r.ask(docker("/elsewhere"), get("prod")), "rate_limited")
		if list := r.Pending(); len(list) != 0 {
			t.Errorf("open: %+v", list)
		}
	})
}

// screen is a desktop: it answers when it is told to.
type screen struct {
	asked  chan api.Approval
	answer chan Answer
	taken  chan struct{} // a question was taken back
}

func newScreen() screen {
	return screen{make(chan api.Approval, 10), make(chan Answer, 10), make(chan struct{}, 10)}
}

func (s screen) Ask(ctx context.Context, q api.Approval) Answer {
	s.asked <- q
	select {
	case a := <-s.answer:
		return a
	case <-ctx.Done():
		s.taken <- struct{}{}
		return NoAnswer
	}
}

func desktopRig(t *testing.T, s screen, rules ...policy.Rule) *rig {
	r := newRig(t, rules...)
	r.opt.Desktop = s
	return r
}

func TestDesktop(t *testing.T) {
	for answer, want := range map[Answer]string{Yes: "ok", No: "denied"} {
		synctest.Test(t, func(t *testing.T) {
			s := newScreen()
			r := desktopRig(t, s, confirmed(0))
			waiting := r.begin(docker("/src"), get("prod"))
			if q := <-s.asked; q.ID != r.only().ID || q.Asker != "/usr/bin/docker" {
				t.Errorf("%+v", q)
			}
			s.answer <- answer
			r.want(<-waiting, want)
			synctest.Wait()
			if got := r.audited(); len(got) != 1 || !strings.HasSuffix(got[0], "prod ghcr.io "+
				"/usr/bin/docker on the desktop") {
				t.Errorf("audit: %q", got)
			}
		})
	}
}

func TestDesktopAndTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen()
		r := desktopRig(t, s, confirmed(0))
		waiting := r.begin(docker("/src"), get("prod"))
		<-s.asked
		r.answer(false) // with zen approve
		r.want(<-waiting, "ok")
		<-s.taken

		waiting = r.begin(docker("/src"), get("prod"))
		<-s.asked
		s.answer <- NoAnswer // the notification was put away: the question stays open
		r.want(<-waiting, "nobody allowed")
		waiting = r.begin(docker("/src"), get("prod"))
		<-s.asked // it is shown again
		s.answer <- Yes
		r.want(<-waiting, "ok")

		r.want(r.ask(docker("/src"), get("prod")), "nobody allowed")
		<-s.asked
		time.Sleep(time.Minute)
		s.answer <- Yes // too late for the one who asked, but not for the next
		synctest.Wait()
		r.want(r.ask(docker("/src"), get("prod")), "ok")

		r.want(r.ask(docker("/src"), get("prod")), "nobody allowed")
		<-s.asked
		time.Sleep(linger)
		if list := r.Pending(); len(list) != 0 {
			t.Errorf("open: %+v", list)
		}
		<-s.taken // with the question that nobody waits for
	})
}

func TestCloseTakesQuestionsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen()
		r := desktopRig(t, s, confirmed(0))
		waiting := r.begin(docker("/src"), get("prod"))
		<-s.asked
		r.Close()
		<-s.taken
		r.want(<-waiting, "nobody allowed")
	})
}
