package login

import (
	"context"
	"fmt"
	"strings"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
)

// attempt carries out a login. Where zend cannot know which registry is meant, or which
// of two logins shall answer for a host, a person at the terminal is asked; elsewhere it
// is an error that says what to add. A nil result means that all stays as it is.
func (a *Commands) attempt(
	ctx context.Context,
	req api.LoginRequest,
	text, name string,
) (*api.LoginResult, error) {
	for {
		stop := a.Busy(ctx, text, name)
		result, err := zend.Call[api.LoginResult](ctx, a.zend, api.MethodLogin, req)
		stop()
		switch {
		case err != nil:
			return nil, err
		case result.Taken != nil:
			yes, err := a.chooseLogin(ctx, result)
			if err != nil || !yes {
				return nil, err
			}
			req.Replace = true
		case len(result.Choices) > 0:
			if req.ResourceID, err = a.chooseResource(ctx, result); err != nil {
				return nil, err
			}
		default:
			return &result, nil
		}
	}
}

// chooseResource asks which of several registries a login is for.
func (a *Commands) chooseResource(ctx context.Context, result api.LoginResult) (string, error) {
	const most = 10
	shown := result.Choices[:min(len(result.Choices), most)]
	if !a.Term.Attended() {
		return "", credential.NewError(
			credential.InvalidInput,
			fmt.Sprintf("service connector '%s' "+
				"gives access to %d container registries: %s",
				result.Connector.Name, len(result.Choices), strings.Join(shown, ", ")),
			"choose one: zen service-connector login "+result.Connector.Name+" --resource-id "+result.
				Choices[0],
		)
	}
	a.Say("Service connector '%s' gives access to these container registries:", result.Connector.Name)
	for _, id := range result.Choices {
		a.Say("  %s", id)
	}
	for {
		answer, err := a.Prompt(ctx, ui.Question{Text: "Please enter the one to log in to"})
		if err != nil {
			return "", err
		}
		for _, id := range result.Choices {
			if id == answer {
				return id, nil
			}
		}
		a.Say("Error: '%s' is none of these.", answer)
	}
}

// chooseLogin asks which of two logins shall answer for a host.
func (a *Commands) chooseLogin(ctx context.Context, result api.LoginResult) (takeNew bool, err error) {
	old, wanted := result.Taken, result.Login
	what := fmt.Sprintf("service connector '%s' is logged in to %s, and '%s' would be to %s: clients ask "+
		"for %s as a whole, where only one can answer",
		old.ConnectorName, old.ResourceID, result.Connector.Name, wanted.ResourceID, wanted.Address)
	if !a.Term.Attended() {
		return false, credential.NewError(
			credential.Ambiguous,
			what,
			"to take the new one add --replace; to have both add --path "+pathOf(
				wanted.ResourceID,
			)+", --dir DIRECTORY or --profile NAME",
		)
	}
	a.Say("%s%s.", strings.ToUpper(what[:1]), what[1:])
	yes, err := a.Confirm(ctx, "Shall "+wanted.ResourceID+" answer from now on?", false)
	if err == nil && !yes {
		a.Say("%s goes on to answer. To have both add --path %s, --dir DIRECTORY or --profile "+
			"NAME.", old.ResourceID, pathOf(wanted.ResourceID))
	}
	return yes, err
}

// pathOf is the part of a registry after the host.
func pathOf(resource string) string {
	r, err := address.Parse(resource)
	if err != nil || r.Path() == "" {
		return "PATH"
	}
	return r.Path()
}
