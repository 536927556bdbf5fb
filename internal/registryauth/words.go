package registryauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/safetext"
)

// maxWords is how much of a registry's own words is repeated, in runes.
const maxWords = 200

func (h *handshake) rejected(a answer) verdict {
	hint := "check the username and the password or access token"
	if h.own.IsHub() {
		hint += "; Docker Hub takes no passwords of single sign-on, but a personal access token"
	}
	return verdict{connector.Report{
		Verification: api.VerificationRejected,
		Detail:       h.host + " rejects the credentials: " + h.words(a),
		Hint:         hint,
	}}
}

func (h *handshake) unverified(why string) verdict {
	return verdict{connector.Report{
		Verification: api.VerificationAnonymous,
		Detail:       "whether " + h.host + " accepts the credentials is not verified: " + why,
		Hint: "prove it with a repository of yours: zen service-connector verify NAME --push " +
			"REPOSITORY",
	}}
}

// noRegistry is for an answer that no docker client could go on with.
func (h *handshake) noRegistry(why string) verdict {
	return verdict{connector.Report{
		Verification: api.VerificationUnreachable,
		Detail:       h.host + " does not answer like a registry: " + why,
		Hint:         "check the address, and whether your network asks you to log in first",
	}}
}

// trouble is for an answer that says nothing about the credential.
func (h *handshake) trouble(a answer) verdict {
	v := verdict{connector.Report{Verification: api.VerificationUnreachable}}
	switch {
	case a.status == http.StatusTooManyRequests:
		v.Detail = h.host + " refuses further requests for now: " + h.words(a)
		v.Hint = "wait a while and try again"
	case a.status >= 500:
		v.Detail = h.host + " has trouble: " + h.words(a)
		v.Hint = "try again later"
	case a.status >= 300 && a.status < 400:
		return h.redirected(a.location)
	default:
		return h.noRegistry("it says " + h.words(a))
	}
	return v
}

func (h *handshake) redirected(to string) verdict {
	v := verdict{connector.Report{
		Verification: api.VerificationUnreachable,
		Detail:       h.host + " redirects to " + line(to) + ": credentials do not follow it there",
		Hint:         "if that is the registry, give its own address",
	}}
	own := url.URL{Host: h.guard.host}
	if u, err := url.Parse(to); err == nil && u.Scheme == "https" && !h.guard.https &&
		u.Hostname() == own.Hostname() {
		v.Hint = "it wants https: give its address without http://"
	}
	return v
}

// pingFailed explains why nothing came of the first question. A registry on this machine
// was asked by https and by http.
func (h *handshake) pingFailed(err error) verdict {
	if _, bad := errors.AsType[*tls.CertificateVerificationError](err); bad {
		return h.unreachable(err)
	}
	if _, answered := errors.AsType[*transport.Error](err); answered {
		return h.trouble(h.guard.lastAnswer())
	}
	if _, away := errors.AsType[elsewhereError](err); away {
		return h.unreachable(err)
	}
	for _, scheme := range []string{"http", "https"} {
		if failure := h.guard.failure(scheme); failure != nil {
			return h.unreachable(failure)
		}
	}
	return h.unreachable(err)
}

// exchangeFailed explains a token service that did not answer, or not with a token. The
// answer itself may hold one: it is not repeated.
func (h *handshake) exchangeFailed(err error) verdict {
	service := line(realmHostPort(h.guard.realm))
	if _, isURL := errors.AsType[*url.Error](err); !isURL {
		return h.noRegistry("its token service " + service + " sends no token")
	}
	v := h.unreachable(err)
	v.Detail = strings.Replace(v.Detail, h.host, service+", the token service of "+h.host+",", 1)
	return v
}

// unreachable tells the causes apart that a person can do something about.
func (h *handshake) unreachable(err error) verdict {
	detail, hint := h.explain(err)
	return verdict{connector.Report{Verification: api.VerificationUnreachable, Detail: detail, Hint: hint}}
}

