package registry

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
)

// linkFlags say which connector a container registry is connected to.
type linkFlags struct {
	connector  string
	resourceID string
	noVerify   bool
}

func (a *Commands) addLinkFlags(cmd *cobra.Command, o *linkFlags) {
	flags := cmd.Flags()
	flags.StringVarP(&o.connector, "connector", "c", "", "connect it to this service connector: `NAME` "+
		"or ID")
	flags.StringVarP(&o.resourceID, "resource-id", "r", "", "the `ID` of the resource; the uri says it "+
		"already")
	flags.BoolVar(&o.noVerify, "no-verify", false, "do not ask the registry whether the credentials are "+
		"right")
	command.NeverEmpty(cmd, "connector")
	command.Complete(cmd, "connector", command.CompleteFrom(a.zend, 0, command.ConnectorNames))
}

type connectOptions struct {
	linkFlags

	output      ui.Output
	interactive bool
	server      string
}

func (a *Commands) registryConnectCommand() *cobra.Command {
	var o connectOptions
	cmd := &cobra.Command{
		Use:   "connect [NAME_ID_OR_PREFIX] (--connector NAME | --interactive)",
		Short: "Connect container registry to a service connector",
		Long: `Connect a container registry, the one with that name or the active stack's, to the
service connector whose credentials give access to it. The registry is asked whether they are right,
unless --no-verify is given. --interactive lists the service connectors that fit and asks. With
--server a container registry of a ZenML server is connected there, to a connector of that server.`,
		Example: `  zen container-registry connect hub --connector dockerhub
  zen container-registry connect hub -i`,
		Args: command.Arguments(
			0,
			1,
		), ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.RegistryNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connectRegistry(cmd, ui.Optional(args),
				&o)
		},
	}
	cmd.Flags().BoolVarP(&o.interactive, "interactive", "i", false, "choose among the service connectors "+
		"that fit")
	a.addLinkFlags(cmd, &o.linkFlags)
	command.AddOutput(a.UI, cmd, &o.output)
	command.AddServerOf(a.zend, cmd, &o.server, "container registry")
	return cmd
}

func (a *Commands) connectRegistry(cmd *cobra.Command, ref string, o *connectOptions) error {
	ctx := cmd.Context()
	switch {
	case o.connector == "" && !o.interactive:
		return ui.Refused("Please provide either a connector ID or set the interactive flag.",
			cmd.CommandPath()+" NAME --connector CONNECTOR")
	case o.connector != "" && o.interactive:
		return ui.Refused("Please provide either a connector ID or set the interactive flag, not both.",
			cmd.CommandPath()+" NAME --connector CONNECTOR")
	}
	current, err := zend.Call[api.RegistryResult](
		ctx,
		a.zend,
		api.MethodRegistryGet,
		api.Ref{Name: ref, Server: o.server, Exact: true},
	)
	if err != nil {
		return err
	}
	// changing what others use too has to be asked for
	if s := current.Registry.Server; s != "" && o.server == "" {
		return ui.Refused("container registry '"+current.Registry.Name+"' is not local; it "+
			"belongs to server '"+s+"'", "add --server "+s)
	}
	link := o.linkFlags
	if o.interactive {
		if link.connector, err = a.chooseConnector(ctx, current.Registry); err != nil {
			return err
		}
	}
	result, err := zend.Call[api.RegistryResult](ctx, a.zend, api.MethodRegistryConnect, api.ConnectRegistry{
		Server: o.server, Ref: current.Registry.ID, Connector: link.connector, ResourceID: link.resourceID,
		NoVerify: link.noVerify,
	})
	if ui.IsUnknown(err) {
		return ui.Prefixed(err, "Could not find a connector '%s': ", link.connector)
	}
	if err != nil {
		return err
	}
	return a.showConnected(ctx, o.output, result, link)
}

// showConnected says what a container registry was connected to.
func (a *Commands) showConnected(
	ctx context.Context,
	o ui.Output,
	result api.RegistryResult,
	link linkFlags,
) error {
	r := result.Registry
	if link.resourceID != "" && !sameHost(link.resourceID, r.URI()) {
		a.Warn(fmt.Sprintf("--resource-id %s was ignored: the container registry's uri is "+
			"%s", link.resourceID, r.URI()), "")
	}
	if link.noVerify {
		a.Say("Successfully connected container registry `%s` to resource.", r.Name)
	} else {
		resource.WarnUnchecked(a.UI, result.Resources)
		a.Say("Successfully connected container registry `%s` to the following resources:", r.Name)
	}
	doc := append(registryObject(r), ui.Member{"resources", resource.Objects(result.Resources)})
	return a.Show(o, doc, func() {
		if len(result.Resources) > 0 {
			resource.DrawOfConnectors(ctx, a.UI, a.types, result.Resources)
		}
	})
}

