package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/execsafe"
	"github.com/zen-agent/zen/internal/safetext"
)

// Environment variables that tell ZenML's own command about its server.
const (
	envStoreURL      = "ZENML_STORE_URL"
	envStoreAPIKey   = "ZENML_STORE_API_KEY" //nolint:gosec // G101: the name of a variable
	envStoreUsername = "ZENML_STORE_USERNAME"
	envStorePassword = "ZENML_STORE_PASSWORD" //nolint:gosec // G101: the name of a variable
)

type serverConnectOptions struct {
	name          string
	apiKey        string
	apiKeyStdin   bool
	username      string
	passwordStdin bool
	insecure      bool
	caCert        string
	noBrowser     bool
	fromZenML     bool
	replace       bool
}

func (a *Commands) serverConnectCommand() *cobra.Command {
	var o serverConnectOptions
	cmd := &cobra.Command{
		Use: "connect [URL]", Short: "Connect to a ZenML server",
		Long: `Connect to a ZenML server: its service connectors can be used as those of this
machine are, and the server makes their credentials.

The key or the password is sealed in the vault, and access tokens are kept in memory only. Without
either zen opens a page of the server in a browser, where the login is allowed; such a login ends
after a while. A server on this machine that lets everybody in needs nothing.

Without a URL it is ` + envStoreURL + `, with the key in ` + envStoreAPIKey + `, or the user name in
` + envStoreUsername + ` and the password in ` + envStorePassword + `. A login that the zenml command has on
this machine is offered, or taken with --from-zenml.

Connecting again with the same account replaces the key. A server is known by the id that it gives:
when it has moved, zen asks whether to follow it, and without a terminal --replace says so. Another
account on the same server takes a --name of its own.`,
		Example: `  zen server connect https://zenml.example.com --api-key-stdin < key
  zen server connect https://zenml.example.com --api-key @key.txt --name prod
  zen server connect https://zenml.example.com --username alice
  zen server connect --from-zenml
  zen server connect https://zenml.example.org --api-key-stdin --replace < key
  zen server connect http://127.0.0.1:8237`,
		Args: command.Arguments(0, 1, "URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connectServer(cmd, ui.Optional(args),
				&o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.name, "name", "", "`NAME` of the server in zen; its host by default")
	flags.StringVar(&o.apiKey, "api-key", "", "`KEY` of a service account, or @FILE")
	flags.BoolVar(&o.apiKeyStdin, "api-key-stdin", false, "read the API key from standard input")
	flags.StringVar(&o.username, "username", "", "log in as this user `NAME`, with a password that is "+
		"asked for")
	flags.BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
	flags.BoolVar(&o.insecure, "insecure", false, "allow http:// to another machine, or a server that "+
		"lets everybody in there")
	flags.StringVar(&o.caCert, "ssl-ca-cert", "", "`FILE` with the certificate authority of the server, "+
		"in PEM")
	flags.BoolVar(&o.noBrowser, "no-browser", false, "print the address to open, and open nothing")
	flags.BoolVar(&o.fromZenML, "from-zenml", false, "use the login that the zenml command has on this "+
		"machine")
	flags.BoolVar(&o.replace, "replace", false, "follow the server to this address; with --name, change "+
		"its account")
	command.NeverEmpty(cmd, "name", "username", "api-key", "ssl-ca-cert")
	return cmd
}

func (a *Commands) connectServer(cmd *cobra.Command, url string, o *serverConnectOptions) error {
	ctx := cmd.Context()
	req, err := o.request(cmd, url, a.Getenv)
	if err != nil {
		return err
	}
	if o.fromZenML || !o.hasKey(a.Getenv) {
		login, ok, err := a.zenmlLoginFor(ctx, req.URL, o.fromZenML)
		switch {
		case err != nil:
			return err
		case ok:
			return a.connectFromZenML(ctx, req, login)
		case login.url != "": // it is there, and nobody can be asked
			a.Hint("zenml is logged in to " + safetext.Line(login.url) + "; to use that login: zen " +
				"server connect " + safetext.Line(login.url) + " --from-zenml")
		}
	}
	if req.URL == "" {
		return ui.Misused(cmd, "Missing argument 'URL'.")
	}
	key, err := a.serverSecret(ctx, cmd, &req, o)
	if err != nil {
		return err
	}
	defer key.Wipe()
	if key.IsEmpty() {
		return a.connectByDevice(ctx, req, o)
	}
	return a.finishConnect(ctx, req, zend.Secrets{api.SecretKey: key})
}

func (o *serverConnectOptions) request(
	cmd *cobra.Command,
	url string,
	getenv func(string) string,
) (api.ConnectServer, error) {
	req := api.ConnectServer{
		URL: url, Name: o.name, Username: o.username, Insecure: o.insecure, Replace: o.replace,
	}
	if url == "" {
		req.URL = getenv(envStoreURL)
	}
	given := 0
	for _, yes := range []bool{o.apiKey != "", o.apiKeyStdin, o.username != "", o.fromZenML} {
		if yes {
			given++
		}
	}
	if given > 1 {
		return req, ui.Misused(cmd, "Please give one of '--api-key', '--api-key-stdin', '--username' and "+
			"'--from-zenml'.")
	}
	if o.passwordStdin && o.username == "" {
		return req, ui.Misused(cmd, "'--password-stdin' needs '--username'.")
	}
	if o.caCert != "" {
		pem, err := os.ReadFile(o.caCert)
		if err != nil {
			return req, ui.Refused("cannot read "+strings.TrimPrefix(err.Error(), "open "), "")
		}
		req.CACert = string(pem)
	}
	return req, nil
}

// hasKey reports whether a key or a password is given, or is going to be asked for.
func (o *serverConnectOptions) hasKey(getenv func(string) string) bool {
	return o.apiKey != "" || o.apiKeyStdin || o.username != "" || getenv(envStoreAPIKey) != "" ||
		getenv(envStoreUsername) != "" && getenv(envStorePassword) != ""
}

// serverSecret finds the key or the password, and sets what it is. Nothing means that a
// browser is needed.
func (a *Commands) serverSecret(
	ctx context.Context,
	cmd *cobra.Command,
	req *api.ConnectServer,
	o *serverConnectOptions,
) (credential.Secret, error) {
	req.Auth = api.ServerAuthAPIKey
	switch file, isFile := strings.CutPrefix(o.apiKey, "@"); {
	case o.apiKeyStdin:
		return present(cmd, "--api-key-stdin")(a.ReadSecret(ctx, "--api-key-stdin"))
	case isFile:
		return present(cmd, "--api-key")(ui.ReadSecretFile(file))
	case o.apiKey != "":
		a.Warn("the value of --api-key is in your shell's history, and every user of this machine can "+
			"see it while the command runs",
			"use --api-key-stdin or --api-key @FILE")
		return credential.SecretString(o.apiKey), nil
	case o.username != "":
		req.Auth = api.ServerAuthPassword
		if o.passwordStdin {
			return present(cmd, "--password-stdin")(a.ReadSecret(ctx, "--password-stdin"))
		}
		password, err := a.PromptSecret(ctx, "Password of "+o.username)
		if errors.Is(err, ui.ErrAborted) && !a.Term.Attended() { // nobody saw the prompt
			fmt.Fprintln(a.Err)
			err = ui.Refused("there is no terminal to ask for the password", "add --password-stdin")
		}
		return present(cmd, "the password")(password, err)
	case a.Getenv(envStoreAPIKey) != "":
		return credential.SecretString(a.Getenv(envStoreAPIKey)), nil
	case a.Getenv(envStoreUsername) != "" && a.Getenv(envStorePassword) != "":
		req.Auth, req.Username = api.ServerAuthPassword, a.Getenv(envStoreUsername)
		return credential.SecretString(a.Getenv(envStorePassword)), nil
	}
	return credential.Secret{}, nil
}

// present makes an error of a secret that is empty.
func present(cmd *cobra.Command, what string) func(credential.Secret, error) (credential.Secret, error) {
	return func(s credential.Secret, err error) (credential.Secret, error) {
		if err == nil && s.IsEmpty() {
			err = ui.Misused(cmd, "%s is empty.", what)
		}
		return s, err
	}
}

// connectByDevice lets a person allow the login in a browser, unless the server lets
// everybody in.
func (a *Commands) connectByDevice(
	ctx context.Context,
	req api.ConnectServer,
	o *serverConnectOptions,
) error {
	req.Auth = ""
	device, err := zend.Call[api.ServerDevice](ctx, a.zend, api.MethodServerDevice, req)
	if err == nil && device.Moved != nil {
		if err := a.confirmMove(ctx, *device.Moved); err != nil {
			return err
		}
		req.Replace = true
		device, err = zend.Call[api.ServerDevice](ctx, a.zend, api.MethodServerDevice, req)
	}
	if err != nil {
		return ui.Prefixed(err, "Could not connect: ")
	}
	if device.Device == "" {
		req.Auth = api.ServerAuthNone
		return a.finishConnect(ctx, req, nil)
	}
	a.Say("Open this address in a browser and allow the login:\n\n  %s\n", device.URL)
	if !o.noBrowser && a.Term.Attended() {
		openBrowser(ctx, device.URL)
	}
	return a.finishConnect(ctx, api.ConnectServer{
		Device: device.Device, Name: req.Name, Replace: req.Replace,
	}, nil)
}

// confirmMove asks whether zen shall follow a server to a new address. Where nobody can be
// asked, the option says it.
func (a *Commands) confirmMove(ctx context.Context, s api.Server) error {
	text := "This is the ZenML server that zen is connected to as '" + s.Name + "' (" + s.URL + "), by the " +
		"id that it gives."
	if !a.Term.Attended() {
		return &credential.Error{
			Reason: credential.Exists, Message: "Could not connect: " + text,
			Hint: "to use the new address for it add --replace; for another account add --name NAME",
		}
	}
	yes, err := a.Confirm(ctx, text+"\nWould you like to use the new address for it from now on?", true)
	if err == nil && !yes {
		err = ui.ErrAborted
	}
	return err
}

// openBrowser opens an address in whatever the desktop opens such with. It may not work:
// the address was printed.
func openBrowser(ctx context.Context, url string) {
	program := "xdg-open"
	if runtime.GOOS == "darwin" {
		program = "open"
	}
	path, err := exec.LookPath(program)
	if err == nil {
		path, err = execsafe.Resolve(path)
	}
	if err != nil {
		return
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, url)
	cmd.Args[0] = program
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }()
	}
}

