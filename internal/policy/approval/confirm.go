package approval

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/clock"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/policy"
)

// How long things last.
const (
	maxWait = 2 * time.Minute // the longest that anybody waits for a person
	// before a client's deadline its request is given up, so that it hears why
	margin = 500 * time.Millisecond
	// a question that nobody waits for any more stays open, or its answer good, for this
	// long
	linger = 2 * time.Minute
	// a no answers the same question for this long: a client that is refused often asks again at
	// once
	refusalFor = 10 * time.Second
)

// maxOpen bounds the questions that are open at the same time.
const maxOpen = 64

// question is what a person is asked: one answer is for all requests with the same one.
type question struct {
	action   access.Action
	what     string // connector or login
	programs string
	dir      string
}

// request is a question that is open, or that was answered and whose answer still counts.
type request struct {
	id      string
	use     policy.Use
	action  access.Action
	pid     int
	asked   clock.Instant
	keep    time.Duration // for how long a yes counts; 0: for those who wait, or for the next who asks
	answer  Answer
	done    chan struct{}      // closed with the answer
	recall  context.CancelFunc // takes the question back from the desktop; nil: it is not there
	waiting int
	until   clock.Instant // when nobody waits: until then the question is open, or the answer good
}

// confirm waits until a person answered, or as long as the client does.
func (g *Gate) confirm(
	ctx context.Context,
	caller access.Caller,
	action access.Action,
	u policy.Use,
	keep time.Duration,
) error {
	q := question{action, u.What(), strings.Join(u.Programs, "\n"), u.Dir}
	g.mu.Lock()
	r, err := g.ask(q, caller, u, keep)
	if err != nil || r == nil {
		g.mu.Unlock()
		return err
	}
	r.waiting++
	g.mu.Unlock()

	wait := waitFor(ctx)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-r.done:
	case <-timer.C:
	case <-ctx.Done():
	}

	g.mu.Lock()
	defer g.mu.Unlock()
	r.waiting--
	switch r.answer {
	case Yes:
		return nil
	case No:
		return refused(u)
	}
	r.until = g.clock.Now().Add(linger)
	return credential.NewError(credential.Timeout,
		fmt.Sprintf("nobody allowed %s to use %s within %s", askerText(u), u.What(), wait.Round(time.Second)),
		"zen approve "+r.id+", then try again; ZEN_TIMEOUT=60s makes clients wait longer")
}

// ask opens a question, or finds it open. A nil request without an error is a yes that
// was given before.
func (g *Gate) ask(q question, caller access.Caller, u policy.Use, keep time.Duration) (*request, error) {
	now := g.clock.Now()
	g.expire(now)
	r := g.open[q]
	switch {
	case r == nil && len(g.open) >= maxOpen:
		return nil, credential.NewError(credential.RateLimited, "too many requests wait for somebody to "+
			"allow them", "zen approve")
	case r == nil:
		r = &request{
			id:     g.newID(),
			use:    u,
			action: q.action,
			pid:    caller.PID,
			asked:  now,
			keep:   keep,
			done:   make(chan struct{}),
		}
		g.open[q] = r
	case r.answer == No:
		return nil, refused(u)
	case r.answer == Yes:
		if r.keep == 0 {
			delete(g.open, q)
		}
		return nil, nil
	}
	if g.opt.Desktop != nil && r.recall == nil {
		g.putOnDesktop(r)
	}
	return r, nil
}

func refused(u policy.Use) error {
	return credential.NewError(credential.Denied, fmt.Sprintf("%s was not allowed to use "+
		"%s", askerText(u), u.What()),
		"whoever was asked said no; try again to be asked again")
}

func askerText(u policy.Use) string { return cmp.Or(u.Asker(), "an unknown program") }

// waitFor is how long a request may wait for a person, so that its client still hears
// what became of it.
func waitFor(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return maxWait
	}
	left := time.Until(deadline)
	return min(left-min(margin, left/4), maxWait)
}

// expire forgets the questions that nobody waits for any more, and the answers that do
// not count any more.
func (g *Gate) expire(now clock.Instant) {
	for q, r := range g.open {
		if (r.waiting == 0 || r.answer != NoAnswer) && now.Reached(r.until) {
			r.takeBack()
			delete(g.open, q)
		}
	}
}

