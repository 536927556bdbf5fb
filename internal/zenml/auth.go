package zenml

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/zen-agent/zen/internal/credential"
)

// renewBefore is how long before its end an access token is replaced.
const renewBefore = 30 * time.Second

// loginAnswer is POST /login's answer.
type loginAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   *int   `json:"expires_in"` // seconds; null: no life time
}

// accessToken returns a token that is good for a while; callers wait for one login rather
// than each doing their own.
func (c *Client) accessToken(ctx context.Context) (string, error) {
	if token := c.present(c.cfg.Now()); token != "" {
		return token, nil
	}
	done, err := c.turn(ctx)
	if err != nil {
		return "", c.explainTransport(err)
	}
	defer done()
	if token := c.present(c.cfg.Now()); token != "" {
		return token, nil
	}
	key, err := c.key(ctx)
	if err != nil {
		return "", err
	}
	defer key.Wipe()
	if c.cfg.Auth == AuthDevice {
		c.keep(accessToken{value: key.Clone()})
		return string(key.Reveal()), nil
	}
	form := url.Values{"password": {string(key.Reveal())}}
	switch c.cfg.Auth {
	case AuthPassword:
		form.Set("grant_type", "password")
		form.Set("username", c.cfg.Username)
	default:
		form.Set("grant_type", "zenml-api-key")
	}
	return c.logIn(ctx, form)
}

func (c *Client) key(ctx context.Context) (credential.Secret, error) {
	if c.cfg.Key == nil {
		return credential.Secret{}, c.needsLogin("it wants to know who asks")
	}
	key, err := c.cfg.Key(ctx)
	if err == nil && key.IsEmpty() {
		err = c.needsLogin("there is no key or password for it")
	}
	return key, err
}

func (c *Client) needsLogin(why string) *credential.Error {
	return credential.NewError(credential.NeedsLogin, "ZenML server "+c.base.Host+": "+why, "zen server "+
		"connect "+c.URL())
}

func (c *Client) logIn(ctx context.Context, form url.Values) (string, error) {
	var answer loginAnswer
	sent := c.cfg.Now()
	if err := c.send(ctx, call{method: http.MethodPost, path: "/login", form: form, out: &answer, anon: true},
		""); err != nil {
		return "", err
	}
	if answer.AccessToken == "" {
		return "", c.strange("it logs in without giving a token")
	}
	c.keep(newToken(answer, sent))
	return answer.AccessToken, nil
}

func newToken(a loginAnswer, sent time.Time) accessToken {
	t := accessToken{value: credential.SecretString(a.AccessToken)}
	if life, ok := a.life(); ok {
		t.renewAt = sent.Add(life - min(renewBefore, life/2))
	}
	return t
}

// life is how long the token lives, if the server said so.
func (a loginAnswer) life() (time.Duration, bool) {
	if a.ExpiresIn == nil {
		return 0, false
	}
	const most = 10 * 365 * 24 * 60 * 60
	return time.Duration(min(max(*a.ExpiresIn, 0), most)) * time.Second, true
}

// Login proves that the server accepts who we are.
func (c *Client) Login(ctx context.Context) (User, error) {
	var u User
	err := c.do(ctx, call{method: http.MethodGet, path: "/current-user", out: &u})
	u.Name = line(u.Name)
	return u, err
}

// User is who the server says we are.
type User struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Authentication schemes of a server.
const (
	SchemeNone     = "NO_AUTH"
	SchemeExternal = "EXTERNAL" // ZenML Pro, or a proxy that authenticates
)

// Info is GET /info, which needs no login.
type Info struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Version    string `json:"version"`
	Active     bool   `json:"active"`
	AuthScheme string `json:"auth_scheme"` // NO_AUTH, HTTP_BASIC, OAUTH2_PASSWORD_BEARER, EXTERNAL
}

// Info asks the server who it is and refuses what is not a usable ZenML server.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var i Info
	if err := c.do(ctx, call{method: http.MethodGet, path: "/info", out: &i, anon: true}); err != nil {
		return i, err
	}
	i.Name, i.Version, i.AuthScheme = line(i.Name), line(i.Version), line(i.AuthScheme)
	switch {
	case i.ID == "" || i.Version == "":
		return i, c.strange("it does not say who it is")
	case olderThan(i.Version, 0, 80):
		return i, credential.NewError(credential.InvalidInput,
			"the server runs ZenML "+i.Version+"; zen needs 0.80 or newer", "upgrade the server")
	case !i.Active:
		return i, credential.NewError(credential.InvalidInput, "the server is not activated "+
			"yet", "open "+c.URL()+" in a browser and set it up")
	}
	return i, nil
}

// olderThan compares the first two numbers of a version.
func olderThan(version string, major, minor int) bool {
	var got [2]int
	part := 0
	for _, r := range version {
		if r == '.' && part == 0 {
			part = 1
			continue
		}
		if r < '0' || r > '9' || got[part] > 1<<16 {
			break
		}
		got[part] = got[part]*10 + int(r-'0')
	}
	return got[0] < major || got[0] == major && got[1] < minor
}