func (h *handshake) explain(err error) (detail, hint string) {
	const network = "check the address and your network"
	if to, ok := errors.AsType[elsewhereError](err); ok {
		v := h.redirected(to.to)
		return v.Detail, v.Hint
	}
	if detail, hint := h.explainTLS(err); detail != "" {
		return detail, hint
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && e.IsNotFound {
		return h.host + " cannot be found: there is no such host", network
	}
	var timeout net.Error
	switch {
	case errors.Is(err, errPrivate):
		return h.host + " names a token service that leads to a private address: the credentials were " +
			"not sent", ""
	case errors.Is(err, errTooLarge):
		return h.host + " does not answer like a registry: it sends too much", ""
	case errors.Is(err, syscall.ECONNREFUSED):
		return h.host + " cannot be reached: connection refused", "check that the registry runs, and its port"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return h.host + " does not answer in time", network
	}
	return h.host + " cannot be reached: " + line(cause(err)), network
}

func (h *handshake) explainTLS(err error) (detail, hint string) {
	if record, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if string(record.RecordHeader[:]) == "HTTP/" {
			return h.host + " speaks plain http where https was expected",
				"if it is meant to, say so: --registry=http://" +
					hostPort(&url.URL{Scheme: "https", Host: h.host}) + " --insecure"
		}
		return h.host + " does not speak https", "check the port"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok {
		return "", ""
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return h.host + " has a certificate from an authority that this machine does not trust",
			"install the authority's certificate in the system, or for this registry as docker wants it: " +
				"/etc/docker/certs.d/" + h.host + "/ca.crt"
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return h.host + " has a certificate for another name: " + line(
			strings.TrimPrefix(e.Error(), "x509: "),
		), "check the address"
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return h.host + " has a certificate that has expired or is not valid yet",
			"check the clock of this machine, then ask whoever runs the registry"
	}
	return h.host + " has a certificate that is not valid: " + line(cause(err)), ""
}

// cause is the innermost error's text: what the operating system said.
func cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// words are the registry's own about a refusal, else the status; without the secret,
// should it have been repeated.
func (h *handshake) words(a answer) string {
	status := fmt.Sprintf("%d %s", a.status, http.StatusText(a.status))
	said := h.redact(messageOf(a))
	if said == "" {
		return strings.TrimSpace(status)
	}
	return said
}

// messageOf finds what is meant for a person in an error's body: distribution's list of
// errors, Docker Hub's details, OAuth2's description (RFC 6749, section 5.2), or plain
// text.
func messageOf(a answer) string {
	var body struct {
		Errors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
		Details     any    `json:"details"`
		Message     string `json:"message"`
		Description string `json:"error_description"`
		Error       any    `json:"error"`
	}
	if json.Unmarshal(a.body, &body) == nil {
		var said []string
		for _, e := range body.Errors {
			if e.Message == "" {
				e.Message = e.Code
			}
			said = append(said, e.Message)
		}
		details, _ := body.Details.(string)
		short, _ := body.Error.(string)
		for _, other := range []string{details, body.Message, body.Description, short} {
			if len(said) == 0 && other != "" {
				said = append(said, other)
			}
		}
		return strings.Join(said, "; ")
	}
	if t, _, _ := mime.ParseMediaType(a.contentType); t == "text/plain" {
		return string(a.body)
	}
	return ""
}

// redact takes the secret out of a text in the forms in which a registry gets it, and
// makes the text fit for a terminal.
func (h *handshake) redact(text string) string {
	for _, secret := range []string{h.login.Password, h.login.IdentityToken} {
		if secret == "" {
			continue
		}
		both := h.login.Username + ":" + secret
		basic := base64.StdEncoding.EncodeToString([]byte(both))
		for _, form := range []string{basic, url.QueryEscape(secret), url.PathEscape(secret), secret} {
			text = strings.ReplaceAll(text, form, "[hidden]")
		}
	}
	return line(text)
}

// line makes somebody else's text one short line.
func line(text string) string { return safetext.Short(text, maxWords) }
