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

// accessToken is the server's token; a zero Expires means the server set no life time.
type accessToken struct {
	value   credential.Secret
	renewAt time.Time
}

// loginAnswer is POST /login's answer.
type loginAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   *int   `json:"expires_in"` // seconds; null: no life time
}

// accessToken returns a token that is good for a while; callers wait for one login rather than each doing their own.
func (c *Client) accessToken(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg.Auth == AuthDevice {
		return string(c.cfg.Secret.Reveal()), nil
	}
	if !c.token.value.IsEmpty() && (c.token.renewAt.IsZero() || c.cfg.Now().Before(c.token.renewAt)) {
		return string(c.token.value.Reveal()), nil
	}
	form := url.Values{"password": {string(c.cfg.Secret.Reveal())}}
	switch c.cfg.Auth {
	case AuthPassword:
		form.Set("grant_type", "password")
		form.Set("username", c.cfg.Username)
	default:
		form.Set("grant_type", "zenml-api-key")
	}
	var answer loginAnswer
	sent := c.cfg.Now()
	if err := c.send(ctx, call{method: http.MethodPost, path: "/login", form: form, out: &answer, anon: true}, ""); err != nil {
		return "", err
	}
	if answer.AccessToken == "" {
		return "", c.strange("it logs in without giving a token")
	}
	c.token = newToken(answer, sent)
	return answer.AccessToken, nil
}

func newToken(a loginAnswer, sent time.Time) accessToken {
	t := accessToken{value: credential.SecretString(a.AccessToken)}
	if a.ExpiresIn != nil {
		life := time.Duration(*a.ExpiresIn) * time.Second
		t.renewAt = sent.Add(life - min(renewBefore, life/2))
	}
	return t
}

func (c *Client) dropToken() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token.value.Wipe()
	c.token = accessToken{}
}

// Login proves that the server accepts who we are.
func (c *Client) Login(ctx context.Context) (User, error) {
	var u struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	err := c.do(ctx, call{method: http.MethodGet, path: "/current-user", out: &u})
	return User(u), err
}

// User is who the server says we are.
type User struct{ ID, Name string }

// Info is GET /info, which needs no login.
type Info struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Version    string `json:"version"`
	Active     bool   `json:"active"`
	AuthScheme string `json:"auth_scheme"` // NO_AUTH, HTTP_BASIC, OAUTH2_PASSWORD_BEARER, EXTERNAL
}

// Info asks the server who it is and refuses what is no usable ZenML server.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var i Info
	if err := c.do(ctx, call{method: http.MethodGet, path: "/info", out: &i, anon: true}); err != nil {
		return i, err
	}
	switch {
	case i.ID == "" || i.Version == "":
		return i, c.strange("it does not say who it is")
	case olderThan(i.Version, 0, 80):
		return i, credential.NewError(credential.InvalidInput,
			"the server runs ZenML "+clean(i.Version)+"; zen needs 0.80 or newer", "upgrade the server")
	case !i.Active:
		return i, credential.NewError(credential.InvalidInput, "the server is not activated yet", "open "+c.URL()+" in a browser and set it up")
	}
	return i, nil
}

// olderThan compares the first two numbers of a version.
func olderThan(version string, major, minor int) bool {
	var got [2]int
	part := 0
	for _, r := range version {
		switch {
		case r >= '0' && r <= '9':
			got[part] = got[part]*10 + int(r-'0')
			continue
		case r == '.' && part == 0:
			part++
			continue
		}
		break
	}
	return got[0] < major || got[0] == major && got[1] < minor
}
