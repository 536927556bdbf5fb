package cli

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
)

type auditOptions struct {
	output  output
	since   string
	host    string
	limit   int
	columns string
}

func (a *app) auditCommand() *cobra.Command {
	var o auditOptions
	cmd := &cobra.Command{
		Use: "audit", Short: "Show who asked for which credentials",
		Example: "  zen audit\n  zen audit --since 24h --host ghcr.io\n  zen audit -n 1000 -o csv",
		Args:    arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := o.query(cmd, a.now())
			if err != nil {
				return err
			}
			list, err := call[api.AuditList](cmd.Context(), a, api.MethodAudit, query)
			if err != nil {
				return err
			}
			return showList(a, cmd, o.output, listing[api.AuditEntry]{
				columns: auditColumns(), items: list.Items, chosen: o.columns, empty: "The audit log has no entries that match.",
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.since, "since", "", "only since this `TIME`: 24h ago, or '2026-12-31 23:59:59' UTC")
	flags.StringVar(&o.host, "host", "", "only of this registry `HOST`")
	flags.IntVarP(&o.limit, "limit", "n", 50, "at most this `NUMBER` of entries, the newest")
	flags.StringVarP(&o.columns, "columns", "c", "", "`COLUMN,...` to show, or all")
	a.addOutput(cmd, &o.output)
	return cmd
}

func (o *auditOptions) query(cmd *cobra.Command, now time.Time) (api.AuditQuery, error) {
	q := api.AuditQuery{Host: o.host, Limit: o.limit}
	if o.limit < 1 {
		return q, misused(cmd, "'--limit' is at least 1.")
	}
	if o.since == "" {
		return q, nil
	}
	if ago, err := time.ParseDuration(o.since); err == nil && ago >= 0 {
		q.Since = now.Add(-ago).UTC()
		return q, nil
	}
	t, err := parseTime(o.since)
	if err != nil {
		return q, misused(cmd, "Invalid value for '--since': '%s' is neither a duration such as 24h nor a time such as 2026-12-31.",
			o.since)
	}
	q.Since = t
	return q, nil
}

func auditColumns() []column[api.AuditEntry] {
	type entry = api.AuditEntry
	return []column[entry]{
		{key: "time", value: func(e entry) any { return e.Time.UTC() }, cell: func(e entry) string { return clock(e.Time) }},
		{key: "action", value: func(e entry) any { return e.Action }},
		{key: "address", header: "REGISTRY", value: func(e entry) any { return orNull(e.Address) }},
		{key: "connector", value: func(e entry) any { return orNull(e.Connector) }},
		{key: "result", value: func(e entry) any { return e.Result }},
		{key: "by", when: inTable, value: func(e entry) any { return askedBy(e) }},
		{key: "detail", when: ifAny, value: func(e entry) any { return orNull(e.Detail) }},
		{key: "pid", when: exact, value: func(e entry) any { return e.PID }},
		{key: "exe", when: exact, value: func(e entry) any { return orNull(e.Exe) }},
		{key: "parents", when: exact, value: func(e entry) any { return orEmpty(e.Parents) }},
		{key: "dir", when: exact, value: func(e entry) any { return orNull(e.Dir) }},
	}
}

// askedBy names the program that asked, and what started it: "docker-credential-zen < docker (4711)".
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
