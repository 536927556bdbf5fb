package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
)

type registryOptions struct {
	linkFlags

	output ui.Output
	flavor string
	labels []string
	attrs  attributes
}

func (a *app) registryRegisterCommand() *cobra.Command {
	var o registryOptions
	cmd := &cobra.Command{
		Use: "register NAME --uri=URI [--ATTRIBUTE=VALUE]...", Short: "Register a new container registry",
		Long: `Register a container registry. Without --flavor its flavor follows from the uri. Options that zen does not know are
attributes of the flavor, as 'zen container-registry flavor describe FLAVOR' lists them.

With --connector the container registry is connected in the same step: either both work, or nothing is kept.`,
		Example: `  zen container-registry register local --flavor=default --uri=localhost:5000
  zen container-registry register hub --uri=docker.io/me --connector dockerhub
  zen container-registry register gh --uri=ghcr.io/my-org --default_repository=my-org --label env=prod`,
		Args: arguments(1, 1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.registerRegistry(cmd.Context(), args[0], &o) },
	}
	cmd.Flags().StringVarP(&o.flavor, "flavor", "f", "", "the `FLAVOR` of the container registry (default: as the uri says)")
	addLabels(cmd.Flags(), &o.labels, "label `KEY=VALUE`; may be repeated")
	a.addLinkFlags(cmd, &o.linkFlags)
	addOutput(a.UI, cmd, &o.output)
	complete(cmd, "flavor", a.completeFrom(0, flavorNames))
	o.attrs = a.takesAttributes(cmd)
	return cmd
}

func (a *app) registerRegistry(ctx context.Context, name string, o *registryOptions) error {
	labels, err := labelsOf(o.labels)
	if err != nil {
		return err
	}
	config, err := a.plainValues(ctx, o.attrs)
	if err != nil {
		return err
	}
	result, err := call[api.RegistryResult](ctx, a, api.MethodRegistryRegister, api.RegisterRegistry{
		Name: name, Flavor: o.flavor, Configuration: config, Labels: labels,
		Connector: o.connector, ResourceID: o.resourceID, NoVerify: o.noVerify,
	})
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
