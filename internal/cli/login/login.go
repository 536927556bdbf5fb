package login

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/resource"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

type loginOptions struct {
	resource.Flags

	ttl      time.Duration
	dir      string
	path     string
	profile  string
	registry string
	noVerify bool
	token    bool
	server   string
	replace  bool
	insecure bool
}

// Command is zen login.
func (a *Commands) Command() *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use: "login [NAME_ID_OR_PREFIX]", Short: "Let docker and other clients use a service connector's " +
			"credentials",
		Long: `Log in: from now on docker-credential-zen answers for the registry of the service
connector. Without a name it is the one that the active stack's container registry is connected to:
zen's own active stack, or else the one that the zenml command has chosen on a ZenML server. The
registry is asked first whether it accepts the credentials, so a login that succeeded means that a
pull will work.`,
		Example: `  zen login dockerhub
  zen login work --ttl 8h
  zen login private --dir ~/src/private`,
		Args:              command.Arguments(0, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.ConnectorNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			return a.login(cmd, name, &o)
		},
	}
	cmd.Flags().StringVar(&o.registry, "registry", "", "log in through the connector of this container "+
		"registry `NAME`")
	command.NeverEmpty(cmd, "registry")
	a.addLoginFlags(cmd, &o)
	return cmd
}

// ConnectorCommand is ZenML's spelling.
func (a *Commands) ConnectorCommand() *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use: "login NAME_ID_OR_PREFIX", Short: "Configure the local client/SDK with credentials",
		Long: `Let docker and every other client of docker-credential-zen use the credentials of a
service connector. Connectors for several resources need --resource-id to say which one is meant.`,
		Example: `  zen service-connector login dockerhub
  zen service-connector login dockerhub --ttl 8h`,
		Args:              command.Arguments(1, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.ConnectorNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.login(cmd, args[0], &o) },
	}
	a.addLoginFlags(cmd, &o)
	return cmd
}

func (a *Commands) addLoginFlags(cmd *cobra.Command, o *loginOptions) {
	flags := cmd.Flags()
	flags.Var((*command.SpanFlag)(&o.ttl), "ttl", "end the login after this `DURATION`, such as 45m, 8h "+
		"or 7d; 0: until logout (default the setting login_ttl)")
	flags.StringVar(&o.dir, "dir", "", "only for clients that run below this `DIRECTORY`")
	flags.StringVar(&o.path, "path", "", "only for this repository `PATH` of the registry, such as team/app")
	flags.StringVar(&o.profile, "profile", "", "only for clients that use this `PROFILE` "+
		"(docker-credential-zen-PROFILE)")
	flags.BoolVar(&o.token, "identity-token", false, "let clients have an identity token that the "+
		"registry grants, not the password")
	flags.BoolVar(&o.noVerify, "no-verify", false, "do not ask the registry first")
	flags.BoolVar(&o.insecure, "insecure", false,
		"of a connector on a server: allow http:// to a registry on another machine")
	flags.BoolVar(&o.replace, "replace", false, "take the place of a login for another part of the same host")
	resource.AddFlags(a.zend, cmd, &o.Flags)
	command.AddServer(a.zend, cmd, &o.server)
	command.NeverEmpty(cmd, "dir", "path", "profile", "resource-id")
}

func (o *loginOptions) request(cmd *cobra.Command, name string) (api.LoginRequest, error) {
	req := api.LoginRequest{
		Name: name, Registry: o.registry, ResourceType: o.ResourceType, ResourceID: o.ResourceID,
		Path: o.path, Profile: o.profile, NoVerify: o.noVerify, IdentityToken: o.token, Server: o.server,
		Replace:  o.replace,
		Insecure: o.insecure,
	}
	if cmd.Flags().Changed("ttl") {
		if o.ttl < time.Second && o.ttl != 0 {
			return req, ui.Misused(cmd, "Invalid value for '--ttl': at least 1s, or 0 for until logout.")
		}
		req.TTLSeconds = int(o.ttl / time.Second)
		if o.ttl == 0 {
			req.TTLSeconds = api.NoTTL
		}
	}
	if err := clientconfig.CheckProfile(o.profile); err != nil {
		return req, err
	}
	if name != "" && o.registry != "" {
		return req, ui.Misused(cmd, "Please name either a service connector or a container registry, not "+
			"both.")
	}
	if o.dir != "" {
		dir, err := filepath.Abs(o.dir)
		if err != nil {
			return req, ui.Refused(err.Error(), "")
		}
		req.Dir = dir
	}
	return req, nil
}

// stackOfZenML adds the stack that the zenml command has chosen to a login that names
// nothing.
func (a *Commands) stackOfZenML(req api.LoginRequest) api.LoginRequest {
	if req.Name == "" && req.Registry == "" {
		req.ZenML = a.activeStack()
	}
	return req
}

