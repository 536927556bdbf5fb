package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

func (a *app) whyCommand() *cobra.Command {
	var o output
	var req api.WhyRequest
	cmd := &cobra.Command{
		Use: "why HOST[/PATH]", Short: "Explain who would answer for a registry, or why nobody",
		Long: `Explain step by step who would answer when a client asks for a registry's credentials, without asking for them.
The exit status is 0 when somebody would, else that of the error the client would get.`,
		Example: "  zen why docker.io\n  zen why ghcr.io/team/app --dir ~/src/app",
		Args:    arguments(1, 1, "HOST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.ServerURL = args[0]
			if req.Profile == "" {
				req.Profile = a.getenv("ZEN_PROFILE")
			}
			var err error
			if req.Dir, err = absolute(req.Dir); err != nil {
				return err
			}
			result, err := call[api.WhyResult](cmd.Context(), a, api.MethodWhy, req)
			if err != nil {
				return err
			}
			if err := a.show(o, result, func() { a.drawWhy(result) }); err != nil || result.Reason == "" {
				return err
			}
			return statusError(credential.Reason(result.Reason).Info().Exit)
		},
	}
	cmd.Flags().StringVar(&req.Dir, "dir", "", "as a client in this `DIRECTORY` (default: the current one)")
	cmd.Flags().StringVar(&req.Profile, "profile", "", "as a client that uses this `PROFILE`")
	a.addOutput(cmd, &o)
	return cmd
}

// absolute is an absolute directory, the current one for "".
func absolute(dir string) (string, error) {
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			return "", nil // a removed working directory matches no login that is bound to one
		}
		return wd, nil
	}
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", refused(err.Error(), "")
	}
	return path, nil
}

func (a *app) drawWhy(r api.WhyResult) {
	for i, step := range r.Steps {
		fmt.Fprintf(a.out, "%d. %s\n", i+1, oneLine(step))
	}
	if r.Reason != "" {
		fmt.Fprintln(a.out, "=> no credentials:", oneLine(r.Message))
		a.hint(r.Hint)
		return
	}
	if r.Login != nil {
		fmt.Fprintf(a.out, "=> %s answers for %s\n", oneLine(answeredBy(*r.Login)), oneLine(r.Address))
	}
}
