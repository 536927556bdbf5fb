package connector

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// updateInteractively walks through a connector's parts and offers what each one is now.
// Nothing is changed before the last answer.
func (a *Commands) updateInteractively(cmd *cobra.Command, ref string, o *updateOptions) error {
	ctx := cmd.Context()
	req, err := o.request(cmd, ref)
	if err != nil {
		return err
	}
	current, err := zend.Call[api.ConnectorResult](
		ctx,
		a.zend,
		api.MethodConnectorGet,
		api.UseConnector{Ref: ref, Server: o.server, Exact: true},
	)
	if err != nil {
		return err
	}
	book, err := a.TypesOn(ctx, o.server)
	if err != nil {
		return ui.Prefixed(err, updateFailed)
	}
	kind, _ := book.Find(current.Connector.Type)
	req.Ref = current.Connector.ID
	w := &wizard{Commands: a, ctx: ctx, visible: o.showSecrets, server: o.server}
	config, err := a.config(ctx, cmd, &o.connectorFlags, nil)
	if err != nil {
		return err
	}
	defer config.Wipe()
	if err := w.update(&req, current.Connector, kind, config); err != nil {
		return err
	}
	if req.Insecure, err = w.insecure(req.Insecure, config); err != nil {
		return err
	}
	if resourceType := orElse(req.ResourceType, onlyOne(current.Connector.ResourceTypes)); instances(
		kind,
		resourceType,
	) {
		dry := req
		dry.DryRun, dry.Remove = true, append(slices.Clone(req.Remove), "resource_id")
		stop := a.Busy(ctx, "Validating service connector configuration...")
		result, err := zend.CallWith[api.ConnectorResult](ctx, a.zend, api.MethodConnectorUpdate, dry, config)
		stop()
		if err != nil {
			return ui.Prefixed(err, updateFailed)
		}
		if err := w.updateInstance(&req, current.Connector, reachable(result.Resources)); err != nil {
			return err
		}
	}
	stop := a.Busy(ctx, "Validating service connector configuration...")
	result, err := zend.CallWith[api.ConnectorResult](ctx, a.zend, api.MethodConnectorUpdate, req, config)
	stop()
	if err != nil {
		return ui.Prefixed(err, updateFailed)
	}
	return a.showUpdated(cmd, o.output, result, o.noVerify)
}

func (w *wizard) updateInstance(req *api.UpdateConnector, c api.ServiceConnector, ids []string) error {
	id, err := w.instance(ids, orElse(req.ResourceID, c.ResourceID))
	if err != nil {
		return err
	}
	if id == "" {
		req.ResourceID, req.Remove = nil, append(req.Remove, "resource_id")
		return nil
	}
	req.ResourceID = &id
	return nil
}

// update asks for what shall change.
func (w *wizard) update(
	req *api.UpdateConnector,
	c api.ServiceConnector,
	kind api.ConnectorType,
	config zend.Secrets,
) error {
	name, err := w.name(orElse(req.Name, c.Name), c.Name)
	if err != nil {
		return err
	}
	req.Name = &name
	description, err := w.Prompt(w.ctx, ui.Question{
		Text:     "Please enter a description for the service connector",
		Fallback: orElse(req.Description, c.Description), Optional: true,
	})
	if err != nil {
		return err
	}
	req.Description = &description
	method, err := w.updateMethod(req, c, kind)
	if err != nil {
		return err
	}
	if err := w.updateConfig(req, c, method, config); err != nil {
		return err
	}
	if len(kind.ResourceTypes) > 1 {
		if err := w.updateResourceType(req, c, kind); err != nil {
			return err
		}
	}
	return w.updateExpiry(req, c, method)
}

func (w *wizard) updateMethod(
	req *api.UpdateConnector,
	c api.ServiceConnector,
	kind api.ConnectorType,
) (api.AuthMethod, error) {
	name := orElse(req.AuthMethod, c.AuthMethod)
	if len(kind.AuthMethods) > 1 {
		var err error
		name, err = w.Prompt(w.ctx, ui.Question{
			Text:    "Please select an authentication method or press Enter to keep the existing one",
			Choices: resource.AuthMethodsOf(kind), Fallback: name,
		})
		if err != nil {
			return api.AuthMethod{}, err
		}
	}
	i := slices.IndexFunc(kind.AuthMethods, func(m api.AuthMethod) bool { return m.Method == name })
	if i < 0 {
		return api.AuthMethod{}, resource.UnsupportedMethod(kind, name)
	}
	req.AuthMethod = &name
	return kind.AuthMethods[i], nil
}

