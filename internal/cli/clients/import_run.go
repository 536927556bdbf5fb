package clients

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
)

// verifications bounds how many registries are asked at a time.
const verifications = 4

// importJob is one import under way.
type importJob struct {
	app     *Commands
	env     clientconfig.Env
	options importOptions
	rows    []*importRow
	zend    zendClient

	existing map[string]api.Login     // by address: what zen had before
	moved    map[string]*logins.Login // by address: what was stored
	down     error                    // why nothing can be stored any more
	// by client: why its logins must stay in their files; nil if they need not
	ready   map[string]error
	reports []*clientconfig.Report // of the clients that were pointed at zen
}

// movable reports whether there is anything to do.
func (j *importJob) movable() bool {
	return slices.ContainsFunc(
		j.rows,
		func(r *importRow) bool { return r.pending() || r.status == importDropped },
	)
}

// failed reports whether anything was not done that was asked for.
func (j *importJob) failed() bool {
	return slices.ContainsFunc(j.rows, func(r *importRow) bool {
		return r.status == importFailed || r.status == importConflict || r.unfinished
	})
}

// plan compares what was found with what zen has. Helpers are not asked for secrets yet.
func (j *importJob) plan(ctx context.Context) (err error) {
	if j.existing, err = j.zend.logins(ctx); err != nil {
		return err
	}
	first := map[string]*logins.Login{}
	for _, r := range j.rows {
		if !r.pending() {
			continue
		}
		at := r.login.Address.String()
		switch _, ok := j.existing[at]; {
		case ok && r.login.Secret.IsEmpty():
			r.status = importCompare
		case ok:
			j.compare(ctx, r)
		case first[at] == nil:
			first[at] = r.login
		case r.login.Secret.IsEmpty() || first[at].Secret.IsEmpty() || !r.login.Same(first[at]):
			r.detail = "only if that of " + j.app.tilde(first[at].Place()) + " cannot be imported, or is " +
				"the same"
		}
	}
	return context.Cause(ctx)
}

// compare finds out whether zen has the row's login already, or another one for the same
// registry.
func (j *importJob) compare(ctx context.Context, r *importRow) {
	r.status, r.detail, r.hint = importPlanned, "", ""
	login := j.existing[r.login.Address.String()]
	have, err := j.zend.get(ctx, r.login.ServerURL)
	defer have.Secret.Wipe()
	switch {
	case err == nil && have.Username == r.login.Username && have.Secret.Equal(r.login.Secret):
		r.status = importSame
	case r.login.Narrow():
		if _, ok := j.existing[r.login.Address.String()]; ok {
			j.compare(ctx, r)
		}
	case j.options.prefer == preferSource:
		r.detail = "in place of zen's login by " + ui.AnsweredBy(login)
	case err != nil:
		r.status = importConflict
		r.note(ui.Prefixed(err, "zen has a login by %s, which fails: ", ui.AnsweredBy(login)))
	default:
		r.conflict("zen has another login for this registry, by "+ui.AnsweredBy(login), j.options.prefer)
	}
}

func (r *importRow) conflict(message, prefer string) {
	r.detail = message
	if prefer == preferZen {
		r.status = importDropped
		return
	}
	r.status, r.hint = importConflict, "choose one of the two logins: zen import --prefer zen, or "+
		"--prefer source"
}

// run imports. What fails ends with its row; the rows say what became of it all.
func (j *importJob) run(ctx context.Context) {
	j.fetch(ctx)
	pending := len(slices.DeleteFunc(slices.Clone(j.rows), func(r *importRow) bool { return !r.pending() }))
	stop := func() {}
	if pending > 0 {
		stop = j.app.Busy(ctx, "Importing %s...", ui.Count(pending, "login"))
	}
	reports := j.verify(ctx)
	j.moved = map[string]*logins.Login{}
	for _, r := range j.rows {
		if r.status == importPlanned && ctx.Err() == nil {
			j.move(ctx, r, reports[r])
		}
	}
	j.takeOut(ctx)
	j.noteEnds(ctx)
	stop()
}

// noteEnds tells of a time limit that the user's settings put on what is stored.
func (j *importJob) noteEnds(ctx context.Context) {
	now, err := j.zend.logins(ctx)
	if err != nil {
		return // every row has its result by now
	}
	for _, r := range j.rows {
		if r.status != importDone {
			continue
		}
		if until := now[r.login.Address.String()].Until; until != nil {
			r.detail = strings.TrimPrefix(
				r.detail+"\nends in "+ui.Span(
					until.Sub(j.app.now()).Round(time.Second),
				)+" (login_ttl in config.toml)",
				"\n",
			)
		}
	}
}

// fetch gets the secrets that helpers keep, and compares them with zen's. A helper may
// ask for a passphrase on the terminal, so nothing turns there meanwhile.
func (j *importJob) fetch(ctx context.Context) {
	var list []*logins.Login
	var programs []string
	for _, r := range j.rows {
		if !r.pending() {
			continue
		}
		list = append(list, r.login)
		if program := r.login.Helper; program != "" && !slices.Contains(programs, program) {
			programs = append(programs, program)
		}
	}
	if len(programs) > 0 {
		j.app.Say("Asking %s...", strings.Join(programs, ", "))
	}
	logins.Fetch(ctx, list)
	j.rows = slices.DeleteFunc(j.rows, func(r *importRow) bool { return r.login != nil && r.login.Absent })
	for _, r := range j.rows {
		switch {
		case !r.pending() || ctx.Err() != nil:
		case r.login.Problem != nil:
			r.fail(r.login.Problem)
		case r.status == importCompare:
			j.compare(ctx, r)
		}
	}
}

