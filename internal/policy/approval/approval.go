package approval

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/clock"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/policy"
)

// Answer is what a person said to a question on the desktop.
type Answer int

// The answers.
const (
	NoAnswer Answer = iota // nobody was there, or the question was put away: it stays open
	Yes
	No
)

// Desktop asks a person on the desktop. Ask returns when they answered, when ctx ends, or
// at once when nobody can be asked.
type Desktop interface {
	Ask(ctx context.Context, question api.Approval) Answer
}

// Auditor records what people answered.
type Auditor interface {
	Record(caller access.Caller, subject access.Subject, result error, detail string)
}

// Options are what a Gate works with; all may be left out.
type Options struct {
	File    string           // where the rules are written, for hints
	Desktop Desktop          // nil: zen approve only
	Auditor Auditor          // nil: answers are not recorded
	Wall    func() time.Time // the wall clock; nil: time.Now

	// Past tells what was used since a moment, oldest first: zend that was restarted has
	// counted nothing. It may be nil.
	Past func(since time.Time, f func(api.AuditEntry)) error

	Log *slog.Logger
}

// Gate applies the rules. It is safe for concurrent use. Use New.
type Gate struct {
	opt     Options
	clock   clock.Clock
	ctx     context.Context // of questions on the desktop
	cancel  context.CancelFunc
	desktop sync.WaitGroup

	mu      sync.Mutex
	rules   []policy.Rule
	known   bool              // rules were set
	unknown *credential.Error // what everybody gets while the rules are not known
	buckets map[bucketKey]*policy.Bucket
	open    map[question]*request
}

type bucketKey struct {
	rule int
	what string
}

// maxBuckets bounds what is remembered about rates; full ones, which remember nothing,
// are dropped then.
const maxBuckets = 1024

// New returns a Gate without rules, which lets everything through.
func New(opt Options) *Gate {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gate{
		opt:     opt,
		clock:   clock.New(opt.Wall),
		buckets: make(map[bucketKey]*policy.Bucket),
		open:    make(map[question]*request),
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g
}

// Close takes back the questions on the desktop.
func (g *Gate) Close() {
	g.cancel()
	g.desktop.Wait()
}

// Refuse refuses everything that rules could forbid, until SetRules: the rules cannot be
// read, which is what why says.
func (g *Gate) Refuse(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known = false
	g.unknown = &credential.Error{
		Reason: credential.Denied, Message: "zen cannot read its rules, and hands out nothing until it " +
			"can: " + why.Error(),
		Hint: "edit " + g.opt.File + ", then check it: zen doctor settings", Cause: why,
	}
}

// Refusal is what everybody gets while the rules are not known; nil: they are.
func (g *Gate) Refusal() *credential.Error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.unknown
}

// SetRules replaces the rules, unless they are the same. What was counted and answered
// under the old ones is forgotten; a request that waits goes on waiting.
func (g *Gate) SetRules(rules []policy.Rule) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unknown = nil
	if reflect.DeepEqual(g.rules, rules) {
		g.known = true
		return
	}
	g.rules = slices.Clone(rules)
	clear(g.buckets)
	if !g.known {
		g.recall()
	}
	g.known = true
	for q, r := range g.open {
		if r.answer != NoAnswer {
			delete(g.open, q)
		}
	}
}

// Rules are the rules that hold.
func (g *Gate) Rules() []policy.Rule {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rules
}

// Explain says what the rules ask of whoever wants to use what the subject is about.
func (g *Gate) Explain(s access.Subject) []string {
	if unknown := g.Refusal(); unknown != nil {
		return []string{unknown.Message}
	}
	var texts []string
	for _, r := range policy.About(g.Rules(),
		policy.Use{Connector: s.Connector, Address: s.Address, Login: s.Login}) {
		texts = append(texts, r.Text())
	}
	return texts
}

// Rename refuses to rename a service connector when the rules would not ask the same of
// it afterwards: they know connectors by name.
func (g *Gate) Rename(from, to string) error {
	if unknown := g.Refusal(); unknown != nil {
		return unknown
	}
	if r, ok := policy.LostByName(g.Rules(), from, to); ok {
		return credential.NewError(credential.Denied,
			fmt.Sprintf("rule %d of the policy is about service connector '%s', and would not be about "+
				"'%s'", r.Number, from, to),
			fmt.Sprintf("edit %s: add a copy of the rule with connector = %q, then rename it "+
				"again", g.opt.File, to))
	}
	return nil
}

