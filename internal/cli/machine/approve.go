package machine

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

type approveOptions struct {
	output ui.Output
	all    bool
	deny   bool
	follow bool
}

// Approvals answers requests that wait for a person.
type Approvals struct {
	*ui.UI

	zend zend.Connect
	now  func() time.Time
}

// NewApprovals makes the command that answers requests.
func NewApprovals(u *ui.UI, connect zend.Connect, now func() time.Time) *Approvals {
	return &Approvals{UI: u, zend: connect, now: now}
}

// Command is zen approve.
func (a *Approvals) Command() *cobra.Command {
	var o approveOptions
	cmd := &cobra.Command{
		Use: "approve [ID]", Short: "Allow or deny the use of credentials that ask a person first",
		Long: `Answer the requests of programs that want to use credentials for which config.toml
has confirm = true. Without an ID, zen asks about each request on a terminal, and lists them
elsewhere. With --follow it stays and asks about every further one. Answers are written down in the
audit log.`,
		Example: `  zen approve
  zen approve k7qm
  zen approve k7qm --deny
  zen approve --follow`,
		Args:              command.Arguments(0, 1, "ID"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, approvalIDs),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.approve(cmd, strings.Join(args, ""), &o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.all, "all", false, "answer all requests")
	flags.BoolVar(&o.deny, "deny", false, "deny instead of allowing")
	flags.BoolVarP(&o.follow, "follow", "f", false, "stay, and ask about further requests as they come")
	command.AddOutput(a.UI, cmd, &o.output)
	return cmd
}

// approvalIDs lists the requests, each with what it is about.
func approvalIDs(ctx context.Context, client zend.Caller) ([]string, error) {
	list, err := zend.Ask[api.ApprovalList](
		ctx,
		client,
		api.MethodApprovalList,
		api.Empty{},
		nil,
		command.CompletionTime,
	)
	var names []string
	for _, r := range list.Items {
		names = append(names, command.Described(r.ID, filepath.Base(askerOf(r))+" uses "+wantedBy(r)))
	}
	return names, err
}

func (a *Approvals) approve(cmd *cobra.Command, id string, o *approveOptions) error {
	ctx := cmd.Context()
	switch {
	case o.follow && (id != "" || o.all || o.deny):
		return ui.Misused(cmd, "'--follow' asks about each request: leave out the ID, '--all' and '--deny'.")
	case o.follow && !a.Term.Attended():
		return ui.Refused("'--follow' asks questions, and there is no terminal to ask them "+
			"on", "name a request: zen approve ID")
	case o.all && id != "":
		return ui.Misused(cmd, "Please give either an ID or '--all', not both.")
	case o.deny && id == "" && !o.all:
		return ui.Misused(cmd, "'--deny' needs the ID of a request, or '--all'.")
	case o.follow:
		return a.approveFollowing(ctx)
	case id != "" || o.all:
		return a.answerApproval(ctx, api.AnswerApproval{ID: id, All: o.all, Deny: o.deny})
	}
	list, err := zend.Call[api.ApprovalList](ctx, a.zend, api.MethodApprovalList, api.Empty{})
	if err != nil {
		return err
	}
	if !a.Term.Attended() || !o.output.IsTable() {
		return command.ShowList(a.UI, cmd, o.output, command.Listing[api.Approval]{
			Columns: a.approvalColumns(), Items: list.Items, Empty: "No pending approval requests.",
		})
	}
	if len(list.Items) == 0 {
		a.Say("No pending approval requests.")
	}
	return a.askAll(ctx, list.Items)
}

func (a *Approvals) answerApproval(ctx context.Context, answer api.AnswerApproval) error {
	done, err := zend.Call[api.ApprovalList](ctx, a.zend, api.MethodApprovalAnswer, answer)
	if err != nil {
		return err
	}
	if len(done.Items) == 0 {
		a.Say("No pending approval requests.")
	}
	for _, r := range done.Items {
		switch {
		case answer.Deny:
			a.Say("%s may not use %s.", askerOf(r), wantedBy(r))
		case r.Waiting == 0:
			a.Say("%s may use %s when it asks again.", askerOf(r), wantedBy(r))
		default:
			a.Say("%s may use %s.", askerOf(r), wantedBy(r))
		}
	}
	return nil
}

// askAll asks a person about each request and passes their answers on. One that is not
// open any more was answered elsewhere.
func (a *Approvals) askAll(ctx context.Context, list []api.Approval) error {
	for _, r := range list {
		yes, err := a.Confirm(ctx, a.approvalQuestion(r), false)
		if err != nil {
			return err
		}
		err = a.answerApproval(ctx, api.AnswerApproval{ID: r.ID, Deny: !yes})
		if credential.NoSuchEntity.Is(err) {
			a.Say("The request is not open any more.")
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// approvalPoll is how often zend is asked for further requests: often enough for a
// person, who has seconds to answer.
const approvalPoll = 300 * time.Millisecond

// approveFollowing asks about requests as they come until it is interrupted, which is how
// it ends.
func (a *Approvals) approveFollowing(ctx context.Context) error {
	a.Say("Waiting for requests. Ctrl-C ends this.")
	tick := time.NewTicker(approvalPoll)
	defer tick.Stop()
	for {
		list, err := zend.Call[api.ApprovalList](ctx, a.zend, api.MethodApprovalList, api.Empty{})
		if err != nil {
			return err
		}
		if err := a.askAll(ctx, list.Items); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// approvalQuestion says all that is known of a request. What programs chose cannot be
// taken for the question itself: it cannot begin a line.
func (a *Approvals) approvalQuestion(r api.Approval) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s wants to %s.\n", askerOf(r), safetext.Line(purpose(r)))
	for _, line := range [][2]string{
		{"Registry", r.Address},
		{"Directory", r.Dir},
		{"Started by", strings.Join(ancestorsOf(r), " < ")},
		{"Asked", ui.Span(a.now().Sub(r.Asked)) + " ago"},
	} {
		if line[1] != "" {
			fmt.Fprintf(&b, "  %-11s %s\n", line[0]+":", safetext.Line(line[1]))
		}
	}
	if r.KeepSeconds > 0 {
		fmt.Fprintf(&b, "Approval is remembered for %s. ", ui.Span(time.Duration(r.KeepSeconds)*time.Second))
	}
	return b.String() + "Allow it?"
}

func purpose(r api.Approval) string {
	if r.Action == "get" {
		return "use " + wantedBy(r)
	}
	return "show the secrets of " + wantedBy(r)
}

func askerOf(r api.Approval) string { return safetext.Line(cmp.Or(r.Asker, "An unknown program")) }

func wantedBy(r api.Approval) string {
	if r.Connector == "" {
		return "the login for " + r.Address
	}
	return "service connector '" + r.Connector + "'"
}

// ancestorsOf are the programs that started the one that asks, nearest first.
func ancestorsOf(r api.Approval) []string {
	for i, p := range r.Programs {
		if p == r.Asker {
			return r.Programs[i+1:]
		}
	}
	return nil
}

func (a *Approvals) approvalColumns() []command.Column[api.Approval] {
	type request = api.Approval
	return []command.Column[request]{
		{Key: "id", Value: func(r request) any { return r.ID }},
		{
			Key:    "asker",
			Header: "PROGRAM",
			Value:  func(r request) any { return ui.OrNull(r.Asker) },
			Cell:   askerOf,
		},
		{
			Key:    "connector",
			Header: "WANTS",
			Value:  func(r request) any { return ui.OrNull(r.Connector) },
			Cell:   purpose,
		},
		{Key: "address", Header: "REGISTRY", Value: func(r request) any { return ui.OrNull(r.Address) }},
		{
			Key:    "dir",
			Header: "DIRECTORY",
			Value:  func(r request) any { return ui.OrNull(r.Dir) },
			Cell:   func(r request) string { return safetext.Line(r.Dir) },
		},
		{
			Key: "asked", Value: func(r request) any { return r.Asked.UTC() },
			Cell: func(r request) string { return ui.Span(a.now().Sub(r.Asked)) + " ago" },
		},
		{Key: "action", When: command.Exact, Value: func(r request) any { return r.Action }},
		{Key: "programs", When: command.Exact, Value: func(r request) any { return ui.OrEmpty(r.Programs) }},
		{Key: "pid", When: command.Exact, Value: func(r request) any { return r.PID }},
		{Key: "keep_seconds", When: command.Exact, Value: func(r request) any { return r.KeepSeconds }},
		{Key: "waiting", When: command.Exact, Value: func(r request) any { return r.Waiting }},
	}
}
