package clients

import (
	"context"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/adopt"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
)

// takeOut removes from their old places what zen has by now. What other helpers keep
// stays there unless that was asked for.
func (j *importJob) takeOut(ctx context.Context) {
	var leaving []*adopt.Item
	for _, r := range j.rows {
		helper := r.Login.Helper != ""
		if !r.Held() || ctx.Err() != nil || helper && !j.options.remove {
			continue
		}
		if err := j.mayLeave(ctx, r.Login); err != nil {
			r.Stay(err)
			r.unfinished = helper || !j.options.noSetup
			continue
		}
		leaving = append(leaving, &r.Item)
	}
	j.adopter.TakeOut(ctx, leaving)
	for _, r := range j.rows {
		r.unfinished = r.unfinished || r.Left && slices.Contains(leaving, &r.Item)
		if r.Removed && r.Login.Leftover && j.options.remove {
			if err := r.Login.RemoveLeftover(); err != nil {
				r.unfinished, r.Why = true, err
			}
		}
	}
}

// mayLeave returns why somebody still needs a login in its old place. Its client is
// pointed at zen first.
func (j *importJob) mayLeave(ctx context.Context, l *logins.Login) error {
	switch {
	case l.Helper != "":
		return j.helperLeaves(ctx, l)
	case l.Client == "":
		return nil // a leftover
	}
	err, known := j.ready[l.Client]
	if !known {
		err = j.makeReady(ctx, l.Client)
		j.ready[l.Client] = err
	}
	if err != nil || l.Client != "docker" {
		return err
	}
	use, err := j.env.Docker(l.Address)
	if err == nil && use.Helper == "" { // for this registry, whatever it does for others
		err = credential.NewError(credential.InUse, "docker takes it from "+use.File+" (credHelpers)",
			"zen setup docker --host "+l.Address.Host())
	}
	return err
}

// makeReady points a client at zen, unless it asks zen already or has no use for its
// file.
func (j *importJob) makeReady(ctx context.Context, client string) error {
	needed, err := j.needsSetup(ctx, client)
	if err == nil {
		err = j.helperMissing()
	}
	if err != nil || !needed {
		return err
	}
	if j.options.noSetup {
		return credential.NewError(credential.InUse, client+" does not ask zen yet",
			"zen setup "+client+", then: zen import")
	}
	return j.setUp(ctx, client, false, func(l *logins.Login) bool {
		return adopt.Configured(l.Client) == adopt.Configured(client)
	})
}

func (j *importJob) helperMissing() error {
	if w, missing := j.env.HelperMissing(); missing {
		return credential.NewError(credential.Unavailable, w.Message, w.Hint)
	}
	return nil
}

// setUp points a client at zen: for all registries, unless one of its logins is still
// needed in its old place, or single is set; then for those whose logins zen has.
func (j *importJob) setUp(
	ctx context.Context, client string, single bool, its func(*logins.Login) bool,
) error {
	var hosts []string
	for _, r := range j.rows {
		switch host := r.Login.Address.Host(); {
		case !its(r.Login):
		case !r.Held():
			single = single || !r.Login.Useless || r.Login.Helper != ""
		case !r.Login.Address.IsHubToken() && !slices.Contains(hosts, host):
			hosts = append(hosts, host)
		}
	}
	if !single {
		hosts = nil
	}
	reports, err := j.env.Apply(ctx, client, clientconfig.Options{Hosts: hosts})
	for _, r := range reports {
		if r.Changed {
			j.reports = append(j.reports, r)
		}
	}
	return err
}

// needsSetup reports whether a client has to be pointed at zen before the logins in its
// file can go. One whose configuration names another helper, one that is there, has no
// use for what is in its own file.
func (j *importJob) needsSetup(ctx context.Context, client string) (bool, error) {
	reports, err := j.env.Apply(ctx, client, clientconfig.Options{DryRun: true})
	return err == nil && slices.ContainsFunc(reports, func(r *clientconfig.Report) bool {
		return r.Changed && (client != "docker" && client != "helm" ||
			slices.ContainsFunc(r.Steps, func(s clientconfig.Step) bool {
				return s.Before == "" || j.env.FindHelper(s.Before) == ""
			}))
	}), err
}

// clientsToSetUp names the clients that run would point at zen.
func (j *importJob) clientsToSetUp(ctx context.Context) (clients []string) {
	seen := map[string]bool{"": true}
	for _, r := range j.rows {
		config := adopt.Configured(r.Login.Client)
		if j.options.noSetup || seen[config] || !r.Pending() && !r.Held() {
			continue
		}
		seen[config] = true
		if needed, _ := j.needsSetup(ctx, r.Login.Client); needed {
			clients = append(clients, r.Login.Client)
		}
	}
	return clients
}

// helperLeaves points docker at zen where it still asks the helper that keeps the login.
func (j *importJob) helperLeaves(ctx context.Context, l *logins.Login) error {
	name := strings.TrimPrefix(l.Helper, "docker-credential-")
	asks := func() (bool, error) {
		use, err := j.env.Docker(l.Address)
		return use.Helper == name, err
	}
	if still, err := asks(); err != nil || !still {
		return err
	}
	if err := j.helperMissing(); err != nil {
		return err
	}
	if !j.options.noSetup {
		all, err := j.env.Asks("docker", address.Address{}, "")
		if err != nil {
			return err
		}
		single := all[0].Helper != name || all[0].Chosen
		err = j.setUp(ctx, "docker", single, func(o *logins.Login) bool { return o.Helper == l.Helper })
		if err != nil {
			return err
		}
		if still, err := asks(); err != nil || !still {
			return err
		}
	}
	return credential.NewError(credential.InUse, "docker asks "+l.Helper+" for it", "zen setup docker, "+
		"then: zen import --remove")
}
