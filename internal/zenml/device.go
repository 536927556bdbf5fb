package zenml

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"
	"unicode"

	"github.com/zen-agent/zen/internal/credential"
)

// Bounds of the device flow (RFC 8628), whatever the server says.
const (
	minInterval = time.Second
	maxInterval = time.Minute
	defInterval = 5 * time.Second // RFC 8628, section 3.2: when the server names none
	slowDown    = 5 * time.Second // RFC 8628, section 3.5
	maxDevice   = 15 * time.Minute
)

// Device is a login that a person has to allow in a browser.
type Device struct {
	URL      string    // to open; it holds the code
	UserCode string    // what the page shows
	Until    time.Time // when it is too late

	code     credential.Secret
	clientID string
	interval time.Duration
}

// Wipe forgets the device's code.
func (d *Device) Wipe() { d.code.Wipe() }

// StartDevice begins a login in a browser. clientID is a UUID that stays the same for one
// installation.
func (c *Client) StartDevice(ctx context.Context, clientID string) (*Device, error) {
	var a struct {
		DeviceCode string `json:"device_code"`
		UserCode   string `json:"user_code"`
		URI        string `json:"verification_uri"`
		Complete   string `json:"verification_uri_complete"`
		ExpiresIn  int    `json:"expires_in"`
		Interval   int    `json:"interval"`
	}
	form := url.Values{"client_id": {clientID}}
	if err := c.do(ctx, call{
		method: http.MethodPost, path: "/device_authorization", form: form, out: &a,
		anon: true, named: true,
	}); err != nil {
		return nil, err
	}
	where := a.Complete
	if where == "" {
		where = a.URI
	}
	page, err := c.page(where)
	if err != nil || a.DeviceCode == "" {
		return nil, c.strange("it does not say where to allow the login")
	}
	d := &Device{
		URL: page, UserCode: line(a.UserCode), code: credential.SecretString(a.DeviceCode),
		clientID: clientID,
		interval: defInterval, Until: c.cfg.Now().Add(min(max(time.Duration(a.ExpiresIn)*time.Second,
			minInterval), maxDevice)),
	}
	if a.Interval > 0 {
		d.interval = min(max(time.Duration(a.Interval)*time.Second, minInterval), maxInterval)
	}
	return d, nil
}

// machine is what a server shows of a device to the person who is to allow it, as its own
// command says it in the User-Agent (zenml auth_models.py, OAuthDeviceUserAgentHeader).
func machine(host string) string {
	host = strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r == '_' || r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return -1
	}, host)
	if host == "" {
		host = "unknown"
	}
	return " Host/" + host + " OS/" + runtime.GOOS
}

// page is the address of the page to open. The server may give a path; another host's
// page is refused, because a person is going to type a password there.
func (c *Client) page(ref string) (string, error) {
	u, err := c.base.Parse(ref)
	if err != nil {
		return "", err
	}
	if ref == "" || u.Scheme != c.base.Scheme || u.Host != c.base.Host || u.User != nil {
		return "", errElsewhere
	}
	return u.String(), nil
}

// ErrPending is the error while the person has not answered yet.
var ErrPending = errors.New("authorization pending")

// WaitDevice asks, as often as the server wants, until the person has allowed or refused
// the login, or it is too late. When ctx ends before that it returns ErrPending and may
// be called again. The access token it returns is all there is: it cannot be renewed
// without a person. A zero end is none.
func (c *Client) WaitDevice(
	ctx context.Context,
	d *Device,
) (token credential.Secret, end time.Time, err error) {
	timer := time.NewTimer(d.interval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return credential.Secret{}, time.Time{}, ErrPending
		}
		if !c.cfg.Now().Before(d.Until) {
			return credential.Secret{}, time.Time{}, c.tooLate()
		}
		token, end, err = c.pollDevice(ctx, d)
		if !errors.Is(err, ErrPending) {
			return token, end, err
		}
		timer.Reset(d.interval)
	}
}

func (c *Client) tooLate() error {
	return credential.NewError(credential.Timeout, "nobody allowed the login in time", "zen server "+
		"connect "+c.URL())
}

func (c *Client) pollDevice(ctx context.Context, d *Device) (credential.Secret, time.Time, error) {
	form := url.Values{
		"grant_type": {
			"urn:ietf:params:oauth:grant-type:device_code",
		}, "client_id": {d.clientID}, "device_code": {string(d.code.Reveal())},
	}
	var a loginAnswer
	sent := c.cfg.Now()
	err := c.send(ctx, call{method: http.MethodPost, path: "/login", form: form, out: &a, anon: true}, "")
	var refused *oauthError
	switch {
	case errors.As(err, &refused):
		return credential.Secret{}, time.Time{}, c.deviceRefused(d, refused, err)
	case err != nil && (credential.Unreachable.Is(err) || ctx.Err() != nil):
		// a person is on it: one failed question does not end the login
		return credential.Secret{}, time.Time{}, ErrPending
	case err != nil:
		return credential.Secret{}, time.Time{}, err
	case a.AccessToken == "":
		return credential.Secret{}, time.Time{}, c.strange("it logs in without giving a token")
	}
	var end time.Time
	if life, ok := a.life(); ok {
		end = sent.Add(life).Round(0)
	}
	return credential.SecretString(a.AccessToken), end, nil
}

func (c *Client) deviceRefused(d *Device, e *oauthError, err error) error {
	switch e.code {
	case "authorization_pending":
		return ErrPending
	case "slow_down":
		d.interval = min(d.interval+slowDown, maxInterval)
		return ErrPending
	case "expired_token":
		return c.tooLate()
	case "access_denied":
		return credential.NewError(credential.Denied, "the login was refused in the browser", "")
	}
	return err
}

// oauthError is an error of OAuth 2 (RFC 6749, section 5.2), which ZenML's device flow
// answers.
type oauthError struct{ code, description string }

func (e *oauthError) Error() string { return e.code + ": " + e.description }

// readOAuthError reads {"error": ..., "error_description": ...}, bare or below ZenML's
// "detail".
func readOAuthError(raw []byte) *oauthError {
	type form struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	var f struct {
		form
		Detail json.RawMessage `json:"detail"`
	}
	_ = json.Unmarshal(raw, &f)
	if f.Code == "" && len(f.Detail) > 0 {
		_ = json.Unmarshal(f.Detail, &f.form)
	}
	if f.Code == "" {
		return nil
	}
	return &oauthError{line(f.Code), line(f.Description)}
}
