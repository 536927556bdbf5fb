package connector

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
)

// connectorFlags are what register and update have in common.
type connectorFlags struct {
	resource.Flags

	output            ui.Output
	description       string
	authMethod        string
	expiresAt         string
	skew              int
	expirationSeconds int
	labels            []string
	noVerify          bool
	insecure          bool
	interactive       bool
	showSecrets       bool
	attrs             command.Attributes
	server            string
}

func (a *Commands) addConnectorFlags(cmd *cobra.Command, o *connectorFlags) {
	flags := cmd.Flags()
	flags.StringVar(&o.description, "description", "", "short `TEXT` about the connector")
	flags.StringVarP(&o.authMethod, "auth-method", "a", "", "the authentication `METHOD` to use")
	flags.StringVar(&o.expiresAt, "expires-at", "",
		"`TIME` in UTC when the credentials expire: '2026-12-31 23:59:59', 2026-12-31T23:59:59 or 2026-12-31")
	flags.IntVar(&o.skew, "expires-skew-tolerance", 0, "`SECONDS` before that time from which they count "+
		"as expired (default 300)")
	flags.IntVar(&o.expirationSeconds, "expiration-seconds", 0, "`SECONDS` for which temporary "+
		"credentials shall be valid")
	flags.BoolVar(&o.noVerify, "no-verify", false, "do not ask the registry whether the credentials are "+
		"right")
	flags.BoolVar(&o.insecure, "insecure", false,
		"allow http:// to a registry on another machine: passwords cross the network unencrypted")
	flags.BoolVarP(&o.interactive, "interactive", "i", false, "ask for everything")
	flags.BoolVarP(&o.showSecrets, "show-secrets", "x", false, "show secrets while they are typed")
	flags.Bool("password-stdin", false, "read the attribute password from standard input (also "+
		"--ATTRIBUTE-stdin)")
	resource.AddFlags(a.zend, cmd, &o.Flags)
	command.AddOutput(a.UI, cmd, &o.output)
	command.AddServer(a.zend, cmd, &o.server)
	command.Complete(cmd, "auth-method", command.CompleteOn(a.zend, 0, command.AuthMethodNames))
	o.attrs = a.line.TakesAttributes(cmd)
}

// expiry reads --expires-at.
func (o *connectorFlags) expiry(cmd *cobra.Command) (*time.Time, error) {
	if o.expiresAt == "" {
		return nil, nil
	}
	t, err := ui.ParseTime(o.expiresAt)
	if err != nil {
		return nil, ui.Misused(cmd, "Invalid value for '--expires-at': %s", err)
	}
	return &t, nil
}

// given returns a pointer to a value whose option was used.
func given[T any](cmd *cobra.Command, option string, value T) *T {
	if !cmd.Flags().Changed(option) {
		return nil
	}
	return &value
}

// config reads the attributes of the command line, --password-stdin among them, and warns
// of a secret that stands in it.
func (a *Commands) config(
	ctx context.Context,
	cmd *cobra.Command,
	o *connectorFlags,
	secretNames []string,
) (zend.Secrets, error) {
	if fromPipe, err := cmd.Flags().GetBool("password-stdin"); err == nil && fromPipe {
		o.attrs["password"] = command.FromStdin
	}
	for _, name := range secretNames {
		// A user name is a secret to ZenML, but no reason to alarm anybody.
		if o.attrs.Literal(name) && name != "username" {
			a.Warn("the value of --"+name+" is in your shell's history, and every user of this machine "+
				"can see it while the command runs",
				"use --"+strings.ReplaceAll(name, "_", "-")+command.StdinSuffix+" or --"+name+"=@FILE")
		}
	}
	return o.attrs.Values(ctx, a.UI)
}

