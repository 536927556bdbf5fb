package server

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// zenmlLogin is a login of the zenml command, which keeps it in plain text.
type zenmlLogin struct {
	url      string
	auth     string // api.ServerAuthAPIKey and so on
	username string
	until    *time.Time // of an access token that was allowed in a browser
	secret   credential.Secret
}

// kind says for a person what the login is.
func (l zenmlLogin) kind() string {
	switch l.auth {
	case api.ServerAuthAPIKey:
		return "an API key"
	case api.ServerAuthPassword:
		return "the password of '" + safetext.Line(l.username) + "'"
	}
	return "a login in a browser"
}

// storedCredentials is a ServerCredentials in ZenML's credentials.yaml, by the server's
// URL (ZenML 0.98, login/credentials.py).
type storedCredentials struct {
	APIKey   string `yaml:"api_key"`
	Username string `yaml:"username"`
	Password string `yaml:"password"`
	Token    struct {
		Value   string `yaml:"access_token"`
		Expires string `yaml:"expires_at"`
		Device  string `yaml:"device_id"`
	} `yaml:"api_token"`
}

func (z zenmlFiles) credentialsFile() string {
	if z.dir() == "" {
		return ""
	}
	return filepath.Join(z.dir(), "credentials.yaml")
}

// logins are the logins that the zenml command keeps, in the order of their servers. What
// has run out is none, and neither is an access token that was made from something else.
// The caller wipes them.
func (z zenmlFiles) logins(now time.Time) (list []zenmlLogin) {
	if z.credentialsFile() == "" {
		return nil
	}
	for url, c := range readYAML[map[string]storedCredentials](z.credentialsFile()) {
		l := zenmlLogin{url: strings.TrimRight(url, "/")}
		switch {
		case c.APIKey != "":
			l.auth, l.secret = api.ServerAuthAPIKey, credential.SecretString(c.APIKey)
		case c.Username != "" && c.Password != "":
			l.auth, l.username, l.secret = api.ServerAuthPassword, c.Username, credential.SecretString(
				c.Password,
			)
		case c.Token.Value != "" && c.Token.Device != "":
			if end, err := ui.ParseTime(c.Token.Expires); err == nil {
				l.until = &end
			}
			if l.until != nil && !l.until.After(now) {
				continue
			}
			l.auth, l.secret = api.ServerAuthDevice, credential.SecretString(c.Token.Value)
		default:
			continue
		}
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b zenmlLogin) int { return strings.Compare(a.url, b.url) })
	return list
}

// zenmlLoginFor finds the login of the zenml command that a connection to url can use:
// with --from-zenml it must be there, else it is offered. An empty url is the server that
// zenml uses now, or else the only one.
func (a *Commands) zenmlLoginFor(
	ctx context.Context,
	url string,
	wanted bool,
) (login zenmlLogin, ok bool, err error) {
	z := a.zenml()
	all := z.logins(a.now())
	defer func() {
		for _, l := range all {
			if !ok || l.url != login.url {
				l.secret.Wipe()
			}
		}
	}()
	if url == "" {
		url = z.serverURL()
	}
	i := slices.IndexFunc(
		all,
		func(l zenmlLogin) bool { return strings.EqualFold(l.url, strings.TrimRight(url, "/")) },
	)
	if i < 0 && url == "" && len(all) == 1 {
		i = 0
	}
	if i < 0 {
		if !wanted {
			return login, false, nil
		}
		return login, false, noZenMLLogin(url, all)
	}
	if !wanted && !a.Term.Attended() {
		return all[i], false, nil
	}
	if !wanted {
		yes, err := a.Confirm(
			ctx,
			"zenml is logged in to "+safetext.Line(
				all[i].url,
			)+" with "+all[i].kind()+". Would you like to use that login?",
			true,
		)
		if err != nil || !yes {
			return login, false, err
		}
	}
	return all[i], true, nil
}

// WarnOfZenMLLogins names the logins that the zenml command keeps in plain text and that
// zen could have.
func (a *Commands) WarnOfZenMLLogins(ctx context.Context) {
	all := a.zenml().logins(a.now())
	if len(all) == 0 {
		return
	}
	known, err := zend.Call[api.ServerList](ctx, a.zend, api.MethodServerList, api.Empty{})
	for _, l := range all {
		l.secret.Wipe()
		if err == nil &&
			!slices.ContainsFunc(
				known.Items,
				func(s api.Server) bool { return strings.EqualFold(s.URL, l.url) },
			) {
			a.Warn("zenml keeps "+l.kind()+" for "+safetext.Line(l.url)+" in plain text "+
				"in "+a.zenml().credentialsFile(),
				"zen server connect "+safetext.Line(l.url)+" --from-zenml")
		}
	}
}

func noZenMLLogin(url string, all []zenmlLogin) error {
	if len(all) == 0 {
		return ui.Refused("zenml is not logged in to a server on this machine", "zen server connect URL")
	}
	var urls []string
	for _, l := range all {
		urls = append(urls, safetext.Line(l.url))
	}
	message := "zenml is logged in to several servers"
	if url != "" {
		message = "zenml is not logged in to " + safetext.Line(url)
	}
	return ui.Refused(message+"; it is to "+strings.Join(urls, ", "), "zen server "+
		"connect "+urls[0]+" --from-zenml")
}

// connectFromZenML connects with a login of the zenml command, and tells how to get rid
// of what that keeps in plain text.
func (a *Commands) connectFromZenML(ctx context.Context, req api.ConnectServer, login zenmlLogin) error {
	defer login.secret.Wipe()
	req.URL, req.Auth, req.Username, req.Until = login.url, login.auth, login.username, login.until
	if err := a.finishConnect(ctx, req, zend.Secrets{api.SecretKey: login.secret}); err != nil {
		return err
	}
	a.Warn("zenml keeps "+login.kind()+" in plain text in "+a.zenml().credentialsFile(),
		"when zenml itself needs it no more: zenml logout "+safetext.Line(login.url)+" --clear")
	return nil
}
