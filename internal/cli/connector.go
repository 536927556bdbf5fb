package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
)

func (a *app) connectorCommand() *cobra.Command {
	cmd := command.Group("service-connector", "Configure and manage service connectors",
		"  zen service-connector register dockerhub --type docker --username=me --password-stdin\n"+
			"  zen service-connector list",
		a.connectorRegisterCommand(), a.connectorListCommand(), a.connectorDescribeCommand(), a.connectorUpdateCommand(),
		a.connectorDeleteCommand(), a.connectorVerifyCommand(), a.connectorLoginCommand(), a.connectorLogoutCommand(),
		a.connectorResourcesCommand(), a.connectorTypesCommand(), a.connectorTypeCommand())
	cmd.Aliases = []string{"connector"}
	return cmd
}

// resourceFlags name a resource of a connector.
type resourceFlags struct{ resourceType, resourceID string }

func (a *app) addResourceFlags(cmd *cobra.Command, r *resourceFlags) {
	cmd.Flags().StringVarP(&r.resourceType, "resource-type", "r", "", "the `TYPE` of resource to connect to")
	cmd.Flags().StringVar(&r.resourceID, "resource-id", "", "the `ID` of the resource to connect to")
	command.LongShorthand(cmd, "ri", "resource-id")
	command.Complete(cmd, "resource-type", command.CompleteFrom(a.zend, 0, command.ResourceTypeNames))
}

// sayServer says where a connector is that was changed, if not on this machine.
func (a *app) sayServer(c api.ServiceConnector) {
	if c.Server != "" {
		a.Say("This was done on server '%s', for everybody who uses it there.", c.Server)
	}
}

// sayShadowed says that another connector of the same name was not meant.
func (a *app) sayShadowed(servers []string) {
	if len(servers) > 0 {
		a.Say("It is the one of this machine; there is one of the same name on %s: add --server to use that.", strings.Join(servers, ", "))
	}
}

// drawResources prints ZenML's table of what one connector gives access to.
func (a *app) drawResources(ctx context.Context, list []api.Resource) {
	book := a.pictures(ctx)
	t := ui.Table{Header: []string{"RESOURCE TYPE", "RESOURCE NAMES"}, CenterFirst: true}
	for _, r := range list {
		t.Rows = append(t.Rows, []string{book.resource(r.ResourceType), resourceNames(r)})
	}
	a.DrawTable(t)
}

// drawConnectorResources prints ZenML's table of what several connectors give access to.
func (a *app) drawConnectorResources(ctx context.Context, list []api.Resource) {
	book := a.pictures(ctx)
	t := ui.Table{
		Header:      []string{"CONNECTOR ID", "CONNECTOR NAME", "CONNECTOR TYPE", "RESOURCE TYPE", "RESOURCE NAMES"},
		CenterFirst: true,
	}
	for _, r := range list {
		t.Rows = append(t.Rows, []string{
			r.ConnectorID, r.ConnectorName, book.connector(r.ConnectorType), book.resource(r.ResourceType), resourceNames(r),
		})
	}
	a.DrawTable(t)
}

// resourceNames is the cell of a resource's names. An error takes their place unless it only says that nobody could check.
func resourceNames(r api.Resource) string {
	if r.Error != "" && !unchecked(r) {
		return "💥 error: " + r.Error
	}
	if len(r.ResourceIDs) == 0 {
		return "🤷 none listed"
	}
	return strings.Join(r.ResourceIDs, "\n")
}

// unchecked reports whether the registry was asked and gave no answer about the credentials.
func unchecked(r api.Resource) bool {
	return r.Verification == api.VerificationUnreachable || r.Verification == api.VerificationAnonymous
}

// warnUnchecked says of each resource whose credentials nobody vouched for that they were not verified.
func (a *app) warnUnchecked(list []api.Resource) {
	for _, r := range list {
		if !unchecked(r) {
			continue
		}
		message := "the credentials for " + strings.Join(r.ResourceIDs, ", ") + " were not verified"
		if r.Error != "" {
			message += ": " + r.Error
		}
		a.Warn(message, "zen service-connector verify "+r.ConnectorName)
	}
}

// resourceObjects are resources as JSON has them.
func resourceObjects(list []api.Resource) []ui.Object {
	objects := []ui.Object{}
	for _, r := range list {
		objects = append(objects, ui.Object{
			{"resource_type", r.ResourceType},
			{"resource_names", ui.OrEmpty(r.ResourceIDs)},
			{"verification", ui.OrNull(r.Verification)},
			{"error", ui.OrNull(r.Error)},
		})
	}
	return objects
}

// showAccess shows what a connector gives access to, as register, update and verify end.
func (a *app) showAccess(ctx context.Context, o ui.Output, result api.ConnectorResult) error {
	doc := ui.Object{
		{"id", result.Connector.ID},
		{"name", result.Connector.Name},
		{"type", result.Connector.Type},
		{"resources", resourceObjects(result.Resources)},
	}
	return a.Show(o, doc, func() {
		if len(result.Resources) > 0 {
			a.drawResources(ctx, result.Resources)
		}
	})
}