func (a *Commands) login(cmd *cobra.Command, name string, o *loginOptions) error {
	req, err := o.request(cmd, name)
	if err != nil {
		return err
	}
	return a.logIn(cmd.Context(), a.stackOfZenML(req))
}

// logIn carries out a login and says what came of it, as ZenML does.
func (a *Commands) logIn(ctx context.Context, req api.LoginRequest) error {
	var text, name, failed string
	switch {
	case req.Name != "":
		text, name = "Attempting to configure local client using service connector '%s'...", req.Name
		failed = "Service connector '" + req.Name + "' could not configure the local client/SDK: "
	case req.Registry != "":
		text, name = "Attempting to configure local client using container registry '%s'...", req.Registry
		failed = "Container registry '" + req.Registry + "' could not configure the local client/SDK: "
	default:
		text, name = "Attempting to configure local client using the active %s...", "stack's container "+
			"registry"
		failed = "The active stack could not configure the local client/SDK: "
	}
	result, err := a.attempt(ctx, req, text, name)
	if err != nil {
		return loginFailed(err, failed, req)
	}
	if result == nil {
		return nil
	}
	resource.WarnUnchecked(a.UI, []api.Resource{result.Resource})
	a.Say("The '%s' %s connector was used to successfully configure the local Docker/OCI container "+
		"registry client/SDK.",
		result.Connector.Name, result.TypeName)
	if result.Stack != "" {
		a.Say("It belongs to the container registry of '%s', the active stack of zenml.", result.Stack)
	}
	if s := result.Connector.Server; s != "" {
		a.Say("It lives on server '%s', which makes the credentials.", s)
	}
	resource.SayShadowed(a.UI, result.Shadowed)
	if result.Replaced != "" {
		a.Say("It answers for %s in place of %s.", result.Login.Address, result.Replaced)
	}
	if dir := result.Login.Dir; dir != "" {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			a.Warn("directory "+dir+" does not exist; the login has no effect until it does", "")
		}
	}
	if result.Login.IdentityToken {
		a.Say("Clients get an identity token (user name <token>), which most take, but not all.")
	}
	if result.Login.Until != nil {
		a.Say("The login ends in %s.", ui.Span(result.Login.Until.Sub(a.now()).Round(time.Second)))
	}
	a.hintSetup(result.Login.ServerURL, result.Login.Profile)
	return nil
}

// loginFailed is the error of a login. Anyone who named nothing may not know of stacks: there is
// a simpler way.
func loginFailed(err error, failed string, req api.LoginRequest) error {
	unknown := credential.NoSuchEntity.Is(err)
	err = ui.Prefixed(err, "%s", failed)
	if host := registryNamed(req.Name); unknown && host != "" {
		if e, ok := errors.AsType[*credential.Error](err); ok {
			e.Hint = "see which service connector gives access to it: zen why " + host + "; or, with a " +
				"user name and a password: docker login " + host
		}
	} else if e, ok := errors.AsType[*credential.Error](err); ok && unknown && req.Name != "" {
		e.Hint += "; register one: zen service-connector register " + safetext.ShellWord(req.Name) +
			" --type docker --username=USER"
	}
	if e, ok := errors.AsType[*credential.Error](err); ok && req.Name == "" && req.Registry == "" &&
		e.Hint != "" {
		e.Hint = "name a service connector: zen login NAME; or: " + e.Hint
	}
	return err
}

// registryNamed is the registry that a name looks like, "" if it looks like none: docker
// login takes one, where zen login takes a service connector.
func registryNamed(name string) string {
	for _, scheme := range []string{"oci://", "docker://"} { // helm's, and skopeo's
		name = strings.TrimPrefix(name, scheme)
	}
	host, _, _ := strings.Cut(name, "/")
	a, err := address.Parse(name)
	if err != nil || !strings.ContainsAny(host, ".:") {
		return ""
	}
	return a.Host()
}

// RegistryCommand is zen's own: ZenML logs in through the connector only.
func (a *Commands) RegistryCommand() *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use: "login [NAME_ID_OR_PREFIX]", Short: "Log in through the service connector of a container " +
			"registry",
		Long: `Let docker and every other client of docker-credential-zen use the credentials of the
service connector that a container registry is connected to. Without a name it is the container
registry of the active stack.`,
		Example: `  zen container-registry login hub
  zen container-registry login hub --ttl 8h`,
		Args:              command.Arguments(0, 1, "NAME_ID_OR_PREFIX"),
		ValidArgsFunction: command.CompleteFrom(a.zend, 1, command.RegistryNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.registry = ui.Optional(args)
			return a.login(cmd, "", &o)
		},
	}
	a.addLoginFlags(cmd, &o)
	return cmd
}
