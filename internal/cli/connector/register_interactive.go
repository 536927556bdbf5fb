package connector

import (
	"maps"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// registerInteractively asks for everything in ZenML's order. What is on the command line
// already is offered, or taken where it is a secret. Nothing is kept before the last
// answer.
func (a *Commands) registerInteractively(cmd *cobra.Command, name string, o *registerOptions) error {
	ctx := cmd.Context()
	req, err := o.request(cmd, name)
	if err != nil {
		return err
	}
	w := &wizard{Commands: a, ctx: ctx, docs: !o.noDocs, visible: o.showSecrets, server: o.server}
	config, err := a.config(ctx, cmd, &o.connectorFlags, nil)
	if err != nil {
		return err
	}
	defer config.Wipe()
	kind, err := w.register(&req, config, o.autoConfigure)
	if err != nil {
		return err
	}
	const failed = "Failed to configure service connector: "
	if req.Insecure, err = w.insecure(req.Insecure, config); err != nil {
		return err
	}
	if instances(kind, req.ResourceType) && req.ResourceID == "" {
		dry := req
		dry.DryRun = true
		stop := a.Busy(ctx, "Validating service connector configuration...")
		result, err := zend.CallWith[api.ConnectorResult](
			ctx,
			a.zend,
			api.MethodConnectorRegister,
			dry,
			config,
		)
		stop()
		if err != nil {
			return ui.Prefixed(err, failed)
		}
		if req.ResourceID, err = w.instance(reachable(result.Resources), ""); err != nil {
			return err
		}
	}
	stop := a.Busy(ctx, "Validating service connector configuration...")
	result, err := zend.CallWith[api.ConnectorResult](ctx, a.zend, api.MethodConnectorRegister, req, config)
	stop()
	if err != nil {
		return ui.Prefixed(err, failed)
	}
	return a.showRegistered(ctx, o.output, result, o.noVerify)
}

// register asks for what a new connector consists of.
func (w *wizard) register(
	req *api.RegisterConnector,
	config zend.Secrets,
	auto bool,
) (kind api.ConnectorType, err error) {
	if req.Name, err = w.name(req.Name, ""); err != nil {
		return kind, err
	}
	if req.Description, err = w.Prompt(w.ctx, ui.Question{
		Text: "Please enter a description for the service connector", Fallback: req.Description,
		Optional: true,
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
	if done, err := w.autoConfiguration(kind, config, auto); err != nil || done {
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

// autoConfiguration offers to take the configuration from the local environment, where
// the type can do that. It reports whether it did.
func (w *wizard) autoConfiguration(
	kind api.ConnectorType,
	config zend.Secrets,
	wanted bool,
) (done bool, err error) {
	if !kind.SupportsAutoConfiguration {
		return false, nil
	}
	if !wanted {
		wanted, err = w.Confirm(w.ctx, "Would you like to attempt auto-configuration to extract the "+
			"authentication configuration "+
			"from your local environment ?", false)
		if err != nil || !wanted {
			return false, err
		}
	}
	found := maps.Clone(config)
	if err := w.discover(kind, found); err != nil {
		if ui.IsEnd(err) {
			return false, err
		}
		w.Say("Auto-configuration was not successful: %s", err)
		manual, confirmErr := w.Confirm(w.ctx, "Would you like to continue with manual configuration ?", true)
		if confirmErr == nil && !manual {
			confirmErr = ui.ErrAborted
		}
		return false, confirmErr
	}
	choice, err := w.Prompt(w.ctx, ui.Question{
		Text:    "Would you like to continue with the auto-discovered configuration or switch to manual ?",
		Choices: []string{"auto", "manual"}, Fallback: "auto",
	})
	if err != nil || choice == "manual" {
		for name, value := range found {
			if _, ours := config[name]; !ours {
				value.Wipe()
			}
		}
		return false, err
	}
	maps.Copy(config, found)
	return true, nil
}

// discover asks for which registry, unless that is known, and takes the login that is
// there.
func (w *wizard) discover(kind api.ConnectorType, found zend.Secrets) error {
	for _, m := range kind.AuthMethods {
		for _, attr := range m.Attributes {
			if _, ok := found[attr.Name]; ok || attr.Name != "registry" {
				continue
			}
			registry, err := w.attribute(attr, attributeText(attr), !attr.Required)
			if err != nil {
				return err
			}
			if !registry.IsEmpty() {
				found[attr.Name] = registry
			}
		}
	}
	return w.autoConfigure(w.ctx, kind.Name, true, found)
}

// insecure asks whether a registry that was given as http:// on another machine is meant
// so, unless --insecure says it.
func (w *wizard) insecure(agreed bool, config zend.Secrets) (bool, error) {
	a, scheme, err := address.ParseScheme(string(config["registry"].Reveal()))
	if agreed || err != nil || scheme != address.HTTP || a.IsLoopback() || a.IsHub() {
		return agreed, nil
	}
	agreed, err = w.Confirm(w.ctx, "Passwords will cross the network to "+a.Host()+
		" unencrypted, for anyone there to read. Continue?", false)
	if err == nil && !agreed {
		err = ui.ErrAborted
	}
	return agreed, err
}
