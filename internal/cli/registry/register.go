package registry

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

type registryOptions struct {
	linkFlags

	output ui.Output
	flavor string
	labels []string
	attrs  command.Attributes
}

func (a *Commands) registryRegisterCommand() *cobra.Command {
	var o registryOptions
	cmd := &cobra.Command{
		Use: "register NAME --uri=URI [--ATTRIBUTE=VALUE]...", Short: "Register a new container registry",
		Long: `Register a container registry. Without --flavor its flavor follows from the uri.
Options that zen does not know are attributes of the flavor, as 'zen container-registry flavor
describe FLAVOR' lists them.

With --connector the container registry is connected in the same step: either both work, or nothing
is kept.`,
		Example: `  zen container-registry register local --flavor=default --uri=localhost:5000
  zen container-registry register hub --uri=docker.io/me --connector dockerhub
  zen container-registry register gh --uri=ghcr.io/my-org --default_repository=my-org --label env=prod`,
		Args: command.Arguments(1, 1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.registerRegistry(cmd.Context(),
				args[0], &o)
		},
	}
	cmd.Flags().StringVarP(&o.flavor, "flavor", "f", "", "the `FLAVOR` of the container registry "+
		"(default: as the uri says)")
	command.AddLabels(cmd.Flags(), &o.labels, "label `KEY=VALUE`; may be repeated")
	a.addLinkFlags(cmd, &o.linkFlags)
	command.AddOutput(a.UI, cmd, &o.output)
	command.Complete(cmd, "flavor", command.CompleteFrom(a.zend, 0, flavorNames))
	o.attrs = a.line.TakesAttributes(cmd)
	return cmd
}

func (a *Commands) registerRegistry(ctx context.Context, name string, o *registryOptions) error {
	labels, err := command.LabelsOf(o.labels)
	if err != nil {
		return err
	}
	config, err := a.plainValues(ctx, o.attrs)
	if err != nil {
		return err
	}
	result, err := zend.Call[api.RegistryResult](
		ctx,
		a.zend,
		api.MethodRegistryRegister,
		api.RegisterRegistry{
			Name: name, Flavor: o.flavor, Configuration: config, Labels: labels,
			Connector: o.connector, ResourceID: o.resourceID, NoVerify: o.noVerify,
		},
	)
	if err != nil {
		return err
	}
	r := result.Registry
	a.Say("Successfully registered container_registry `%s`.", r.Name)
	if o.flavor == "" {
		a.Say("Its flavor is `%s`, as its uri says.", r.Flavor)
	}
	if o.connector == "" {
		return a.Show(o.output, registryObject(r), func() {})
	}
	return a.showConnected(ctx, o.output, result, o.linkFlags)
}
