package cli

import (
	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
)

// registerInteractively asks for everything in ZenML's order. What is on the command line already is offered, or taken where
// it is a secret. Nothing is kept before the last answer.
func (a *app) registerInteractively(cmd *cobra.Command, name string, o *registerOptions) error {
	ctx := cmd.Context()
	req, err := o.request(cmd, name)
	if err != nil {
		return err
	}
	w := &wizard{app: a, ctx: ctx, docs: !o.noDocs, visible: o.showSecrets}
	config, err := a.config(ctx, cmd, &o.connectorFlags, nil)
	if err != nil {
		return err
	}
	defer config.wipe()
	kind, err := w.register(&req, config)
	if err != nil {
		return err
	}
	const failed = "Failed to configure service connector: "
	if instances(kind, req.ResourceType) && req.ResourceID == "" {
		dry := req
		dry.DryRun = true
		stop := a.busy(ctx, "Validating service connector configuration...")
		result, err := callWith[api.ConnectorResult](ctx, a, api.MethodConnectorRegister, dry, config)
		stop()
		if err != nil {
			return prefixed(err, failed)
		}
		if req.ResourceID, err = w.instance(reachable(result.Resources), ""); err != nil {
			return err
		}
	}
	stop := a.busy(ctx, "Validating service connector configuration...")
	result, err := callWith[api.ConnectorResult](ctx, a, api.MethodConnectorRegister, req, config)
	stop()
	if err != nil {
		return prefixed(err, failed)
	}
	return a.showRegistered(ctx, o.output, result, o.noVerify)
}

// register asks for what a new connector consists of.
func (w *wizard) register(req *api.RegisterConnector, config secrets) (kind api.ConnectorType, err error) {
	if req.Name, err = w.name(req.Name, ""); err != nil {
		return kind, err
	}
	if req.Description, err = w.prompt(w.ctx, question{
		text: "Please enter a description for the service connector", fallback: req.Description, optional: true,
	}); err != nil {
		return kind, err
	}
	if kind, err = w.connectorType(req.Type); err != nil {
		return kind, err
	}
	req.Type = kind.Type
	if req.ResourceType, err = w.resourceType(kind, req.ResourceType); err != nil {
		return kind, err
	}
	method, err := w.authMethod(kind, req.ResourceType, req.AuthMethod)
	if err != nil {
		return kind, err
	}
	req.AuthMethod = method.Method
	if err := w.configure(method, config); err != nil {
		return kind, err
	}
	if req.ExpirationSeconds, err = w.duration(method, req.ExpirationSeconds); err != nil {
		return kind, err
	}
	req.ExpiresAt, err = w.expiry(req.ExpiresAt)
	return kind, err
}
