package clients

import (
	"context"
	"slices"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
)

// takeOut removes from their old places what zen has by now. It is remembered first, for
// --undo.
func (j *importJob) takeOut(ctx context.Context) {
	j.ready = map[string]error{}
	byFile := map[string][]*importRow{}
	var files []string
	for _, r := range j.rows {
		switch {
		case !r.held() || ctx.Err() != nil:
		case r.login.Helper != "":
			j.erase(ctx, r)
		case j.mayLeave(ctx, r):
			if byFile[r.login.File] == nil {
				files = append(files, r.login.File)
			}
			byFile[r.login.File] = append(byFile[r.login.File], r)
		}
	}
	for _, file := range files {
		j.scrub(ctx, file, byFile[file])
	}
}

// stay says why a login is still in its old place.
func (r *importRow) stay(err error) {
	r.note(err)
	r.detail = "still in its old place: " + r.detail
}

// mayLeave reports whether nobody needs the file for this login any more.
func (j *importJob) mayLeave(ctx context.Context, r *importRow) bool {
	client := r.login.Client
	if client == "" {
		return true // a leftover
	}
	err, known := j.ready[client]
	if !known {
		err = j.makeReady(ctx, client)
		j.ready[client] = err
	}
	if err == nil && client == "docker" {
		err = j.dockerLeaves(r.login)
	}
	if err != nil {
		r.unfinished = !j.options.noSetup
		r.stay(err)
	}
	return err == nil
}

// dockerLeaves returns an error when docker takes a registry's login from its file,
// whatever it does for others.
func (j *importJob) dockerLeaves(l *logins.Login) error {
	use, err := j.env.Docker(l.Address)
	if err == nil && use.Helper == "" {
		err = credential.NewError(
			credential.InUse,
			"docker takes it from "+use.File+" (credHelpers)",
			"zen setup docker --host "+l.Address.Host(),
		)
	}
	return err
}

// makeReady points a client at zen, unless it asks zen already or has no use for its
// file.
func (j *importJob) makeReady(ctx context.Context, client string) error {
	needed, err := j.needsSetup(ctx, client)
	if w, missing := j.env.HelperMissing(); err == nil && missing {
		err = credential.NewError(credential.Unavailable, w.Message, w.Hint)
	}
	if err != nil || !needed {
		return err
	}
	if j.options.noSetup {
		return credential.NewError(
			credential.InUse,
			client+" does not ask zen yet",
			"zen setup "+client+", then: zen import",
		)
	}
	mine := func(r *importRow) bool {
		return r.login != nil &&
			configured(r.login.Client) == configured(client)
	}
	var hosts []string
	if slices.ContainsFunc(
		j.rows,
		func(r *importRow) bool { return mine(r) && !r.held() && !r.login.Useless },
	) {
		hosts = j.hosts(mine) // the others are still needed
	}
	return j.setUp(ctx, client, hosts)
}

// configured is the client whose configuration says which helper another one asks.
func configured(client string) string {
	if client == "regctl" {
		return "docker"
	}
	return client
}

func (j *importJob) setUp(ctx context.Context, client string, hosts []string) error {
	reports, err := j.env.Apply(ctx, client, clientconfig.Options{Hosts: hosts})
	for _, r := range reports {
		if r.Changed {
			j.reports = append(j.reports, r)
		}
	}
	return err
}