// known refuses attributes that a type does not have, and empty ones: a password that is
// given with a mistyped --registry, or with one of an unset variable, would go to another
// registry. A type that zend does not know is zend's to refuse.
func (o *connectorFlags) known(cmd *cobra.Command, t api.ConnectorType) error {
	var names []string
	for _, m := range t.AuthMethods {
		for _, attr := range m.Attributes {
			names = append(names, attr.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.attrs)) {
		switch option := "--" + strings.ReplaceAll(name, "_", "-"); {
		case len(names) == 0:
		case !slices.Contains(names, name):
			return ui.Misused(cmd, "No such option: %s%s", option, command.DidYouMean(name, names))
		case o.attrs[name] == "":
			return ui.Misused(cmd, "Option '%s' needs a value.", option)
		}
	}
	return nil
}

type registerOptions struct {
	connectorFlags

	connectorType string
	noDocs        bool
	autoConfigure bool
}

func (a *Commands) connectorRegisterCommand() *cobra.Command {
	var o registerOptions
	cmd := &cobra.Command{
		Use: "register [NAME] --type TYPE [--ATTRIBUTE=VALUE]...", Short: "Configure, validate and " +
			"register a service connector",
		Long: `Register a service connector: the credentials of one account, sealed in the vault.

The attributes of the connector's type are options, as 'zen service-connector describe-type TYPE'
lists them: --username=alice. --ATTRIBUTE=@FILE takes the value from a file,
--ATTRIBUTE-stdin from standard input (@@ stands for a value that begins with @). On a terminal zen
asks for a required secret that was left out.

The registry is asked whether the credentials are right, unless --no-verify is given. When it cannot
be reached the connector is registered and zen says that it was not verified. It is asked by https;
only --registry=http://HOST has it asked over plain http, which takes --insecure unless it is on
this machine.

With --server the connector is registered on that ZenML server, for everybody who may use it there.`,
		Example: "" +
			`  zen service-connector register dockerhub --type docker --username=me --password-stdin < token
  zen service-connector register work --type docker --username=me --password=@token --registry=reg.example.com
  zen service-connector register hub --type docker --auto-configure
  zen service-connector register team --server prod --type docker --username=me --password=@token
  zen service-connector register -i`,
		Args: command.Arguments(0, 1, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			if o.interactive {
				return a.registerInteractively(cmd, name, &o)
			}
			return a.registerConnector(cmd, name, &o)
		},
	}
	cmd.Flags().StringVarP(&o.connectorType, "type", "t", "", "the `TYPE` of connector: docker, ...")
	cmd.Flags().BoolVarP(&o.noDocs, "no-docs", "n", false, "with --interactive: without explanations")
	cmd.Flags().BoolVar(&o.autoConfigure, "auto-configure", false, "take the credentials of the login "+
		"that docker has already")
	command.AddLabels(cmd.Flags(), &o.labels, "label `KEY=VALUE`; may be repeated")
	a.addConnectorFlags(cmd, &o.connectorFlags)
	cmd.Flags().Lookup("server").Usage = "register it on this ZenML server `NAME`, with the types that " +
		"the server knows"
	command.Complete(cmd, "type", command.CompleteOn(a.zend, 0, command.ConnectorTypeNames))
	return cmd
}

func (a *Commands) registerConnector(cmd *cobra.Command, name string, o *registerOptions) error {
	ctx := cmd.Context()
	if name == "" {
		return ui.Refused("A name must be supplied. Please see the command help for more information.",
			cmd.CommandPath()+" NAME --type TYPE")
	}
	if o.connectorType == "" {
		return ui.Refused("The connector type must be specified when using non-interactive "+
			"configuration.", "add --type docker")
	}
	req, err := o.request(cmd, name)
	if err != nil {
		return err
	}
	const failed = "Failed to register service connector: "
	book, err := a.TypesOn(ctx, o.server)
	if err != nil {
		return ui.Prefixed(err, failed)
	}
	kind, _ := book.Find(o.connectorType)
	if err := o.known(cmd, kind); err != nil {
		return err
	}
	config, err := a.config(ctx, cmd, &o.connectorFlags, resource.SecretAttributes(kind, o.authMethod))
	if err != nil {
		return err
	}
	defer config.Wipe()
	if o.autoConfigure {
		if err := a.autoConfigure(ctx, kind.Name, kind.SupportsAutoConfiguration, config); err != nil {
			return ui.Prefixed(err, failed)
		}
	}
	if err := a.askMissing(ctx, kind, o.authMethod, config); err != nil {
		return err
	}
	result, err := zend.CallWith[api.ConnectorResult](ctx, a.zend, api.MethodConnectorRegister, req, config)
	if err != nil {
		return ui.Prefixed(ui.Hinted(err, credential.Rejected,
			"check the credentials, or register without asking the registry: --no-verify"), failed)
	}
	return a.showRegistered(ctx, o.output, result, o.noVerify)
}

func (o *registerOptions) request(cmd *cobra.Command, name string) (api.RegisterConnector, error) {
	expires, err := o.expiry(cmd)
	if err != nil {
		return api.RegisterConnector{}, err
	}
	labels, err := command.LabelsOf(o.labels)
	return api.RegisterConnector{
		Name: name, Description: o.description, Type: o.connectorType, AuthMethod: o.authMethod,
		ResourceType: o.ResourceType, ResourceID: o.ResourceID, ExpiresAt: expires,
		ExpiresSkewTolerance: given(cmd, "expires-skew-tolerance", o.skew),
		ExpirationSeconds:    given(cmd, "expiration-seconds", o.expirationSeconds),
		Labels:               labels, NoVerify: o.noVerify, Insecure: o.insecure, Server: o.server,
	}, err
}

// askMissing asks a person for required secrets that are not on the command line: a
// prompt is the safest place for them.
func (a *Commands) askMissing(
	ctx context.Context,
	kind api.ConnectorType,
	method string,
	config zend.Secrets,
) error {
	if !a.Term.Attended() {
		return nil
	}
	i := slices.IndexFunc(kind.AuthMethods, func(m api.AuthMethod) bool {
		return m.Method == method || method == "" && len(kind.AuthMethods) == 1
	})
	if i < 0 {
		return nil
	}
	for _, attr := range kind.AuthMethods[i].Attributes {
		if _, ok := config[attr.Name]; ok || !attr.Secret || !attr.Required {
			continue
		}
		value, err := a.PromptSecret(ctx, attributeText(attr))
		if err != nil {
			return err
		}
		config[attr.Name] = value
	}
	return nil
}

// attributeText is how ZenML asks for an attribute.
func attributeText(attr api.Attribute) string {
	return fmt.Sprintf("[%s] %s {%s}", attr.Name, attr.Title, attributeTraits(attr))
}

func attributeTraits(attr api.Attribute) string {
	traits := []string{attr.Type}
	if attr.Secret {
		traits = append(traits, "secret")
	}
	if attr.Required {
		return strings.Join(append(traits, "required"), ", ")
	}
	return strings.Join(append(traits, "optional"), ", ")
}

// showRegistered says what was registered.
func (a *Commands) showRegistered(
	ctx context.Context,
	o ui.Output,
	result api.ConnectorResult,
	noVerify bool,
) error {
	for _, w := range result.Warnings {
		a.Warn(w, "")
	}
	name := result.Connector.Name
	a.sayServer(result.Connector)
	if noVerify {
		a.Say("Successfully registered service connector `%s`.", name)
		if o.IsTable() {
			return nil
		}
		return a.showAccess(ctx, o, result)
	}
	resource.WarnUnchecked(a.UI, result.Resources)
	a.Say("Successfully registered service connector `%s` with access to the following resources:", name)
	return a.showAccess(ctx, o, result)
}
