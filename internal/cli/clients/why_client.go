package clients

import (
	"context"
	"slices"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// clientWalk follows a client on its way to a registry's credentials.
type clientWalk struct {
	app      *Commands
	name     string // of the client as the user called it
	client   clientconfig.Client
	env      clientconfig.Env
	problems []clientconfig.Problem // of the client's configuration
	registry address.Address
	request  api.WhyRequest

	doc     whyDocument
	settled bool           // the client has what it wants, or gives up
	answer  *api.WhyResult // what zend said last
	failure *api.WhyResult // the first thing it said that is neither an answer nor "not logged in"
}

func (w *clientWalk) step(text string) { w.doc.Steps = append(w.doc.Steps, text) }

// elsewhere ends the walk: the client does not come to ask zen.
func (w *clientWalk) elsewhere(message, hint string) {
	w.doc.Reason, w.doc.Message, w.doc.Hint = string(notAsked), message, hint
	w.settled = true
}

// walk goes through the client's keys, and for each through those it asks.
func (w *clientWalk) walk(ctx context.Context) error {
	keys := w.client.Keys(w.registry)
	text := w.name + " asks for " + quoted(keys)
	if w.client.Note != "" {
		text += " (" + w.client.Note + ")"
	}
	w.step(text)
	if w.fromEnvironment(); w.settled {
		return nil
	}
	for _, p := range clientconfig.Of(w.problems, clientconfig.BadEntry) {
		if w.client.Strict {
			w.elsewhere(w.name+" cannot read its configuration: "+p.Message, p.Hint)
			return nil
		}
	}
	for _, key := range keys {
		list, err := w.env.Asks(w.client.Config, w.registry, key)
		if err != nil {
			problem, hint := zend.Explain(err)
			w.elsewhere(w.name+" cannot read its configuration: "+problem, hint)
			return nil
		}
		for _, asked := range list {
			if err := w.ask(ctx, key, asked); err != nil || w.settled {
				return err
			}
		}
	}
	w.conclude()
	return nil
}

// fromEnvironment is for logins that come before any helper.
func (w *clientWalk) fromEnvironment() {
	host := w.registry.Host()
	for _, p := range clientconfig.Of(w.problems, clientconfig.InVariable) {
		if w.client.EnvAuth && slices.Contains(p.Registries, host) {
			w.step("DOCKER_AUTH_CONFIG has a login for " + host + ", and " + w.name + " takes it without " +
				"asking anybody")
			w.elsewhere("the login in DOCKER_AUTH_CONFIG is used", p.Hint)
		}
	}
}

// ask is one question to one helper, or a look into a file of logins.
func (w *clientWalk) ask(ctx context.Context, key string, asked clientconfig.Asked) error {
	k := clientKey{
		Key: key, File: asked.File, Member: asked.Member, Helper: asked.Helper,
		Zen: clientconfig.IsZen(asked.Helper),
	}
	defer func() { w.doc.Keys = append(w.doc.Keys, k) }()
	file, program := safetext.Name(asked.File), "docker-credential-"+safetext.Name(asked.Helper)
	switch {
	case w.client.Marker && !asked.Named:
		w.step(file + " has no entry for '" + key + "', and " + w.name + " asks only for what has one")
		w.elsewhere(
			w.name+" does not know the registry",
			"docker login "+safetext.ShellWord(w.registry.Host()),
		)
		return nil
	case asked.InClear:
		w.step(file + " holds a login for '" + key + "' in plain text, and " + w.name + " uses it")
		w.elsewhere("the login in "+file+" is used", "zen import")
		return nil
	case asked.Helper == "":
		w.step(file + " names no helper for '" + key + "' and holds no login")
		return nil
	case asked.Chosen:
		w.step(file + " names no helper; " + program + " is installed and may be picked")
		return nil
	}
	w.step(asked.Member + " in " + file + " has " + w.name + " ask " + program + " for '" + key + "'")
	if w.env.FindHelper(asked.Helper) == "" {
		w.missing(asked.Helper)
		return nil
	}
	if !k.Zen {
		return nil
	}
	return w.askZen(ctx, &k)
}

// missing: a helper that is not there is an error to every client.
func (w *clientWalk) missing(helper string) {
	message, hint := "docker-credential-"+safetext.Name(helper)+" is not on PATH", "zen doctor helper "+
		"configured-helpers"
	absent := clientconfig.Of(w.problems, clientconfig.HelperAbsent)
	if len(absent) > 0 && clientconfig.IsZen(helper) {
		message, hint = absent[0].Message, absent[0].Hint
	}
	w.elsewhere(message, hint)
}

func (w *clientWalk) askZen(ctx context.Context, k *clientKey) error {
	req := w.request
	req.ServerURL = k.Key
	if req.Profile == "" {
		req.Profile = clientconfig.Profile(k.Helper)
	}
	result, err := w.app.askWhy(ctx, req)
	if err != nil {
		return err
	}
	k.Reason = result.Reason
	w.doc.Steps = append(w.doc.Steps, result.Steps...)
	w.answer = &result
	switch {
	case result.Reason == "":
		return w.listed(ctx, req)
	case result.Reason != string(credential.NotLoggedIn):
		if w.failure == nil {
			w.failure = &result
		}
		if w.client.Stops {
			w.conclude()
		}
	}
	return nil
}

// listed settles what zen would answer, unless the client asks only for what zen lists
// and that is not among it.
func (w *clientWalk) listed(ctx context.Context, req api.WhyRequest) error {
	if w.client.Listing == clientconfig.NeverLists {
		w.conclude()
		return nil
	}
	list, err := zend.Call[struct {
		Items map[string]string `json:"items"`
	}](ctx, w.app.zend, api.MethodList, map[string]string{"dir": req.Dir, "profile": req.Profile})
	if err != nil {
		return err
	}
	if _, ok := list.Items[req.ServerURL]; !ok {
		w.step(
			"docker-credential-zen lists " + ui.Count(
				len(list.Items),
				"registry name",
			) + ", '" + req.ServerURL + "' not among them",
		)
		w.elsewhere(w.name+" asks only for what docker-credential-zen lists", `zen status; and see `+
			`"list" in config.toml`)
		return nil
	}
	what := "it is among the " + ui.Count(
		len(list.Items),
		"registry name",
	) + " that docker-credential-zen lists"
	if w.client.Listing == clientconfig.ListsAll {
		what += ", and " + w.name + " asks for all of them"
	}
	w.step(what)
	w.conclude()
	return nil
}

// conclude takes over the answer that counts.
func (w *clientWalk) conclude() {
	w.settled = true
	counts := w.answer
	if counts != nil && counts.Reason != "" && w.failure != nil {
		counts = w.failure
	}
	if counts == nil {
		w.elsewhere(
			"no configuration that "+w.name+" reads names zen for this registry",
			"zen setup "+w.client.Config,
		)
		return
	}
	w.doc.Login, w.doc.Reason, w.doc.Message, w.doc.Hint = counts.Login, counts.Reason, counts.Message,
		counts.Hint
}
