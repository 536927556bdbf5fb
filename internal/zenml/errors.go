package zenml

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"unicode"

	"github.com/zen-agent/zen/internal/credential"
)

// errToken marks an answer after which a new access token helps: ZenML's CredentialsNotValid, and nothing else
// (zenml rest_zen_store.py); retrying other 401s would loop.
var errToken = errors.New("access token not valid")

// clean makes a server's text fit for one line on a terminal.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 300 {
		s = s[:300] + "..."
	}
	return s
}

// strange is the error for a server that does not behave like ZenML.
func (c *Client) strange(why string) error {
	return credential.NewError(credential.Unreachable, fmt.Sprintf("%s does not answer like a ZenML server: %s", c.base.Host, why),
		"check the address: zen server list")
}

func (c *Client) explainTransport(err error) error {
	host := c.base.Host
	why, hint := clean(innermost(err)), "check the address and your network"
	reason := credential.Unreachable
	var certErr *tls.CertificateVerificationError
	var netErr net.Error
	switch {
	case errors.Is(err, errElsewhere):
		why, hint = "it redirects elsewhere, where a key must not be sent", "connect to the address it redirects to"
	case errors.As(err, &certErr):
		why, hint = "its certificate is not trusted: "+clean(certErr.Err.Error()), "add --ssl-ca-cert=@FILE with the CA that signed it"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		reason, why = credential.Timeout, "it does not answer in time"
	case errors.Is(err, context.Canceled):
		reason, why = credential.Timeout, "the call was cancelled"
	}
	return &credential.Error{Reason: reason, Message: fmt.Sprintf("ZenML server %s cannot be used: %s", host, why), Hint: hint, Cause: err}
}

// innermost is the text of the last error in the chain, which is the cause a person understands.
func innermost(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

// detail reads ZenML's error body: {"detail": ["Class", "message"]}, {"detail": "text"} or ["Class", "message"].
func detail(raw []byte) (class, message string) {
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
		return clean(class), clean(message)
	}
	_ = json.Unmarshal(inner, &message)
	return "", clean(message)
}

func (c *Client) explainStatus(status int, raw []byte) error {
	class, message := detail(raw)
	if message == "" {
		message = http.StatusText(status)
	}
	e := &credential.Error{Message: message}
	switch {
	case status == http.StatusUnauthorized && class == "CredentialsNotValid":
		e.Reason, e.Cause = credential.NeedsLogin, errToken
		e.Message = fmt.Sprintf("ZenML server %s refused the login: %s", c.base.Host, message)
		e.Hint = "zen server connect " + c.URL()
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.Reason = credential.Denied
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
	}
	return e
}
