package clients

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

type whyOptions struct {
	api.WhyRequest

	as     string
	output ui.Output
}

// WhyCommand explains which login answers for a registry.
func (a *Commands) WhyCommand() *cobra.Command {
	var o whyOptions
	cmd := &cobra.Command{
		Use: "why HOST[/PATH]", Short: "Explain who would answer for a registry, or why nobody",
		Long: `Explain step by step who would answer when a client asks for a registry's
credentials, without asking for them. With --as CLIENT it shows how that client asks: which configuration
it reads and whether that names zen, under which keys it asks, and what becomes of each. The exit
status is 0 when zen would answer, else that of the error the client would get, or 1 when the client
does not ask zen.`,
		Example: `  zen why docker.io
  zen why ghcr.io/team/app --as crane
  zen why ghcr.io/team/app --dir ~/src/app`,
		Args: command.Arguments(1, 1, "HOST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.ServerURL = args[0]
			return a.why(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.as, "as", "", "as this `CLIENT` asks: docker, podman, crane, ...")
	cmd.Flags().StringVar(&o.Dir, "dir", "", "as a client in this `DIRECTORY` (default: the current one)")
	cmd.Flags().StringVar(&o.Profile, "profile", "", "as a client that uses this `PROFILE`")
	command.NeverEmpty(cmd, "dir", "profile")
	command.Complete(cmd, "as", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return clientconfig.Names(), cobra.ShellCompDirectiveNoFileComp
	})
	command.AddOutput(a.UI, cmd, &o.output)
	return cmd
}

// whyDocument is zend's answer, and with --as what is known of the client.
type whyDocument struct {
	api.WhyResult

	Client string `json:"client,omitempty"`
	// in the order in which the client asks; what it does not come to is missing
	Keys []clientKey `json:"keys,omitempty"`
}

// clientKey is one question of a client to one helper.
type clientKey struct {
	Key    string `json:"key"`
	File   string `json:"file"`             // the configuration that says whom to ask
	Member string `json:"member,omitempty"` // of the configuration
	Helper string `json:"helper,omitempty"` // "" means the logins in the file
	Zen    bool   `json:"zen"`
	Reason string `json:"reason,omitempty"` // why zen would not answer
}

// notAsked is the reason in a whyDocument when the client gets its credentials elsewhere,
// or nowhere.
const notAsked credential.Reason = "not_asked"

func (a *Commands) why(ctx context.Context, o whyOptions) error {
	var err error
	if o.Dir, err = absolute(o.Dir); err != nil {
		return err
	}
	var doc whyDocument
	if o.as == "" {
		doc.WhyResult, err = a.askWhy(ctx, o.WhyRequest)
	} else {
		doc, err = a.whyAs(ctx, o)
	}
	if err != nil {
		return err
	}
	if err := a.Show(o.output, doc, func() { a.drawWhy(doc) }); err != nil || doc.Reason == "" {
		return err
	}
	return ui.StatusError(credential.Reason(doc.Reason).Info().Exit)
}

// askWhy asks zend about one key.
func (a *Commands) askWhy(ctx context.Context, req api.WhyRequest) (api.WhyResult, error) {
	if req.Profile == "" {
		req.Profile = a.Getenv("ZEN_PROFILE")
	}
	return zend.Call[api.WhyResult](ctx, a.zend, api.MethodWhy, req)
}

// whyAs explains what a client would come to.
func (a *Commands) whyAs(ctx context.Context, o whyOptions) (whyDocument, error) {
	client, err := clientconfig.Named(o.as)
	if err != nil {
		return whyDocument{}, err
	}
	registry, err := address.Parse(o.ServerURL)
	if err != nil {
		return whyDocument{}, err
	}
	env, err := a.ClientEnv()
	if err != nil {
		return whyDocument{}, err
	}
	w := &clientWalk{
		app: a, name: o.as, client: client, env: env, problems: env.Diagnose(client.Config),
		registry: registry, request: o.WhyRequest,
	}
	w.doc.Client, w.doc.Address = o.as, registry.String()
	if err := w.walk(ctx); err != nil {
		return whyDocument{}, err
	}
	return w.doc, nil
}

// absolute is an absolute directory, the current one for "".
func absolute(dir string) (string, error) {
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			return "", nil // a removed directory matches no login that is bound to one
		}
		return wd, nil
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", ui.Refused(err.Error(), "")
	}
	return path, nil
}

func (a *Commands) drawWhy(r whyDocument) {
	for i, step := range r.Steps {
		fmt.Fprintf(a.Out, "%d. %s\n", i+1, safetext.Line(step))
	}
	switch {
	case r.Reason == string(notAsked):
		fmt.Fprintln(a.Out, "=> zen is not asked:", safetext.Line(r.Message))
		a.Hint(r.Hint)
	case r.Reason != "":
		fmt.Fprintln(a.Out, "=> no credentials:", safetext.Line(r.Message))
		a.Hint(r.Hint)
	case r.Login != nil:
		fmt.Fprintf(
			a.Out,
			"=> %s answers for %s\n",
			safetext.Line(ui.AnsweredBy(*r.Login)),
			safetext.Line(r.Address),
		)
	}
}

// quoted is a list of keys in a sentence: "'a', then for 'b'".
func quoted(keys []string) string { return "'" + strings.Join(keys, "', then for '") + "'" }