// hosts are the registries of the rows that zen has, as zen setup takes them.
func (j *importJob) hosts(which func(*importRow) bool) (hosts []string) {
	for _, r := range j.rows {
		if !r.held() || !which(r) || r.login.Address.IsHubToken() {
			continue
		}
		if host := r.login.Address.Host(); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// needsSetup reports whether a client has to be pointed at zen before the logins in its
// file can go. One whose configuration names another helper, one that is there, has no
// use for what is in its own file.
func (j *importJob) needsSetup(ctx context.Context, client string) (bool, error) {
	reports, err := j.env.Apply(ctx, client, clientconfig.Options{DryRun: true})
	if err != nil {
		return false, err
	}
	needed := false
	for _, r := range reports {
		elsewhere := (client == "docker" || client == "helm") &&
			!slices.ContainsFunc(
				r.Steps,
				func(s clientconfig.Step) bool { return s.Before == "" || j.env.FindHelper(s.Before) == "" },
			)
		needed = needed || r.Changed && !elsewhere
	}
	return needed, nil
}

// clientsToSetUp names the clients that run would point at zen.
func (j *importJob) clientsToSetUp(ctx context.Context) (clients []string) {
	if j.options.noSetup {
		return nil
	}
	for _, r := range j.rows {
		if (!r.pending() && !r.held()) || r.login.Client == "" ||
			slices.ContainsFunc(clients, func(c string) bool {
				return configured(c) == configured(r.login.Client)
			}) {
			continue
		}
		if needed, err := j.needsSetup(ctx, r.login.Client); err == nil && needed {
			clients = append(clients, r.login.Client)
		}
	}
	return clients
}

// scrub takes rows out of one file.
func (j *importJob) scrub(ctx context.Context, file string, rows []*importRow) {
	var list []*logins.Login
	for _, r := range rows {
		list = append(list, r.login)
	}
	err := j.remember(ctx, rows)
	var stay []*logins.Login
	if err == nil {
		stay, err = logins.Scrub(ctx, file, list)
	}
	for _, r := range rows {
		switch {
		case err != nil:
			r.unfinished = true
			r.stay(err)
		case slices.Contains(stay, r.login):
			r.unfinished = true
			r.stay(credential.NewError(credential.InUse, "another program changed it "+
				"meanwhile", "zen import"))
		default:
			r.removed = true
		}
	}
	if err == nil && rows[0].login.Leftover && j.options.remove {
		if err := rows[0].login.RemoveLeftover(); err != nil {
			rows[0].unfinished = true
			rows[0].note(err)
		}
	}
}

// remember keeps for --undo where the rows were. Nobody would want a leftover back.
func (j *importJob) remember(ctx context.Context, rows []*importRow) error {
	var records []logins.Record
	for _, r := range rows {
		if !r.login.Leftover && r.status != importDropped {
			records = append(records, r.login.Record(j.app.now()))
		}
	}
	if len(records) == 0 {
		return nil
	}
	return logins.Remember(ctx, j.env.State, records)
}

// erase makes another helper forget a login, if that was asked for and docker does not
// need it there.
func (j *importJob) erase(ctx context.Context, r *importRow) {
	if !j.options.remove {
		return
	}
	err := j.helperLeaves(ctx, r.login)
	if err == nil {
		err = j.remember(ctx, []*importRow{r})
	}
	if err == nil {
		err = r.login.Erase(ctx)
	}
	if err != nil {
		r.unfinished = true
		r.stay(err)
		return
	}
	r.removed = true
}

// helperLeaves points docker at zen where it still asks the helper that keeps the login.
func (j *importJob) helperLeaves(ctx context.Context, l *logins.Login) error {
	name := suffixOf(l.Helper)
	use, err := j.env.Docker(l.Address)
	if err != nil || use.Helper != name {
		return err
	}
	if w, missing := j.env.HelperMissing(); missing {
		return credential.NewError(credential.Unavailable, w.Message, w.Hint)
	}
	if !j.options.noSetup {
		ofHelper := func(r *importRow) bool { return r.login != nil && r.login.Helper == l.Helper }
		var hosts []string
		if slices.ContainsFunc(j.rows, func(r *importRow) bool { return ofHelper(r) && !r.held() }) ||
			!j.isStore(l, name) {
			hosts = j.hosts(ofHelper)
		}
		if err := j.setUp(ctx, "docker", hosts); err != nil {
			return err
		}
		if use, err = j.env.Docker(l.Address); err != nil || use.Helper != name {
			return err
		}
	}
	return credential.NewError(credential.InUse, "docker asks "+l.Helper+" for it", "zen setup docker, "+
		"then: zen import --remove")
}

// isStore reports whether docker's configuration names the helper for everything, rather
// than for single registries.
func (j *importJob) isStore(l *logins.Login, name string) bool {
	reports, err := j.env.Apply(context.Background(), "docker", clientconfig.Options{DryRun: true})
	return err == nil && slices.ContainsFunc(reports, func(r *clientconfig.Report) bool {
		return slices.ContainsFunc(r.Steps, func(s clientconfig.Step) bool { return s.Before == name })
	})
}
