package stack

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

func (a *Commands) stackDescribeCommand() *cobra.Command {
	var (
		o      ui.Output
		server string
	)
	cmd := &cobra.Command{
		Use: "describe [STACK_NAME_ID_OR_PREFIX]", Short: "Show details about a stack, or the active one",
		Example: "  zen stack describe\n  zen stack describe prod -o json",
		Args:    command.Arguments(0, 1), ValidArgsFunction: command.CompleteFrom(a.zend, 1, stackNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := zend.Call[api.StackResult](
				cmd.Context(),
				a.zend,
				api.MethodStackGet,
				api.Ref{Name: ui.Optional(args), Server: server},
			)
			if err != nil {
				return err
			}
			return a.showStack(o, result.Stack)
		},
	}
	command.AddOutput(a.UI, cmd, &o)
	command.AddServerOf(a.zend, cmd, &server, "stack")
	return cmd
}

func (a *Commands) stackGetCommand() *cobra.Command {
	var o ui.Output
	cmd := &cobra.Command{
		Use: "get", Short: "Get the active stack",
		Example: "  zen stack get\n  zen stack get -o json",
		Args:    command.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			result, err := zend.Call[api.StackResult](cmd.Context(), a.zend, api.MethodStackGet, api.Ref{})
			if err != nil {
				return err
			}
			return a.Show(o, stackObject(result.Stack), func() {
				a.Say("The global active stack is: "+
					"'%s'", result.Stack.Name)
			})
		},
	}
	command.AddOutput(a.UI, cmd, &o)
	return cmd
}

// showStack shows everything about a stack.
func (a *Commands) showStack(o ui.Output, s api.Stack) error {
	return a.Show(o, stackObject(s), func() { a.drawStack(s) })
}

// stackObject is a stack as JSON has it.
func stackObject(s api.Stack) ui.Object {
	components := map[string][]string{}
	for t := range s.Components {
		components[t] = componentsOf(s, t)
	}
	var created, updated any
	if !s.Created.IsZero() { // the built-in stack was never made
		created, updated = s.Created, s.Updated
	}
	o := ui.Object{
		{"id", s.ID},
		{"name", s.Name},
		{"active", s.Active},
		{"owner", ui.OrNull(s.Owner)},
		{"components", components},
		{"labels", ui.LabelsOrEmpty(s.Labels)},
		{"created", created},
		{"updated", updated},
	}
	if s.Server != "" {
		o = append(o, ui.Member{"server", s.Server})
	}
	return o
}

func (a *Commands) drawStack(s api.Stack) {
	t := ui.Table{
		Title: "Stack Configuration", Header: []string{"COMPONENT_TYPE", "COMPONENT_NAME"},
		Caption: fmt.Sprintf("'%s' stack", s.Name),
	}
	if s.Active {
		t.Caption += " (ACTIVE)"
	}
	if s.Server != "" {
		t.Caption += " on server '" + s.Server + "'"
	}
	for _, name := range slices.Sorted(maps.Keys(s.Components)) {
		t.Rows = append(t.Rows, []string{strings.ToUpper(name), strings.Join(componentsOf(s, name), "\n")})
	}
	a.DrawTable(t)
	a.DrawLabels(s.Labels, "stack")
	if s.Owner == "" {
		a.Say("Stack '%s' with id '%s' is unowned.", s.Name, s.ID)
		return
	}
	a.Say("Stack '%s' with id '%s' is owned by user %s.", s.Name, s.ID, s.Owner)
}