func (r *request) takeBack() {
	if r.recall != nil {
		r.recall()
		r.recall = nil
	}
}

// newID makes a short name that is not in use.
func (g *Gate) newID() string {
	for {
		var b [3]byte
		rand.Read(b[:])
		id := strings.ToLower(base32.StdEncoding.EncodeToString(b[:])[:4])
		if !slices.ContainsFunc(g.requests(), func(r *request) bool { return r.id == id }) {
			return id
		}
	}
}

func (g *Gate) requests() (list []*request) {
	for _, r := range g.open {
		list = append(list, r)
	}
	return list
}

// putOnDesktop asks the person at the screen in the background.
func (g *Gate) putOnDesktop(r *request) {
	ctx, cancel := context.WithTimeout(g.ctx, maxWait+linger)
	r.recall = cancel
	view := r.view()
	g.desktop.Go(func() {
		defer cancel()
		answer := g.opt.Desktop.Ask(ctx, view)
		g.mu.Lock()
		defer g.mu.Unlock()
		r.recall = nil
		if answer != NoAnswer && slices.Contains(g.unanswered(), r) {
			g.settle(r, answer, access.Caller{}, "on the desktop")
		}
	})
}

// Pending are the questions that are open, the oldest first.
func (g *Gate) Pending() []api.Approval {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expire(g.clock.Now())
	list := []api.Approval{}
	for _, r := range g.unanswered() {
		list = append(list, r.view())
	}
	return list
}

func (g *Gate) unanswered() []*request {
	list := slices.DeleteFunc(g.requests(), func(r *request) bool { return r.answer != NoAnswer })
	slices.SortFunc(list, func(a, b *request) int {
		return cmp.Or(cmp.Compare(a.asked.Mono, b.asked.Mono), cmp.Compare(a.id, b.id))
	})
	return list
}

func (r *request) view() api.Approval {
	return api.Approval{
		ID: r.id, Asked: r.asked.Wall.UTC(), Action: string(r.action), Address: r.use.Address.String(),
		Connector: r.use.Connector,
		Asker:     r.use.Asker(), Programs: r.use.Programs, PID: r.pid, Dir: r.use.Dir,
		KeepSeconds: int(r.keep / time.Second), Waiting: r.waiting,
	}
}

// Answer answers one open question, or all of them. It returns what was answered.
func (g *Gate) Answer(
	_ context.Context,
	caller access.Caller,
	req api.AnswerApproval,
) (api.ApprovalList, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.expire(g.clock.Now())
	answer := Yes
	if req.Deny {
		answer = No
	}
	list := api.ApprovalList{Items: []api.Approval{}}
	for _, r := range g.unanswered() {
		if req.All || strings.EqualFold(r.id, req.ID) {
			list.Items = append(list.Items, r.view())
			g.settle(r, answer, caller, "")
		}
	}
	if len(list.Items) == 0 && !req.All {
		return list, credential.NewError(credential.NoSuchEntity, fmt.Sprintf("no request '%s' waits for "+
			"somebody to allow it", req.ID),
			"see which do: zen approve")
	}
	return list, nil
}

// settle gives the answer to those who wait, or keeps it for the next one. A yes that is
// for once is used up by those who wait.
func (g *Gate) settle(r *request, answer Answer, caller access.Caller, detail string) {
	now := g.clock.Now()
	r.answer = answer
	r.until = now.Add(r.lasts())
	close(r.done)
	r.takeBack()
	g.expire(now)
	if g.opt.Auditor != nil {
		action := access.Approve
		if answer == No {
			action = access.Deny
		}
		g.opt.Auditor.Record(
			caller,
			access.Subject{Action: action, Address: r.use.Address, Connector: r.use.Connector},
			nil,
			strings.TrimSpace(fmt.Sprintf("%s %s", askerText(r.use), detail)),
		)
	}
}

// lasts is for how long the answer counts for those who have not asked yet.
func (r *request) lasts() time.Duration {
	switch {
	case r.answer == No:
		return refusalFor
	case r.keep > 0:
		return r.keep
	case r.waiting > 0:
		return 0
	}
	return linger
}