// Allow refuses, or lets through, a client that is about to get a secret; it may take until a
// person answered. Everything else that a caller can do hands it nothing: where a secret
// goes to a registry, a program or a server, the destination decides.
func (g *Gate) Allow(ctx context.Context, caller access.Caller, s access.Subject) error {
	if !s.To.Receives() {
		return nil
	}
	if unknown := g.Refusal(); unknown != nil {
		return unknown
	}
	u := policy.Use{Connector: s.Connector, Address: s.Address, Login: s.Login}
	rules := policy.About(g.Rules(), u)
	if len(rules) == 0 {
		return nil
	}
	u.Programs, u.Dir = programs(caller), caller.WorkDir()
	d := policy.Decide(rules, u, follow)
	if d.Refusal != nil {
		d.Refusal.Hint = g.editHint()
		return d.Refusal
	}
	if err := g.count(u, d.Rates); err != nil {
		return err
	}
	if !d.Confirm {
		return nil
	}
	return g.confirm(ctx, caller, s.Action, u, d.Keep)
}

// handsOut reports whether an action of the audit log is one that rules are about.
func handsOut(a access.Action) bool { return a == access.Get || a == access.Reveal }

func (g *Gate) editHint() string {
	if g.opt.File == "" {
		return ""
	}
	return "if it should be, edit " + g.opt.File
}

// programs are the caller's, nearest first.
func programs(c access.Caller) (list []string) {
	if c.Exe != nil {
		list = append(list, c.Exe())
	}
	if c.Parents != nil {
		list = append(list, c.Parents()...)
	}
	return list
}

// follow is where a path leads.
func follow(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// count takes one use from every rate, or none from any and says when there is one again.
func (g *Gate) count(u policy.Use, limits []policy.Limit) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock.Now()
	var buckets []*policy.Bucket
	for _, l := range limits {
		b := g.bucket(bucketKey{l.Rule, u.What()}, l.Rate, now)
		if wait := b.Wait(now); wait > 0 {
			return credential.NewError(credential.RateLimited, fmt.Sprintf("%s was used too often: %s is "+
				"what rule %d of the policy allows",
				u.What(), l.Rate, l.Rule), "wait "+seconds(wait)+" and try again")
		}
		buckets = append(buckets, b)
	}
	for _, b := range buckets {
		b.Take(now)
	}
	return nil
}

// recall counts what the zend before handed out. What more was used than a rate allows,
// under another rule, counts for nothing.
func (g *Gate) recall() {
	longest := time.Duration(0)
	for _, r := range g.rules {
		longest = max(longest, r.Rate.Per)
	}
	if longest == 0 || g.opt.Past == nil {
		return
	}
	now := g.clock.Now()
	last := now.Add(-longest)
	err := g.opt.Past(last.Wall, func(e api.AuditEntry) {
		result := credential.Reason(e.Result)
		if !handsOut(access.Action(e.Action)) || result == credential.Denied ||
			result == credential.RateLimited {
			return
		}
		a, _ := address.Parse(e.Address) // none for a connector that is for several
		u := policy.Use{Connector: e.Connector, Address: a, Login: a}
		// a clock that was set back makes none of them earlier
		if at := now.Add(-max(0, now.Wall.Sub(e.Time))); at.Reached(last) {
			last = at
		}
		for _, r := range policy.About(g.rules, u) {
			if r.Rate.Count == 0 {
				continue
			}
			if b := g.bucket(bucketKey{r.Number, u.What()}, r.Rate, last); b.Wait(last) == 0 {
				b.Take(last)
			}
		}
	})
	if err != nil {
		g.opt.Log.Warn("Cannot count what was used before the start", "error", err)
	}
}

func (g *Gate) bucket(key bucketKey, rate policy.Rate, now clock.Instant) *policy.Bucket {
	if b := g.buckets[key]; b != nil {
		return b
	}
	if len(g.buckets) >= maxBuckets {
		for k, b := range g.buckets {
			if b.Full(now) {
				delete(g.buckets, k)
			}
		}
	}
	b := &policy.Bucket{Rate: rate}
	g.buckets[key] = b
	return b
}

// seconds rounds up: waiting that long is long enough.
func seconds(d time.Duration) string { return (d + time.Second - 1).Truncate(time.Second).String() }
