package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/config"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc/server"
	"github.com/zen-agent/zen/internal/policy"
)

// policyRules are config.toml's rules with absolute paths.
func policyRules(rules []config.Rule) []policy.Rule {
	home, _ := os.UserHomeDir() // without one, "~" is nowhere
	var list []policy.Rule
	for i, r := range rules {
		p := policy.Rule{
			Number: i + 1, Connector: string(r.Connector), Confirm: r.Confirm,
			Keep: time.Duration(r.ConfirmKeep),
			Rate: policy.Rate{Count: r.Rate.Count, Per: r.Rate.Per},
		}
		p.Registry, _ = address.Parse(string(r.Registry)) // config checked it; none is the zero one
		for _, e := range r.Executables {
			p.Executables = append(p.Executables, inHome(string(e), home))
		}
		for _, d := range r.Directories {
			p.Directories = append(p.Directories, inHome(string(d), home))
		}
		list = append(list, p)
	}
	return list
}

func inHome(path, home string) string {
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || rest[0] == '/') {
		return filepath.Join(home, rest)
	}
	return path
}

func (d *daemon) approvals(context.Context, server.Peer, api.Empty) (api.ApprovalList, error) {
	return api.ApprovalList{Items: d.parts.gate.Pending()}, nil
}

// updateConnector changes a service connector, but not its name when that would take it
// out of a rule without a word.
func (d *daemon) updateConnector(
	ctx context.Context, c access.Caller, req api.UpdateConnector, secrets map[string]credential.Secret,
) (api.ConnectorResult, error) {
	if req.Name != nil {
		now, err := d.broker.Connectors.Connector(ctx, api.UseConnector{Ref: req.Ref, Server: req.Server})
		if err != nil {
			return api.ConnectorResult{}, err
		}
		if *req.Name != now.Connector.Name {
			err = d.parts.gate.Rename(now.Connector.Name, *req.Name)
		}
		if err != nil {
			return api.ConnectorResult{}, err
		}
	}
	return d.broker.Connectors.UpdateConnector(ctx, c, req, secrets)
}

// policyNotices tell of requests that wait for a person, and of rules that restrict
// nobody because they name nothing that exists.
func (d *daemon) policyNotices() (list []api.Notice) {
	if waiting := d.parts.gate.Pending(); len(waiting) > 0 {
		text := "a request waits until you allow it"
		if len(waiting) > 1 {
			text = fmt.Sprintf("%d requests wait until you allow them", len(waiting))
		}
		list = append(list, api.Notice{Time: waiting[0].Asked, Text: text, Hint: "zen approve"})
	}
	rules := d.parts.gate.Rules()
	if len(rules) == 0 {
		return list
	}
	all, err := d.broker.Connectors.QueryConnectors(api.Query{Size: -1})
	if err != nil {
		return list
	}
	known := map[string]bool{}
	for _, c := range all.Items {
		known[c.Name] = true
	}
	for _, r := range rules {
		if name, ok := r.NamesConnector(); ok && !known[name] {
			list = append(list, api.Notice{
				Time: time.Now().UTC(), Text: fmt.Sprintf("rule %d of the policy is about service "+
					"connector '%s', which does not exist", r.Number, name),
				Hint: "edit " + d.dirs.ConfigFile(),
			})
		}
	}
	return list
}