// updateConfig asks for the attributes. Another method needs them all; with the same one
// each keeps its value on Enter.
func (w *wizard) updateConfig(
	req *api.UpdateConnector,
	c api.ServiceConnector,
	method api.AuthMethod,
	config zend.Secrets,
) error {
	if method.Method != c.AuthMethod {
		for _, name := range slices.Sorted(maps.Keys(configuration(c))) {
			if !slices.ContainsFunc(
				method.Attributes,
				func(attr api.Attribute) bool { return attr.Name == name },
			) {
				req.Remove = append(req.Remove, name)
			}
		}
		return w.configure(method, config)
	}
	yes, err := w.Confirm(w.ctx, "Would you like to update the authentication configuration?", false)
	if err != nil || !yes {
		return err
	}
	now := configuration(c)
	for _, attr := range method.Attributes {
		if _, ok := config[attr.Name]; ok {
			continue
		}
		if err := w.updateAttribute(req, attr, now, config); err != nil {
			return err
		}
	}
	return nil
}

func (w *wizard) updateAttribute(
	req *api.UpdateConnector,
	attr api.Attribute,
	now map[string]string,
	config zend.Secrets,
) error {
	value, isSet := now[attr.Name]
	text := attributeText(attr)
	if isSet {
		text += " is currently set to: " + value + ". Please enter a new value or press Enter to keep it"
	}
	attr.Default = ""
	entered, err := w.attribute(attr, text, isSet || !attr.Required)
	if err != nil {
		return err
	}
	if !entered.IsEmpty() {
		config[attr.Name] = entered
		return nil
	}
	if !isSet || attr.Required {
		return nil
	}
	remove, err := w.Confirm(w.ctx, fmt.Sprintf("Would you like to remove the optional attribute "+
		"'%s'?", attr.Name), false)
	if err == nil && remove {
		req.Remove = append(req.Remove, attr.Name)
	}
	return err
}

func (w *wizard) updateResourceType(
	req *api.UpdateConnector,
	c api.ServiceConnector,
	kind api.ConnectorType,
) error {
	resourceType, err := w.Prompt(w.ctx, ui.Question{
		Text: "Please select a resource type, press Enter to keep the existing one, or enter 'any' " +
			"for all of them",
		Choices: append(
			resource.TypesOf(kind),
			"any",
		), Fallback: orElse(req.ResourceType, orAny(onlyOne(c.ResourceTypes))),
	})
	if err != nil {
		return err
	}
	if resourceType == "any" {
		req.ResourceType, req.Remove = nil, append(req.Remove, "resource_type")
		return nil
	}
	req.ResourceType = &resourceType
	return nil
}

func (w *wizard) updateExpiry(req *api.UpdateConnector, c api.ServiceConnector, method api.AuthMethod) error {
	current := c.ExpirationSeconds
	if req.ExpirationSeconds != nil {
		current = req.ExpirationSeconds
	}
	seconds, err := w.duration(method, current)
	if err != nil {
		return err
	}
	if req.ExpirationSeconds = seconds; seconds == nil && c.ExpirationSeconds != nil {
		req.Remove = append(req.Remove, "expiration_seconds")
	}
	until := c.ExpiresAt
	if req.ExpiresAt != nil {
		until = req.ExpiresAt
	}
	expires, err := w.expiry(until)
	if err != nil {
		return err
	}
	if req.ExpiresAt = expires; expires == nil && c.ExpiresAt != nil {
		req.Remove = append(req.Remove, "expires_at")
	}
	return nil
}

func orElse(p *string, fallback string) string {
	if p == nil {
		return fallback
	}
	return *p
}

func orAny(s string) string {
	if s == "" {
		return "any"
	}
	return s
}

// onlyOne is the single entry of a list, else "".
func onlyOne(list []string) string {
	if len(list) == 1 {
		return list[0]
	}
	return ""
}