// finishConnect connects, and says so.
func (a *Commands) finishConnect(ctx context.Context, req api.ConnectServer, with zend.Secrets) error {
	text := "Connecting to the server..."
	if req.Device != "" {
		text = "Waiting until the login is allowed..."
	}
	stop := a.Busy(ctx, "%s", text)
	result := api.ServerResult{Pending: true}
	var err error
	for result.Pending && err == nil { // each time zend waits for a while
		result, err = zend.CallWith[api.ServerResult](ctx, a.zend, api.MethodServerConnect, req, with)
	}
	stop()
	if err != nil {
		return ui.Prefixed(err, "Could not connect: ")
	}
	if moved := result.Moved; moved != nil {
		if err := a.confirmMove(ctx, *moved); err != nil {
			return err
		}
		if req.Device != "" { // it allowed one login, and that is used up
			return ui.Refused("the login in the browser was for the account that is known under "+moved.URL,
				"allow it once more: zen server connect "+safetext.ShellWord(result.Server.URL)+" --replace")
		}
		req.Replace = true
		return a.finishConnect(ctx, req, with)
	}
	a.sayConnected(result.Server)
	return nil
}

func (a *Commands) sayConnected(s api.Server) {
	as := ""
	if s.User != "" && s.Auth != api.ServerAuthNone {
		as = " as '" + s.User + "'"
	}
	a.Say("Connected to server '%s' (%s, ZenML %s)%s.", s.Name, s.URL, s.Version, as)
	if s.Auth == api.ServerAuthNone {
		a.Say("The server asks for no login: no key or password is needed, and none is stored.")
	}
	if s.Until != nil {
		a.Say("The login ends in %s.", ui.Span(s.Until.Sub(a.now()).Round(time.Second)))
	}
	if !s.Active {
		a.Say("Another server is the active one; see zen server use.")
	}
}
