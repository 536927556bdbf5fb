package zenml

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// errToken marks an answer after which a new access token helps: ZenML's
// CredentialsNotValid, and nothing else (zenml rest_zen_store.py); retrying other 401s
// would loop.
var errToken = errors.New("access token not valid")

// maxLine bounds one line of a server's text, in characters.
const maxLine = 300

// line makes a server's text fit for one line on a terminal.
func line(s string) string { return safetext.Short(s, maxLine) }

// strange is the error for a server that does not behave like ZenML.
func (c *Client) strange(why string) *credential.Error {
	hint := "check the address: zen server list"
	if c.base.Path != "" { // as the dashboard's address has one
		hint = "leave the path out, unless the server is below one: zen server connect " + c.base.Scheme +
			"://" + c.base.Host
	}
	return credential.NewError(credential.Unreachable, fmt.Sprintf("%s does not answer like a ZenML "+
		"server: %s", c.base.Host, why), hint)
}

func (c *Client) explainTransport(err error) error {
	host := c.base.Host
	why, hint := line(innermost(err)), "check the address and your network"
	reason := credential.Unreachable
	var certErr *tls.CertificateVerificationError
	var netErr net.Error
	switch {
	case errors.Is(err, errElsewhere):
		why, hint = "it redirects elsewhere, where a key must not be sent", "connect to the address it "+
			"redirects to"
	case errors.As(err, &certErr):
		why, hint = "its certificate is not trusted: "+line(certErr.Err.Error()), "add --ssl-ca-cert "+
			"FILE, with the certificate authority that signed it"
	case strings.Contains(why, "HTTP response to HTTPS client"): // net/http has no type for it
		why, hint = "it does not speak TLS", "http:// is for this machine; elsewhere add --insecure"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		reason, why = credential.Timeout, "it does not answer in time"
	case errors.Is(err, context.Canceled):
		reason, why = credential.Timeout, "the call was cancelled"
	}
	return &credential.Error{Reason: reason, Message: fmt.Sprintf("ZenML server %s cannot be used: "+
		"%s", host, why), Hint: hint, Cause: err}
}

// innermost is the text of the last error in the chain, which is the cause a person
// understands.
func innermost(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

// detail reads ZenML's error body, for a line on a terminal.
func detail(raw []byte) (class, message string) {
	class, message = rawDetail(raw)
	return line(class), line(message)
}

// rawDetail reads ZenML's error body: {"detail": ["Class", "message"]}, {"detail":
// "text"} or ["Class", "message"].
func rawDetail(raw []byte) (class, message string) {
	var wrapped struct {
		Detail json.RawMessage `json:"detail"`
	}
	inner := raw
	if json.Unmarshal(raw, &wrapped) == nil && wrapped.Detail != nil {
		inner = wrapped.Detail
	}
	var pair []json.RawMessage
	if json.Unmarshal(inner, &pair) == nil && len(pair) == 2 {
		_ = json.Unmarshal(pair[0], &class)
		_ = json.Unmarshal(pair[1], &message)
		return class, message
	}
	_ = json.Unmarshal(inner, &message)
	return "", message
}

// waitError is an error that says when another try makes sense (Retry-After, RFC 9110,
// section 10.2.3).
type waitError struct {
	err  *credential.Error
	wait time.Duration
}

// Error returns the message.
func (e *waitError) Error() string { return e.err.Error() }

// RetryAfter is how long the server wants not to be asked.
func (e *waitError) RetryAfter() time.Duration { return e.wait }

// Unwrap returns the error itself, so that errors.As finds the credential.Error.
func (e *waitError) Unwrap() error { return e.err }

func (c *Client) explainStatus(resp *http.Response, raw []byte) error {
	e := c.statusError(resp.StatusCode, raw)
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		return &waitError{e, time.Duration(min(seconds, 24*60*60)) * time.Second}
	}
	return e
}

func (c *Client) statusError(status int, raw []byte) *credential.Error {
	class, message := detail(raw)
	if oauth := readOAuthError(raw); oauth != nil {
		return &credential.Error{
			Reason:  credential.InvalidInput,
			Message: "ZenML server " + c.base.Host + ": " + oauth.Error(),
			Cause:   oauth,
		}
	}
	if message == "" {
		message = http.StatusText(status)
	}
	e := &credential.Error{Message: message}
	switch {
	case status == http.StatusUnauthorized && class == "CredentialsNotValid":
		e.Reason, e.Cause = credential.NeedsLogin, errToken
		e.Message = fmt.Sprintf("ZenML server %s refused the login: %s", c.base.Host, message)
		e.Hint = "zen server connect " + c.URL()
	case status == http.StatusUnauthorized && strings.HasSuffix(message, "credentials have expired."):
		// zenml service_connector.py
		e.Reason, e.Hint = credential.Expired, "give the service connector new credentials, or a later "+
			"expires_at, on ZenML server "+c.base.Host
	case status == http.StatusUnauthorized && c.cfg.Auth == AuthNone:
		e.Reason, e.Hint = credential.NeedsLogin, "zen server connect "+c.URL()
		e.Message = fmt.Sprintf(
			"ZenML server %s does not let everybody in any more: %s",
			c.base.Host,
			message,
		)
	case status == http.StatusUnauthorized && class == "AuthorizationException":
		return c.cloudError(message)
	case status == http.StatusForbidden && strings.Contains(message, "still referenced by"):
		e.Reason = credential.InUse
		e.Message = "ZenML server " + c.base.Host + ": " + message
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.Reason = credential.Denied
		e.Message = "ZenML server " + c.base.Host + ": " + message
	case status == http.StatusNotFound && class == "":
		return c.strange("it does not know ZenML's API")
	case status == http.StatusNotFound:
		e.Reason = credential.NoSuchEntity
	case status == http.StatusConflict:
		e.Reason = credential.Exists
	case status == http.StatusTooManyRequests:
		e.Reason = credential.RateLimited
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		e.Reason = credential.InvalidInput
	default:
		e.Reason = credential.Unreachable
		e.Message = fmt.Sprintf("ZenML server %s failed (%d): %s", c.base.Host, status, message)
		// zenml zen_server/auth.py, no_authentication
		if c.cfg.Auth == AuthNone && status == http.StatusInternalServerError {
			e.Hint = "see the server's log; without authentication ZenML needs a user of the name 'default'"
		}
	}
	return e
}

// withoutEcho is an error's body without what the server repeats of a request that held
// secrets: a validation error of ZenML quotes its whole input.
func withoutEcho(raw []byte, k call) []byte {
	if k.json == nil {
		return raw
	}
	class, message := rawDetail(raw)
	for _, secret := range k.hide {
		message = strings.ReplaceAll(message, string(secret), "[HIDDEN]")
	}
	if i := strings.Index(message, "'input'"); i >= 0 {
		var found []string
		for _, m := range regexp.MustCompile(`'loc': \(([^)]*)\), 'msg': '([^']*)'`).
			FindAllStringSubmatch(message, 10) {
			found = append(found, strings.NewReplacer("'", "", "body, ", "").Replace(m[1])+": "+m[2])
		}
		if message = strings.Join(found, "; "); found == nil {
			message = "it does not accept the service connector"
		}
	}
	out, err := json.Marshal(map[string]any{"detail": []string{class, message}})
	if err != nil {
		return nil
	}
	return out
}
