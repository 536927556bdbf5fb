package clients

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/adopt"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
)

// importJob is one import under way.
type importJob struct {
	app     *Commands
	env     clientconfig.Env
	options importOptions
	rows    []*importRow
	zend    *zendClient
	adopter *adopt.Adopter

	// by client: why its logins must stay in their files; nil if they need not
	ready   map[string]error
	reports []*clientconfig.Report // of the clients that were pointed at zen
}

func (a *Commands) newImport(env clientconfig.Env, o importOptions) *importJob {
	zend := &zendClient{}
	rule := map[string]adopt.Rule{
		"": adopt.KeepBoth, preferZen: adopt.KeepZen, preferSource: adopt.KeepFound,
	}
	return &importJob{
		app: a, env: env, options: o, rows: []*importRow{}, zend: zend, ready: map[string]error{},
		adopter: &adopt.Adopter{
			Zen: zend, Rule: rule[o.prefer], NoVerify: o.noVerify, State: env.State, Now: a.now,
			Show: a.tilde,
		},
	}
}

func (j *importJob) add(l *logins.Login, state adopt.State, profile string) {
	r := &importRow{Item: adopt.Item{Login: l, State: state, Profile: profile}}
	if l.Problem != nil {
		r.Fail(l.Problem)
	}
	j.rows = append(j.rows, r)
}

func (j *importJob) connect(ctx context.Context) (err error) {
	if j.zend.Caller, err = j.app.zend(true); err != nil {
		return err
	}
	return j.zend.load(ctx)
}

// movable reports whether there is anything to do.
func (j *importJob) movable() bool {
	return slices.ContainsFunc(j.rows, func(r *importRow) bool {
		return r.Pending() || r.State == adopt.Dropped
	})
}

// plan compares what was found with what zen has. Helpers are not asked for secrets yet.
func (j *importJob) plan(ctx context.Context) error {
	type target struct{ profile, address string }
	first := map[target]*logins.Login{}
	for _, r := range j.rows {
		l := r.Login
		if !r.Pending() {
			continue
		}
		if _, has := j.zend.login(r.Profile, l.Address); has && l.Secret.IsEmpty() {
			r.State = adopt.Comparing
			continue
		} else if has {
			j.adopter.Compare(ctx, &r.Item)
		}
		at := target{r.Profile, l.Address.String()}
		switch {
		case r.State != adopt.Planned || r.Remark != "":
		case first[at] == nil:
			first[at] = l
		case l.Secret.IsEmpty() || first[at].Secret.IsEmpty() || !l.Same(first[at]):
			r.Remark = "only if that of " + j.app.tilde(first[at].Place()) + " cannot be imported, or is " +
				"the same"
		}
	}
	return context.Cause(ctx)
}

// run imports. What fails ends with its row; the rows say what became of it all.
func (j *importJob) run(ctx context.Context) {
	j.fetch(ctx)
	var pending []*adopt.Item
	for _, r := range j.rows {
		if r.Pending() {
			pending = append(pending, &r.Item)
		}
	}
	stop := func() {}
	if len(pending) > 0 {
		stop = j.app.Busy(ctx, "Importing %s...", ui.Count(len(pending), "login"))
	}
	j.adopter.Check(ctx, pending)
	for _, it := range pending {
		if ctx.Err() == nil {
			j.adopter.Take(ctx, it)
		}
	}
	j.takeOut(ctx)
	j.noteEnds(ctx)
	stop()
}

// noteEnds tells of a time limit that the user's settings put on what is stored.
func (j *importJob) noteEnds(ctx context.Context) {
	if j.zend.load(ctx) != nil {
		return // every row has its result by now
	}
	for _, r := range j.rows {
		if r.State != adopt.Done {
			continue
		}
		if now, ok := j.zend.login(r.Profile, r.Login.Address); ok && now.Until != nil {
			left := ui.Span(now.Until.Sub(j.app.now()).Round(time.Second))
			r.Remark = strings.TrimPrefix(r.Remark+"\nends in "+left+" (login_ttl in config.toml)", "\n")
		}
	}
}

// fetch gets the secrets that helpers keep, and compares them with zen's. A helper may
// ask for a passphrase on the terminal, so nothing turns there meanwhile.
func (j *importJob) fetch(ctx context.Context) {
	var list []*logins.Login
	var programs []string
	for _, r := range j.rows {
		if !r.Pending() {
			continue
		}
		list = append(list, r.Login)
		if program := r.Login.Helper; program != "" && !slices.Contains(programs, program) {
			programs = append(programs, program)
		}
	}
	if len(programs) > 0 {
		j.app.Say("Asking %s...", strings.Join(programs, ", "))
	}
	logins.Fetch(ctx, list)
	j.rows = slices.DeleteFunc(j.rows, func(r *importRow) bool { return r.Login.Absent })
	for _, r := range j.rows {
		switch {
		case !r.Pending() || ctx.Err() != nil:
		case r.Login.Problem != nil:
			r.Fail(r.Login.Problem)
		case r.State == adopt.Comparing:
			j.adopter.Compare(ctx, &r.Item)
		}
	}
}

// sayAfter tells what else was changed, and what is left to do.
func (j *importJob) sayAfter(ctx context.Context) {
	if slices.ContainsFunc(j.rows, func(r *importRow) bool { return r.Held() && r.Removed }) {
		j.warnOfEnd(ctx)
	}
	for _, r := range j.reports {
		j.app.sayApplied(r, setupOptions{})
	}
	for _, r := range j.rows {
		if r.Held() && (r.Login.Helper != "" || r.Login.Client == "docker") && !r.unfinished {
			j.app.HintSetup(r.Login.ServerURL, "")
			return
		}
	}
}

// warnOfEnd tells of a vault that does not outlast the machine's next boot: what left its
// file is gone then.
func (j *importJob) warnOfEnd(ctx context.Context) {
	vault, err := zend.Ask[api.VaultStatus](ctx, j.zend.Caller, api.MethodVaultStatus, api.Empty{}, nil,
		zend.Glance)
	lasts := func(s api.VaultSlot) bool { return s.Kind != "session" && s.Kind != "memory" }
	if err != nil || len(vault.Slots) == 0 || slices.ContainsFunc(vault.Slots, lasts) {
		return
	}
	j.app.Warn("the vault's key does not outlast the next boot, and what was imported is gone with "+
		"it", "keep it: zen vault passphrase")
}
