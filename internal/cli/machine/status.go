package machine

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// Status shows who is logged in where, the vault and the daemon.
type Status struct {
	*ui.UI

	zend zend.Connect
	now  func() time.Time
}

// NewStatus makes the command that shows who is logged in where.
func NewStatus(u *ui.UI, connect zend.Connect, now func() time.Time) *Status {
	return &Status{UI: u, zend: connect, now: now}
}

// runningStatus asks a zend that runs already; none is started.
func runningStatus(
	ctx context.Context,
	connect zend.Connect,
	getenv func(string) string,
) (api.Status, error) {
	client, err := connect(false)
	if err != nil {
		return api.Status{}, err
	}
	return zend.Ask[api.Status](ctx, client, api.MethodStatus, here(getenv), nil, zend.Glance)
}

// here is from where clients would ask that are started as zen is.
func here(getenv func(string) string) api.StatusRequest {
	dir, _ := os.Getwd() // a removed one matches no login that is bound to a directory
	return api.StatusRequest{Dir: dir, Profile: getenv("ZEN_PROFILE")}
}

// Command is zen status.
func (a *Status) Command() *cobra.Command {
	var o ui.Output
	watch, limits := false, false
	cmd := &cobra.Command{
		Use: "status", Short: "Show who is logged in where, the vault and the daemon",
		Long: `Show who is logged in where, the vault and the daemon. With --watch it goes on: on a
terminal as a live view, which q or Ctrl-C ends, and elsewhere as a line for each thing that changes
(with -o json: a status a line). With --limits Docker Hub is asked how many more images may be
pulled; that is the only thing here that uses the network. Logins that are bound to a directory or a
profile are marked (here) when they would answer in the current directory, with the ZEN_PROFILE that
is set.`,
		Example: "  zen status\n  zen status --watch\n  zen status --limits\n  zen status -o json",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if watch && cmd.Flags().Changed("output") && !o.IsTable() && o.Format != ui.FormatJSON {
				return ui.Misused(cmd, "'--watch' goes with '--output' table or json.")
			}
			if watch && limits {
				return ui.Misused(cmd, "Docker Hub is asked once: '--limits' does not go with '--watch'.")
			}
			if watch {
				return a.watchStatus(cmd.Context(), o)
			}
			status, err := zend.Call[api.Status](cmd.Context(), a.zend, api.MethodStatus, here(a.Getenv))
			if err == nil && limits {
				status.Limits, err = a.pullLimits(cmd.Context())
			}
			if err != nil {
				return err
			}
			return a.Show(o, status, func() { a.drawStatus(status) })
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "go on showing it as it changes")
	cmd.Flags().BoolVar(&limits, "limits", false, "ask Docker Hub how many pulls are left")
	command.AddOutput(a.UI, cmd, &o)
	return cmd
}

func (a *Status) pullLimits(ctx context.Context) ([]api.PullLimit, error) {
	defer a.Busy(ctx, "Asking Docker Hub for its limits...")()
	list, err := zend.Call[api.LimitList](ctx, a.zend, api.MethodLimits, api.Empty{})
	return list.Items, err
}

func (a *Status) drawLimits(limits []api.PullLimit) {
	t := ui.Table{Title: "Pulls from Docker Hub", Header: []string{"REGISTRY", "ANSWERED " +
		"BY", "USERNAME", "LEFT", "OF", "COUNTED FOR"}}
	for _, l := range limits {
		left, of := "no limit", "-"
		switch {
		case l.Error != "":
			left = "💥 " + l.Error
		case l.Limited:
			left, of = strconv.Itoa(l.Remaining), strconv.Itoa(l.Limit)
			if l.WindowSeconds > 0 {
				of += " in " + ui.Span(time.Duration(l.WindowSeconds)*time.Second)
			}
		}
		t.Rows = append(
			t.Rows,
			[]string{l.Address, l.AnsweredBy, ui.OrDash(l.Username), left, of, ui.OrDash(l.Source)},
		)
	}
	a.DrawTable(t)
	for _, l := range limits {
		a.Hint(l.Hint)
	}
}

func (a *Status) drawStatus(s api.Status) {
	for _, n := range s.Notices {
		if n.Urgent {
			a.Warn(n.Text, n.Hint)
		}
	}
	a.DrawProperties("", "ZEND", [][]string{
		{"VERSION", s.Version},
		{"PROCESS", fmt.Sprintf("%d, for %s (%s)", s.PID, ui.Span(a.now().Sub(s.Started)), s.Activity)},
		{"VAULT", vaultLine(s.Vault) + locksIn(s, a.now())},
		{"KEY", keyLines(s.Vault)},
		{"HOLDS", strings.Join([]string{
			ui.Count(
				s.Counts.Connectors,
				"service connector",
			), registryCount(s.Counts.Registries), ui.Count(s.Counts.Stacks, "stack"),
		}, ", ")},
	})
	a.drawLogins(s.Logins, s.Counts.Connectors)
	if s.Limits != nil {
		a.drawLimits(s.Limits)
	}
	for _, n := range s.Notices {
		switch {
		case n.Urgent: // told already
		case n.Done:
			a.Labelled(ui.StyleHint, "Done: ", n.Text)
			a.Hint(n.Hint)
		default:
			a.Warn(n.Text, n.Hint)
		}
	}
	if s.Vault.Problem != "" {
		a.Hint(s.Vault.Hint)
	}
}

func registryCount(n int) string {
	if n == 1 {
		return "1 container registry"
	}
	return fmt.Sprintf("%d container registries", n)
}

func (a *Status) drawLogins(logins []api.Login, connectors int) {
	if len(logins) == 0 {
		a.Say("Not logged in to any registry.")
		if connectors == 0 {
			a.Hint("zen service-connector register NAME --type docker --username=USER, then: zen login NAME")
		} else {
			a.Hint("zen login NAME; see the names: zen service-connector list")
		}
		return
	}
	t := ui.Table{
		Title:  "Logins",
		Header: []string{"REGISTRY", "ANSWERED BY", "USERNAME", "FOR", "ENDS IN", "STATE"},
	}
	for _, l := range logins {
		ends := "-"
		if l.Until != nil {
			ends = ui.Span(l.Until.Sub(a.now()))
		}
		state := "✅ ready"
		if l.Problem != "" {
			state = "💥 " + l.Problem
		}
		t.Rows = append(
			t.Rows,
			[]string{l.Address, ui.AnsweredBy(l), ui.OrDash(l.Username), scopeHere(l), ends, state},
		)
	}
	a.DrawTable(t)
}

// scopeHere is loginScope, and of a login that is for some clients only, whether it would
// answer here: in this directory and with this ZEN_PROFILE.
func scopeHere(l api.Login) string {
	if l.Here && l.Dir+l.Profile != "" {
		return ui.LoginScope(l) + " (here)"
	}
	return ui.LoginScope(l)
}

func vaultLine(v api.VaultStatus) string {
	line := v.State
	switch {
	case v.Problem != "":
		line += ": " + v.Problem
	case v.State == vaultLocked: // nobody locked it
		line += ": nothing has needed it yet"
	}
	return ui.Paragraph(line)
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
		return "no key yet; the first credential that you store creates one"
	}
	if len(v.Slots) == 0 {
		return "-"
	}
	var lines []string
	for _, s := range v.Slots {
		lines = append(lines, ui.Paragraph(s.Kind+": "+s.Detail))
	}
	return strings.Join(lines, "\n")
}
