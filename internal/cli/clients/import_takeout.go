package clients

import (
	"context"
	"slices"

	"github.com/zen-agent/zen/internal/adopt"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
)

// takeOut removes from their old places what zen has by now. It is remembered first, for
// --undo.
func (j *importJob) takeOut(ctx context.Context) {
	byFile := map[string][]*importRow{}
	var files []string
	for _, r := range j.rows {
		switch {
		case !r.Held() || ctx.Err() != nil:
		case r.Login.Helper != "":
			j.erase(ctx, r)
		case j.mayLeave(ctx, r):
			if byFile[r.Login.File] == nil {
				files = append(files, r.Login.File)
			}
			byFile[r.Login.File] = append(byFile[r.Login.File], r)
		}
	}
	for _, file := range files {
		j.scrub(ctx, file, byFile[file])
	}
}

// mayLeave reports whether nobody needs the file for this login any more.
func (j *importJob) mayLeave(ctx context.Context, r *importRow) bool {
	client := r.Login.Client
	if client == "" {
		return true // a leftover
	}
	err, known := j.ready[client]
	if !known {
		err = j.makeReady(ctx, client)
		j.ready[client] = err
	}
	if err == nil && client == "docker" {
		err = j.dockerLeaves(r.Login)
	}
	if err != nil {
		r.unfinished = !j.options.noSetup
		r.Stay(err)
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
		return r.Login != nil &&
			adopt.Configured(r.Login.Client) == adopt.Configured(client)
	}
	var hosts []string
	if slices.ContainsFunc(
		j.rows,
		func(r *importRow) bool { return mine(r) && !r.Held() && !r.Login.Useless },
	) {
		hosts = j.hosts(mine) // the others are still needed
	}
	return j.setUp(ctx, client, hosts)
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
		if !r.Held() || !which(r) || r.Login.Address.IsHubToken() {
			continue
		}
		if host := r.Login.Address.Host(); !slices.Contains(hosts, host) {
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
		if (!r.Pending() && !r.Held()) || r.Login.Client == "" ||
			slices.ContainsFunc(clients, func(c string) bool {
				return adopt.Configured(c) == adopt.Configured(r.Login.Client)
			}) {
			continue
		}
		if needed, err := j.needsSetup(ctx, r.Login.Client); err == nil && needed {
			clients = append(clients, r.Login.Client)
		}
	}
	return clients
}

// scrub takes rows out of one file.
func (j *importJob) scrub(ctx context.Context, file string, rows []*importRow) {
	j.adopter.TakeOut(ctx, file, items(rows))
	for _, r := range rows {
		r.unfinished = r.Left
	}
	if first := rows[0]; first.Login.Leftover && j.options.remove && !first.Left {
		if err := first.Login.RemoveLeftover(); err != nil {
			first.unfinished, first.Why = true, err
		}
	}
}

// erase makes another helper forget a login, if that was asked for and docker does not
// need it there.
func (j *importJob) erase(ctx context.Context, r *importRow) {
	if !j.options.remove {
		return
	}
	if err := j.helperLeaves(ctx, r.Login); err != nil {
		r.Stay(err)
	} else {
		j.adopter.Erase(ctx, &r.Item)
	}
	r.unfinished = r.Left
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
		ofHelper := func(r *importRow) bool { return r.Login != nil && r.Login.Helper == l.Helper }
		var hosts []string
		if slices.ContainsFunc(j.rows, func(r *importRow) bool { return ofHelper(r) && !r.Held() }) ||
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