func sameHost(one, other string) bool {
	a, errA := address.Parse(one)
	b, errB := address.Parse(other)
	return errA == nil && errB == nil && a.Host() == b.Host()
}

// chooseConnector asks which of the connectors that give access to a container registry
// shall be used.
func (a *Commands) chooseConnector(ctx context.Context, r api.ContainerRegistry) (string, error) {
	fits, err := a.compatible(ctx, r)
	if err != nil {
		return "", err
	}
	switch len(fits) {
	case 0:
		list := "zen service-connector list-resources --resource-type " + registryResource +
			" --resource-id " + r.URI()
		return "", credential.NewError(credential.NoSuchEntity, fmt.Sprintf(
			"No compatible valid resources were found for the '%s' container registry. You can create a "+
				"new connector using the "+
				"'zen service-connector register' command or list the compatible resources using the "+
				"'%s' command.", r.Name, list),
			"zen service-connector register -i")
	case 1:
		a.Say("Only one connector has compatible resources:")
		resource.DrawOfConnectors(ctx, a.UI, a.types, fits)
		yes, err := a.Confirm(ctx, "Would you like to use this connector?", true)
		if err == nil && !yes {
			err = ui.ErrAborted
		}
		return fits[0].ConnectorID, err
	}
	a.Say("The following connectors have compatible resources:")
	resource.DrawOfConnectors(ctx, a.UI, a.types, fits)
	for {
		answer, err := a.Prompt(ctx, ui.Question{Text: "Please enter the name or ID of the connector you " +
			"want to use"})
		if err != nil {
			return "", err
		}
		if id, ok := pick(fits, answer); ok {
			return id, nil
		}
		a.Say("Error: '%s' is none of these connectors.", answer)
	}
}

// compatible are the resources that a container registry can be connected to. A type of
// connectors that some flavor is made for serves that flavor, and those that take any.
func (a *Commands) compatible(ctx context.Context, r api.ContainerRegistry) ([]api.Resource, error) {
	flavors, err := zend.Call[api.Flavors](ctx, a.zend, api.MethodRegistryFlavors, api.Empty{})
	if err != nil {
		return nil, err
	}
	wanted, claimed := "", map[string]bool{}
	for _, f := range flavors.Items {
		claimed[f.ConnectorType] = true
		if f.Name == r.Flavor {
			wanted = f.ConnectorType
		}
	}
	list, err := zend.Call[api.ResourceList](ctx, a.zend, api.MethodConnectorResources,
		api.ResourcesQuery{ResourceType: registryResource, ResourceID: r.URI()})
	return slices.DeleteFunc(list.Items, func(res api.Resource) bool {
		return res.Error != "" || wanted != "" && res.ConnectorType != wanted && claimed[res.ConnectorType]
	}), err
}

// pick finds the connector that an answer means: by name or id.
func pick(list []api.Resource, answer string) (id string, ok bool) {
	for _, r := range list {
		if r.ConnectorID == answer || r.ConnectorName == answer {
			return r.ConnectorID, true
		}
	}
	return "", false
}

func (a *Commands) registryDisconnectCommand() *cobra.Command {
	var server string
	cmd := &cobra.Command{
		Use: "disconnect NAME_ID_OR_PREFIX", Short: "Disconnect container registry from a service " +
			"connector",
		Example: "  zen container-registry disconnect hub",
		Args: command.Arguments(
			1,
			1,
			"NAME_ID_OR_PREFIX",
		), ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.RegistryNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			result, err := zend.Call[api.RegistryResult](
				cmd.Context(),
				a.zend,
				api.MethodRegistryDisconnect,
				api.Ref{Name: args[0], Server: server},
			)
			if err != nil {
				return err
			}
			a.Say("Successfully disconnected the service-connector from container registry "+
				"`%s`.", result.Registry.Name)
			return nil
		},
	}
	command.AddServerOf(a.zend, cmd, &server, "container registry")
	return cmd
}
