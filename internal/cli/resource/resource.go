package resource

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// Flags name a resource of a connector.
type Flags struct{ ResourceType, ResourceID string }

// AddFlags gives a command the options that name a resource.
func AddFlags(connect zend.Connect, cmd *cobra.Command, r *Flags) {
	cmd.Flags().StringVarP(&r.ResourceType, "resource-type", "r", "", "the `TYPE` of resource to connect to")
	cmd.Flags().StringVar(&r.ResourceID, "resource-id", "", "the `ID` of the resource to connect to")
	command.LongShorthand(cmd, "ri", "resource-id")
	command.Complete(cmd, "resource-type", command.CompleteFrom(connect, 0, command.ResourceTypeNames))
}

// SayShadowed says that another connector of the same name was not meant.
func SayShadowed(a *ui.UI, servers []string) {
	if len(servers) > 0 {
		a.Say("It is the one of this machine; there is one of the same name on %s: add --server to use "+
			"that.", strings.Join(servers, ", "))
	}
}

// Draw prints ZenML's table of what one connector gives access to.
func Draw(ctx context.Context, a *ui.UI, types *TypeCache, list []api.Resource) {
	book := types.Pictures(ctx)
	t := ui.Table{Header: []string{"RESOURCE TYPE", "RESOURCE NAMES"}, CenterFirst: true}
	for _, r := range list {
		t.Rows = append(t.Rows, []string{book.resource(r.ResourceType), resourceNames(r)})
	}
	a.DrawTable(t)
}

// DrawOfConnectors prints ZenML's table of what several connectors give access to.
func DrawOfConnectors(ctx context.Context, a *ui.UI, types *TypeCache, list []api.Resource) {
	book := types.Pictures(ctx)
	t := ui.Table{
		Header: []string{"CONNECTOR ID", "CONNECTOR NAME", "CONNECTOR TYPE", "RESOURCE " +
			"TYPE", "RESOURCE NAMES"},
		CenterFirst: true,
	}
	for _, r := range list {
		t.Rows = append(t.Rows, []string{
			r.ConnectorID, r.ConnectorName, book.Connector(r.ConnectorType), book.resource(r.ResourceType),
			resourceNames(r),
		})
	}
	a.DrawTable(t)
}

// resourceNames is the cell of a resource's names. An error takes their place unless it
// only says that nobody could check.
func resourceNames(r api.Resource) string {
	if r.Error != "" && !Unchecked(r) {
		return "💥 error: " + r.Error
	}
	if len(r.ResourceIDs) == 0 {
		return "🤷 none listed"
	}
	return strings.Join(r.ResourceIDs, "\n")
}

// Unchecked reports whether the registry was asked and gave no answer about the
// credentials.
func Unchecked(r api.Resource) bool {
	return r.Verification == api.VerificationUnreachable || r.Verification == api.VerificationAnonymous
}

// WarnUnchecked says of each resource whose credentials nobody vouched for that they were
// not verified.
func WarnUnchecked(a *ui.UI, list []api.Resource) {
	for _, r := range list {
		if !Unchecked(r) {
			continue
		}
		message := "the credentials for " + strings.Join(r.ResourceIDs, ", ") + " were not verified"
		if r.Error != "" {
			message += ": " + r.Error
		}
		a.Warn(message, "zen service-connector verify "+r.ConnectorName)
	}
}

// Objects are resources as JSON has them.
func Objects(list []api.Resource) []ui.Object {
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
