package machine

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/config"
	"github.com/zen-agent/zen/internal/safetext"
)

type auditOptions struct {
	output  ui.Output
	since   string
	host    string
	limit   int
	columns string
	lines   bool
	follow  bool
	misses  bool
}

// AuditLog shows the audit log.
type AuditLog struct {
	*ui.UI

	zend zend.Connect
	now  func() time.Time
}

// NewAuditLog makes the command that shows the audit log.
func NewAuditLog(u *ui.UI, connect zend.Connect, now func() time.Time) *AuditLog {
	return &AuditLog{UI: u, zend: connect, now: now}
}

// Command is zen audit.
func (a *AuditLog) Command() *cobra.Command {
	var o auditOptions
	cmd := &cobra.Command{
		Use: "audit", Short: "Show who asked for which credentials",
		Long: `Show the audit log: who asked for which credentials, what was changed, and what came
of it. --json prints it as it is kept, one JSON object a line; --follow goes on with what is added.`,
		Example: `  zen audit
  zen audit --since 24h --host ghcr.io
  zen audit -n 1000 -o csv
  zen audit --follow --json | jq .exe`,
		Args: command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := o.query(cmd, a.now())
			if err != nil {
				return err
			}
			if o.lines || o.follow {
				return a.auditLines(cmd, query, &o)
			}
			list, err := zend.Call[api.AuditList](cmd.Context(), a.zend, api.MethodAudit, query)
			if err != nil {
				return err
			}
			if list.Off {
				a.Warn("misses are not recorded", "to record them: misses = true in config.toml")
			}
			return command.ShowList(a.UI, cmd, o.output, command.Listing[api.AuditEntry]{
				Columns: auditColumns(), Items: list.Items, Chosen: o.columns, Empty: "The audit log has " +
					"no entries that match.",
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.since, "since", "", "only since this `TIME`: 24h or 7d ago, or '2026-12-31 "+
		"23:59:59' UTC")
	flags.StringVar(&o.host, "host", "", "only of this registry `HOST`")
	flags.IntVarP(&o.limit, "limit", "n", 50, "at most this `NUMBER` of entries, the newest")
	flags.BoolVar(&o.lines, "json", false, "one JSON object a line, as it is kept")
	flags.BoolVarP(&o.follow, "follow", "f", false, "go on with what is added, until Ctrl-C")
	flags.BoolVar(&o.misses, "misses", false, "what clients asked for that nobody is logged in to, when "+
		"the setting misses has it kept")
	flags.StringVarP(&o.columns, "columns", "c", "", "`COLUMN,...` to show, or all")
	command.AddOutput(a.UI, cmd, &o.output)
	return cmd
}

func (o *auditOptions) query(cmd *cobra.Command, now time.Time) (api.AuditQuery, error) {
	q := api.AuditQuery{Host: o.host, Limit: o.limit, Misses: o.misses}
	if o.limit < 1 {
		return q, ui.Misused(cmd, "'--limit' is at least 1.")
	}
	if o.since == "" {
		return q, nil
	}
	if ago, err := config.ParseDuration(o.since); err == nil && ago >= 0 {
		q.Since = now.Add(-ago).UTC()
		return q, nil
	}
	t, err := ui.ParseTime(o.since)
	if err != nil {
		return q, ui.Misused(cmd, "Invalid value for '--since': '%s' is neither a duration such as 24h "+
			"nor a time such as 2026-12-31.",
			o.since)
	}
	q.Since = t
	return q, nil
}

// auditPoll is how often zend is asked for what was added.
const auditPoll = 500 * time.Millisecond

// auditLines prints entries as lines and, if it is to follow, goes on with further ones
// until it is interrupted. Once it follows, a zend that ended is not brought back for it.
func (a *AuditLog) auditLines(cmd *cobra.Command, query api.AuditQuery, o *auditOptions) error {
	if chosen := cmd.Flags().Changed("output"); chosen && (o.lines || o.output.Format != ui.FormatJSON) ||
		o.columns != "" {
		return ui.Misused(cmd, "'--json' and '--follow' print lines of their own: leave out '--output' "+
			"and '--columns'.")
	}
	asJSON := o.lines || o.output.Format == ui.FormatJSON
	ctx := cmd.Context()
	for start := true; ; start = false {
		client, err := a.zend(start)
		if err != nil {
			return err
		}
		list, err := zend.Ask[api.AuditList](ctx, client, api.MethodAudit, query, nil, zend.Patience)
		if err != nil && (start || !zend.IsAbsent(err)) {
			return err
		}
		for _, e := range list.Items {
			if err := a.auditLine(e, asJSON); err != nil {
				return err
			}
			query.Since = e.Time
		}
		if !o.follow {
			return nil
		}
		query.Limit = 0 // zend's own: the person's was for what had been there before
		select {
		case <-time.After(auditPoll):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (a *AuditLog) auditLine(e api.AuditEntry, asJSON bool) error {
	if asJSON {
		line, err := ui.JSONLine(e)
		if err == nil {
			_, err = io.WriteString(a.Out, line)
		}
		return err
	}
	parts := []string{
		fmt.Sprintf("%s  %-8s %-6s  %s", ui.Clock(e.Time), e.Action, e.Result, ui.OrDash(e.Address)),
	}
	for _, part := range []string{e.Connector, askedBy(e), sentTo(e), e.Detail} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	_, err := fmt.Fprintln(a.Out, safetext.Line(strings.Join(parts, "  ")))
	return err
}

func auditColumns() []command.Column[api.AuditEntry] {
	type entry = api.AuditEntry
	return []command.Column[entry]{
		{
			Key:   "time",
			Value: func(e entry) any { return e.Time.UTC() },
			Cell:  func(e entry) string { return ui.Clock(e.Time) },
		},
		{Key: "action", Value: func(e entry) any { return e.Action }},
		{Key: "address", Header: "REGISTRY", Value: func(e entry) any { return ui.OrNull(e.Address) }},
		{Key: "connector", Value: func(e entry) any { return ui.OrNull(e.Connector) }},
		{Key: "result", Value: func(e entry) any { return e.Result }},
		{Key: "by", When: command.InTable, Value: func(e entry) any { return askedBy(e) }},
		{Key: "detail", When: command.IfAny, Value: func(e entry) any { return ui.OrNull(e.Detail) }},
		{Key: "pid", When: command.Exact, Value: func(e entry) any { return e.PID }},
		{Key: "exe", When: command.Exact, Value: func(e entry) any { return ui.OrNull(e.Exe) }},
		{Key: "parents", When: command.Exact, Value: func(e entry) any { return ui.OrEmpty(e.Parents) }},
		{Key: "dir", When: command.Exact, Value: func(e entry) any { return ui.OrNull(e.Dir) }},
		{Key: "to", When: command.Exact, Value: func(e entry) any { return ui.OrNull(e.To) }},
	}
}

// sentTo is where else than to the program that asked a secret went.
func sentTo(e api.AuditEntry) string {
	if e.To == "" || e.To == string(access.Client) {
		return ""
	}
	return "to " + e.To
}

// askedBy names the program that asked, and what started it: "docker-credential-zen <
// docker (4711)".
func askedBy(e api.AuditEntry) string {
	var names []string
	for _, path := range append([]string{e.Exe}, e.Parents...) {
		if path != "" {
			names = append(names, filepath.Base(path))
		}
	}
	who := strings.Join(names[:min(len(names), 3)], " < ")
	if e.PID > 0 {
		who += " (" + strconv.Itoa(e.PID) + ")"
	}
	return who
}
