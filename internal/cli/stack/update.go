package stack

import (
	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

func (a *Commands) stackUpdateCommand() *cobra.Command {
	var (
		labels     []string
		components componentFlags
	)
	cmd := &cobra.Command{
		Use: "update [STACK_NAME_ID_OR_PREFIX] [-c CONTAINER_REGISTRY]...", Short: "Update a stack with " +
			"new components",
		Long: `Replace components of a stack: of the one with that name, or of the active stack.
What is not named stays as it is.`,
		Example: "  zen stack update -c hub\n  zen stack update prod -c hub --label env=prod",
		Args:    command.Arguments(0, 1), ValidArgsFunction: command.CompleteFrom(a.zend, 1, stackNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			changed, err := command.LabelChanges(labels)
			if err != nil {
				return err
			}
			first, further := components.named()
			if len(first)+len(changed) == 0 {
				return ui.Misused(cmd, "There is nothing to change: please name a component or a label.")
			}
			req := api.UpdateStack{
				Ref:        ui.Optional(args),
				Components: map[string]*string{},
				Further:    further,
				Labels:     changed,
			}
			for t, name := range first {
				req.Components[t] = &name
			}
			return a.updateStack(cmd, req)
		},
	}
	components = a.addComponentFlags(cmd)
	cmd.Flags().StringArrayVar(&labels, "label", nil, "label `KEY=VALUE` to set, or KEY to remove; may "+
		"be repeated")
	return cmd
}

func (a *Commands) updateStack(cmd *cobra.Command, req api.UpdateStack) error {
	result, err := zend.Call[api.StackResult](cmd.Context(), a.zend, api.MethodStackUpdate, req)
	if err != nil {
		return err
	}
	a.Say("Stack `%s` successfully updated!", result.Stack.Name)
	return nil
}

func (a *Commands) stackRemoveComponentCommand() *cobra.Command {
	remove := map[string]*bool{}
	cmd := &cobra.Command{
		Use: "remove-component [STACK_NAME_ID_OR_PREFIX] -c", Short: "Remove stack components from a stack",
		Long: `Remove components from a stack: from the one with that name, or from the active
stack. The components themselves stay. An artifact store and an orchestrator can be replaced, but
not removed.`,
		Example: "  zen stack remove-component -c\n  zen stack remove-component prod -c -i",
		Args:    command.Arguments(0, 1), ValidArgsFunction: command.CompleteFrom(a.zend, 1, stackNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := api.UpdateStack{Ref: ui.Optional(args), Components: map[string]*string{}}
			for t, yes := range remove {
				if *yes {
					req.Components[t] = nil
				}
			}
			if len(req.Components) == 0 {
				return ui.Misused(cmd, "There is nothing to remove: please name a type of components.")
			}
			return a.updateStack(cmd, req)
		},
	}
	for _, t := range componentTypes() {
		if t.name == "artifact_store" || t.name == "orchestrator" {
			continue // every stack has one
		}
		remove[t.name] = cmd.Flags().
			BoolP(t.option, t.shorthand(), false, "remove the "+t.words()+" from this stack")
		if len(t.letters) > 1 {
			command.LongShorthand(cmd, t.letters, t.option)
		}
	}
	return cmd
}

func (a *Commands) stackRenameCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rename STACK_NAME_ID_OR_PREFIX NEW_STACK_NAME", Short: "Rename a stack",
		Example: "  zen stack rename prod production",
		Args: command.Arguments(
			2,
			2,
			"STACK_NAME_ID_OR_PREFIX",
			"NEW_STACK_NAME",
		), ValidArgsFunction: command.CompleteFrom(a.zend, 1, stackNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := zend.Call[api.StackResult](cmd.Context(), a.zend, api.MethodStackUpdate,
				api.UpdateStack{Ref: args[0], Name: &args[1]})
			if err != nil {
				return err
			}
			a.Say("Stack `%s` successfully renamed to `%s`!", args[0], result.Stack.Name)
			return nil
		},
	}
}

func (a *Commands) stackCopyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "copy SOURCE_STACK TARGET_STACK", Short: "Copy a stack to a new stack name",
		Example: "  zen stack copy prod staging",
		Args: command.Arguments(
			2,
			2,
			"SOURCE_STACK",
			"TARGET_STACK",
		), ValidArgsFunction: command.CompleteFrom(a.zend, 1, stackNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := zend.Call[api.StackResult](
				cmd.Context(),
				a.zend,
				api.MethodStackCopy,
				api.CopyRef{Ref: args[0], Name: args[1]},
			)
			if err != nil {
				return err
			}
			a.Say("Stack `%s` successfully copied to `%s`!", args[0], result.Stack.Name)
			return nil
		},
	}
}

func (a *Commands) stackSetCommand() *cobra.Command {
	return &cobra.Command{
		Use: "set STACK_NAME_ID_OR_PREFIX", Short: "Set a stack as active",
		Long: "Make a stack the active one: the one that commands mean that name no stack or no " +
			"container registry.",
		Example: "  zen stack set prod",
		Args: command.Arguments(
			1,
			1,
			"STACK_NAME_ID_OR_PREFIX",
		), ValidArgsFunction: command.CompleteFrom(a.zend, 1, stackNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := zend.Call[api.StackResult](
				cmd.Context(),
				a.zend,
				api.MethodStackSet,
				api.Ref{Name: args[0]},
			)
			if err != nil {
				return err
			}
			a.Say("Active global stack set to: '%s'", result.Stack.Name)
			return nil
		},
	}
}

func (a *Commands) stackDeleteCommand() *cobra.Command {
	var yes, recursive bool
	cmd := &cobra.Command{
		Use: "delete STACK_NAME_ID_OR_PREFIX", Short: "Delete a stack",
		Long: "Delete a stack, after a question. Its components stay, unless --recursive is given. The " +
			"active stack\n" +
			"cannot be deleted.",
		Example: "  zen stack delete staging\n  zen stack delete staging --recursive --yes",
		Args: command.Arguments(
			1,
			1,
			"STACK_NAME_ID_OR_PREFIX",
		), ValidArgsFunction: command.CompleteFrom(a.zend, 1, stackNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			found, err := zend.Call[api.StackResult](ctx, a.zend, api.MethodStackGet,
				api.Ref{Name: args[0], Exact: true})
			if err != nil {
				return err
			}
			what := "stack '" + found.Stack.Name + "'."
			if recursive {
				what = "stack '" + found.Stack.Name + "' and its container registry, unless another " +
					"stack uses that."
			}
			if !yes {
				sure, err := a.Confirm(ctx, "This will delete "+what+" \nAre you sure you want to "+
					"proceed?", false)
				if err != nil {
					return err
				}
				if !sure {
					a.Say("Stack deletion canceled.")
					return nil
				}
			}
			result, err := zend.Call[api.StackResult](ctx, a.zend, api.MethodStackDelete,
				api.DeleteStack{Ref: found.Stack.ID, Recursive: recursive})
			if err != nil {
				return err
			}
			a.Say("Deleted stack '%s'.", result.Stack.Name)
			return nil
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "delete its container registry too, unless "+
		"another stack uses it")
	return cmd
}
