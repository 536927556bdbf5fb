package registry

import (
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

func (a *Commands) registryUpdateCommand() *cobra.Command {
	var (
		labels []string
		attrs  command.Attributes
	)
	cmd := &cobra.Command{
		Use: "update [NAME_ID_OR_PREFIX] [--ATTRIBUTE=VALUE]...", Short: "Update a registered container " +
			"registry",
		Long: `Change attributes and labels of a container registry: of the one with that name, or
of the active stack's. What is not named stays as it is. A uri that the connected service connector
gives no access to is refused.`,
		Example: `  zen container-registry update hub --uri=docker.io/my-org
  zen container-registry update hub --default_repository=my-org --label env=prod --label old`,
		Args: command.Arguments(
			0,
			1,
		), ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.RegistryNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			changed, err := command.LabelChanges(labels)
			if err != nil {
				return err
			}
			config, err := a.plainValues(cmd.Context(), attrs)
			if err != nil {
				return err
			}
			if len(changed)+len(config) == 0 {
				return ui.Misused(cmd, "There is nothing to change: please name an attribute or a label.")
			}
			req := api.UpdateRegistry{
				Ref:           ui.Optional(args),
				Labels:        changed,
				Configuration: map[string]*string{},
			}
			for name, value := range config {
				req.Configuration[name] = &value
			}
			return a.updateRegistry(cmd, req)
		},
	}
	command.AddLabels(cmd.Flags(), &labels, "label `KEY=VALUE` to set, or KEY to remove; may be repeated")
	attrs = a.line.TakesAttributes(cmd)
	return cmd
}

func (a *Commands) updateRegistry(cmd *cobra.Command, req api.UpdateRegistry) error {
	result, err := zend.Call[api.RegistryResult](cmd.Context(), a.zend, api.MethodRegistryUpdate, req)
	if err != nil {
		return err
	}
	a.Say("Successfully updated container registry `%s`.", result.Registry.Name)
	return nil
}

func (a *Commands) registryRemoveAttributeCommand() *cobra.Command {
	var labels []string
	cmd := &cobra.Command{
		Use: "remove-attribute NAME_ID_OR_PREFIX ATTRIBUTE...", Short: "Remove attributes from a " +
			"registered container registry",
		Example: `  zen container-registry remove-attribute hub default_repository
  zen container-registry remove-attribute hub --label env`,
		Args:              command.Arguments(1, math.MaxInt, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.RegistryNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && len(labels) == 0 {
				return ui.Misused(cmd, "Missing argument 'ATTRIBUTE...'.")
			}
			req := api.UpdateRegistry{
				Ref:           args[0],
				Configuration: map[string]*string{},
				Labels:        map[string]*string{},
			}
			for _, name := range args[1:] {
				req.Configuration[strings.ReplaceAll(name, "-", "_")] = nil
			}
			for _, label := range labels {
				key, _, _ := strings.Cut(label, "=")
				req.Labels[key] = nil
			}
			return a.updateRegistry(cmd, req)
		},
	}
	command.AddLabels(cmd.Flags(), &labels, "label `KEY` to remove; may be repeated")
	return cmd
}

func (a *Commands) registryRenameCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rename NAME_ID_OR_PREFIX NEW_NAME", Short: "Rename a registered container registry",
		Example: "  zen container-registry rename hub dockerhub",
		Args: command.Arguments(
			2,
			2,
			"NAME_ID_OR_PREFIX",
			"NEW_NAME",
		), ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.RegistryNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := zend.Call[api.RegistryResult](cmd.Context(), a.zend, api.MethodRegistryUpdate,
				api.UpdateRegistry{Ref: args[0], Name: &args[1]})
			if err != nil {
				return err
			}
			a.Say("Successfully renamed container registry `%s` to `%s`.", args[0], result.Registry.Name)
			return nil
		},
	}
}

func (a *Commands) registryCopyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "copy SOURCE TARGET", Short: "Copy a registered container registry",
		Long: "Register a container registry with everything that another one has, its service " +
			"connector included.",
		Example: "  zen container-registry copy hub hub-staging",
		Args: command.Arguments(
			2,
			2,
			"SOURCE",
			"TARGET",
		), ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.RegistryNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := zend.Call[api.RegistryResult](cmd.Context(), a.zend, api.MethodRegistryCopy,
				api.CopyRef{Ref: args[0], Name: args[1]})
			if err != nil {
				return err
			}
			a.Say("Successfully copied container registry `%s` to `%s`.", args[0], result.Registry.Name)
			return nil
		},
	}
}

func (a *Commands) registryDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use: "delete NAME_ID_OR_PREFIX", Short: "Delete a registered container registry",
		Long: "Delete a container registry. It is refused while a stack uses it; its service " +
			"connector stays.",
		Example: "  zen container-registry delete hub",
		Args: command.Arguments(
			1,
			1,
			"NAME_ID_OR_PREFIX",
		), ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.RegistryNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := zend.Call[api.RegistryResult](
				cmd.Context(),
				a.zend,
				api.MethodRegistryDelete,
				api.Ref{Name: args[0]},
			)
			if err != nil {
				return err
			}
			a.Say("Deleted container registry: %s", result.Registry.Name)
			return nil
		},
	}
}
