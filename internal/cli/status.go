package cli

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
)

// glance bounds a look at a zend that runs.
const glance = 5 * time.Second

// runningStatus asks a zend that runs already; none is started.
func (a *app) runningStatus(ctx context.Context) (api.Status, error) {
	client, err := a.zend(false)
	if err != nil {
		return api.Status{}, err
	}
	return ask[api.Status](ctx, client, api.MethodStatus, a.here(), nil, glance)
}

// here is from where clients would ask that are started as zen is.
func (a *app) here() api.StatusRequest {
	dir, _ := os.Getwd() // a removed one matches no login that is bound to a directory
	return api.StatusRequest{Dir: dir, Profile: a.getenv("ZEN_PROFILE")}
}

func (a *app) statusCommand() *cobra.Command {
	var o output
	watch, limits := false, false
	cmd := &cobra.Command{
		Use: "status", Short: "Show who is logged in where, the vault and the daemon",
		Long: `Show who is logged in where, the vault and the daemon. With --watch it goes on: on a terminal as a live view, which q or
Ctrl-C ends, and elsewhere as a line for each thing that changes (with -o json: a status a line). With --limits
Docker Hub is asked how many more images may be pulled; that is the only thing here that uses the network.
Logins that are bound to a directory or a profile are marked (here) when they would answer in the current directory,
with the ZEN_PROFILE that is set.`,
		Example: "  zen status\n  zen status --watch\n  zen status --limits\n  zen status -o json",
		Args:    arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if watch && cmd.Flags().Changed("output") && !o.isTable() && o.format != formatJSON {
				return misused(cmd, "'--watch' goes with '--output' table or json.")
			}
			if watch && limits {
				return misused(cmd, "Docker Hub is asked once: '--limits' does not go with '--watch'.")
			}
			if watch {
				return a.watchStatus(cmd.Context(), o)
			}
			status, err := call[api.Status](cmd.Context(), a, api.MethodStatus, a.here())
			if err == nil && limits {
				status.Limits, err = a.pullLimits(cmd.Context())
			}
			if err != nil {
				return err
			}
			return a.show(o, status, func() { a.drawStatus(status) })
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "go on showing it as it changes")
	cmd.Flags().BoolVar(&limits, "limits", false, "ask Docker Hub how many pulls are left")
	a.addOutput(cmd, &o)
	return cmd
}

func (a *app) pullLimits(ctx context.Context) ([]api.PullLimit, error) {
	defer a.busy(ctx, "Asking Docker Hub for its limits...")()
	list, err := call[api.LimitList](ctx, a, api.MethodLimits, api.Empty{})
	return list.Items, err
}

func (a *app) drawLimits(limits []api.PullLimit) {
	t := table{title: "Pulls from Docker Hub", header: []string{"REGISTRY", "ANSWERED BY", "USERNAME", "LEFT", "OF", "COUNTED FOR"}}
	for _, l := range limits {
		left, of := "no limit", "-"
		switch {
		case l.Error != "":
			left = "💥 " + l.Error
		case l.Limited:
			left, of = strconv.Itoa(l.Remaining), strconv.Itoa(l.Limit)
			if l.WindowSeconds > 0 {
				of += " in " + span(time.Duration(l.WindowSeconds)*time.Second)
			}
		}
		t.rows = append(t.rows, []string{l.Address, l.AnsweredBy, orDash(l.Username), left, of, orDash(l.Source)})
	}
	a.drawTable(t)
	for _, l := range limits {
		a.hint(l.Hint)
	}
}

func (a *app) drawStatus(s api.Status) {
	for _, n := range s.Notices {
		if n.Urgent {
			a.warn(n.Text, n.Hint)
		}
	}
	a.drawProperties("", "ZEND", [][]string{
		{"VERSION", s.Version},
		{"PROCESS", fmt.Sprintf("%d, for %s (%s)", s.PID, span(a.now().Sub(s.Started)), s.Activity)},
		{"VAULT", vaultLine(s.Vault) + locksIn(s, a.now())},
		{"KEY", keyLines(s.Vault)},
		{"HOLDS", strings.Join([]string{
			count(s.Counts.Connectors, "service connector"), registryCount(s.Counts.Registries), count(s.Counts.Stacks, "stack"),
		}, ", ")},
	})
	a.drawLogins(s.Logins)
	if s.Limits != nil {
		a.drawLimits(s.Limits)
	}
	for _, n := range s.Notices {
		switch {
		case n.Urgent: // told already
		case n.Done:
			a.labelled(styleHint, "Done: ", n.Text)
			a.hint(n.Hint)
		default:
			a.warn(n.Text, n.Hint)
		}
	}
	if s.Vault.Problem != "" {
		a.hint(s.Vault.Hint)
	}
}

func registryCount(n int) string {
	if n == 1 {
		return "1 container registry"
	}
	return fmt.Sprintf("%d container registries", n)
}

func (a *app) drawLogins(logins []api.Login) {
	if len(logins) == 0 {
		a.say("Nobody is logged in.")
		return
	}
	t := table{title: "Logins", header: []string{"REGISTRY", "ANSWERED BY", "USERNAME", "FOR", "ENDS IN", "STATE"}}
	for _, l := range logins {
		ends := "-"
		if l.Until != nil {
			ends = span(l.Until.Sub(a.now()))
		}
		state := "✅ ready"
		if l.Problem != "" {
			state = "💥 " + l.Problem
		}
		t.rows = append(t.rows, []string{l.Address, answeredBy(l), orDash(l.Username), scopeHere(l), ends, state})
	}
	a.drawTable(t)
}

// loginScope says which clients a login is for.
func loginScope(l api.Login) string {
	var scope []string
	if l.Dir != "" {
		scope = append(scope, "below "+l.Dir)
	}
	if l.Profile != "" {
		scope = append(scope, "profile "+l.Profile)
	}
	if scope == nil {
		return "every client"
	}
	return strings.Join(scope, ", ")
}

// scopeHere is loginScope, and of a login that is for some clients only, whether it would answer here: in this directory and
// with this ZEN_PROFILE.
func scopeHere(l api.Login) string {
	if l.Here && l.Dir+l.Profile != "" {
		return loginScope(l) + " (here)"
	}
	return loginScope(l)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func vaultLine(v api.VaultStatus) string {
	line := v.State
	switch {
	case v.Problem != "":
		line += ": " + v.Problem
	case v.State == vaultLocked: // nobody locked it
		line += ": nothing has needed it yet"
	}
	return paragraph(line)
}

// locksIn says when an open vault locks itself, "" if never.
func locksIn(s api.Status, now time.Time) string {
	if s.AutoLock == nil {
		return ""
	}
	return ", locks itself in " + rough(s.AutoLock.Sub(now))
}

// States of a vault: it was not made yet, or is not open.
const (
	vaultAbsent = "absent"
	vaultLocked = "locked"
)

// keyLines says what keeps the vault's key.
func keyLines(v api.VaultStatus) string {
	if len(v.Slots) == 0 && v.State == vaultAbsent {
		return "none yet: the first thing that is kept makes one"
	}
	if len(v.Slots) == 0 {
		return "-"
	}
	var lines []string
	for _, s := range v.Slots {
		lines = append(lines, paragraph(s.Kind+": "+s.Detail))
	}
	return strings.Join(lines, "\n")
}