// verify asks the registries about what is to be stored, each login once wherever it was
// found: some registries lock an account after a few wrong passwords.
func (j *importJob) verify(ctx context.Context) map[*importRow]*checked {
	verdicts := map[*importRow]*checked{}
	if j.options.noVerify {
		return verdicts
	}
	var distinct []*importRow
	for _, r := range j.rows {
		if r.status != importPlanned {
			continue
		}
		i := slices.IndexFunc(distinct, func(o *importRow) bool {
			return o.login.ServerURL == r.login.ServerURL && o.login.Same(r.login)
		})
		if i >= 0 {
			verdicts[r] = verdicts[distinct[i]]
			continue
		}
		verdicts[r] = &checked{}
		distinct = append(distinct, r)
	}
	var running sync.WaitGroup
	slots := make(chan struct{}, verifications)
	for _, r := range distinct {
		v := verdicts[r]
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			v.report, v.err = j.zend.verify(ctx, r.login.ServerURL, credentialOf(r.login))
		})
	}
	running.Wait()
	return verdicts
}

// checked is what a registry said.
type checked struct {
	report api.CredentialReport
	err    error
}

func credentialOf(l *logins.Login) credential.Credential {
	return credential.Credential{Username: l.Username, Secret: l.Secret}
}

// move stores one login and reads it back.
func (j *importJob) move(ctx context.Context, r *importRow, v *checked) {
	at := r.login.Address.String()
	if first := j.moved[at]; first != nil {
		if r.detail = ""; first.Same(r.login) {
			r.status = importSame
			return
		}
		r.conflict("the login of "+j.app.tilde(first.Place())+" for this registry was "+
			"imported", j.options.prefer)
		if r.status == importConflict {
			r.hint = "let zen keep that one: zen import --prefer zen"
		}
		return
	}
	if !r.accepted(v) {
		return
	}
	if j.down != nil {
		r.fail(j.down)
		return
	}
	if err := j.storeAndCheck(ctx, r.login); err != nil {
		r.fail(err)
		if isDown(err) {
			j.down = err
		}
		return
	}
	r.status, j.moved[at] = importDone, r.login
}

// accepted judges what the registry said. One that cannot be reached says nothing against
// a login.
func (r *importRow) accepted(v *checked) bool {
	r.verification = api.VerificationSkipped
	if v == nil {
		return true
	}
	if v.err != nil {
		r.fail(v.err)
		return false
	}
	r.verification = v.report.Verification
	if v.report.Verification == api.VerificationRejected {
		r.status, r.detail = importFailed, v.report.Detail
		if r.hint = v.report.Hint; r.hint == "" {
			r.hint = "log in again: docker login " + r.login.Address.Host() + ", or import it all the " +
				"same: zen import --no-verify"
		}
		return false
	}
	if v.report.Detail != "" {
		r.detail = v.report.Detail
	}
	return true
}

// storeAndCheck is done when zen gives the very login to who asks for it.
func (j *importJob) storeAndCheck(ctx context.Context, l *logins.Login) error {
	cred := credentialOf(l)
	if err := j.zend.store(ctx, l.ServerURL, cred); err != nil {
		return err
	}
	have, err := j.zend.get(ctx, l.ServerURL)
	defer have.Secret.Wipe()
	if err == nil && (have.Username != cred.Username || !have.Secret.Equal(cred.Secret)) {
		err = credential.NewError(credential.Internal, "zen stored it, and gives another login when it "+
			"is asked", "zen why "+l.Address.String())
	}
	return err
}

// isDown reports whether an error of zend's means that the next call would only fail the
// same way, perhaps after minutes.
func isDown(err error) bool {
	return slices.ContainsFunc([]credential.Reason{
		credential.Locked, credential.KeyringUnavailable, credential.KeyringRefused, credential.KeyLost,
		credential.VaultDamaged,
		credential.VaultTooNew, credential.VaultBusy, credential.CannotWrite, credential.Unavailable,
		credential.ForeignPeer, credential.Timeout,
	}, func(r credential.Reason) bool { return r.Is(err) })
}

// sayAfter tells what else was changed, and what is left to do.
func (j *importJob) sayAfter(ctx context.Context) {
	if slices.ContainsFunc(j.rows, func(r *importRow) bool { return r.held() && r.removed }) {
		j.warnOfEnd(ctx)
	}
	for _, r := range j.reports {
		j.app.sayApplied(r, setupOptions{})
	}
	for _, r := range j.rows {
		if r.held() && (r.login.Helper != "" || r.login.Client == "docker") && !r.unfinished {
			j.app.HintSetup(r.login.ServerURL, "")
			return
		}
	}
}

// warnOfEnd tells of a vault that does not outlast the machine's next boot: what left its
// file is gone then.
func (j *importJob) warnOfEnd(ctx context.Context) {
	vault, err := zend.Ask[api.VaultStatus](
		ctx,
		j.zend.Caller,
		api.MethodVaultStatus,
		api.Empty{},
		nil,
		zend.Glance,
	)
	lasts := func(s api.VaultSlot) bool { return s.Kind != "session" && s.Kind != "memory" }
	if err != nil || len(vault.Slots) == 0 || slices.ContainsFunc(vault.Slots, lasts) {
		return
	}
	j.app.Warn("the vault's key does not outlast the next boot, and what was imported is gone with "+
		"it", "keep it: zen vault passphrase")
}

// suffixOf is the name by which configurations call a helper.
func suffixOf(program string) string { return strings.TrimPrefix(program, "docker-credential-") }
