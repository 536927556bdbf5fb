package exec

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

// question is what a program is asked for.
type question struct {
	registry address.Address
	image    string // as given; "" for any
}

// host is the registry's host[:port].
func (q question) host() string { return q.registry.Host() }

// dialect is a way to ask a program for a credential.
type dialect struct {
	args  func(given []string) []string
	stdin func(question) []byte
	// read takes username, secret and expiry out of the object that was printed.
	read func(obj []byte, q question, asked time.Time) (answer, error)
}

// answer is what a program said. The texts have buffers of their own.
type answer struct {
	username, secret []byte
	expires          time.Time
}

func dialectOf(method string) (dialect, bool) {
	switch method {
	case methodHelper:
		return dialect{helperArgs, helperStdin, readHelper}, true
	case methodCommand:
		return dialect{sameArgs, noStdin, readCommand}, true
	case methodKubelet:
		return dialect{sameArgs, kubeletStdin, readKubelet}, true
	}
	return dialect{}, false
}

func sameArgs(given []string) []string { return given }

func noStdin(question) []byte { return nil }

// read decodes a program's output into a credential with bytes of its own.
func read(d dialect, out []byte, q question, asked time.Time) (credential.Credential, error) {
	if len(bytes.TrimSpace(out)) == 0 {
		return credential.Credential{}, errors.New("it printed nothing")
	}
	a, err := d.read(out, q, asked)
	defer func() { safejson.Wipe(a.username, a.secret) }()
	if err != nil {
		return credential.Credential{}, err
	}
	switch {
	case len(a.username) == 0:
		return credential.Credential{}, errors.New("there is no user name in it")
	case len(a.secret) == 0:
		return credential.Credential{}, errors.New("there is no secret in it")
	case bytes.ContainsFunc(a.username, unicode.IsControl):
		return credential.Credential{}, errors.New("its user name has a control character in it")
	case bytes.IndexByte(a.secret, 0) >= 0:
		return credential.Credential{}, errors.New("its secret has a NUL character in it")
	}
	if end := tokenEnd(a.secret); !end.IsZero() && (a.expires.IsZero() || end.Before(a.expires)) {
		a.expires = end
	}
	return credential.Credential{
		Username: string(a.username), Secret: credential.NewSecret(bytes.Clone(a.secret)), Expires: a.expires,
	}, nil
}

// tokenEnd is when a secret that is a JSON Web Token expires (RFC 7519, section 4.1.4),
// zero for any other secret.
func tokenEnd(secret []byte) time.Time {
	parts := bytes.Split(secret, []byte("."))
	if len(parts) != 3 {
		return time.Time{}
	}
	claims := make([]byte, base64.RawURLEncoding.DecodedLen(len(parts[1])))
	defer clear(claims)
	n, err := base64.RawURLEncoding.Decode(claims, bytes.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}
	}
	fields, err := safejson.Fields(claims[:n], "exp")
	if err != nil || !safejson.IsNumber(fields[0]) {
		return time.Time{}
	}
	seconds, err := strconv.ParseFloat(string(fields[0]), 64)
	if err != nil || seconds < 0 || seconds > float64(farFuture().Unix()) {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// farFuture is later than anything that is issued, and a time that every format can still
// write.
func farFuture() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

// The protocol of docker-credential-helpers.

func helperArgs(given []string) []string { return append(slices.Clip(given), "get") }

func helperStdin(q question) []byte { return []byte(q.registry.ServerURL()) }

func readHelper(obj []byte, _ question, _ time.Time) (answer, error) {
	return login(obj, "Username", "Secret")
}

// login reads the texts of an object that are a user name and a secret.
func login(obj []byte, username, secret string) (answer, error) {
	texts, err := safejson.Texts(obj, username, secret)
	if err != nil {
		return answer{}, err
	}
	return answer{username: texts[0], secret: texts[1]}, nil
}

// An object modelled on AWS's credential_process (docs.aws.amazon.com/sdkref, "Process
// credential provider").

func readCommand(obj []byte, _ question, _ time.Time) (answer, error) {
	fields, err := safejson.Fields(obj, "Version", "Expiration")
	if err != nil {
		return answer{}, err
	}
	if string(fields[0]) != "1" {
		return answer{}, errors.New(`there is no "Version": 1 in it`)
	}
	a, err := login(obj, "Username", "Secret")
	if err != nil {
		return a, err
	}
	switch end := string(fields[1]); end {
	case "", "null", `""`:
	default:
		text, err := safejson.Unquote(fields[1])
		if err == nil {
			a.expires, err = time.Parse(time.RFC3339, string(text))
		}
		if err != nil {
			return a, errors.New(`its "Expiration" is not a time like 2026-01-02T15:04:05Z`)
		}
	}
	return a, nil
}

// The kubelet's plugins
// (kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider).

const (
	kubeletAPI     = "credentialprovider.kubelet.k8s.io/"
	kubeletVersion = kubeletAPI + "v1"
	// uncached is how long a credential counts that the plugin asks not to be kept: as
	// long as one pull takes.
	uncached = time.Minute
)

func kubeletStdin(q question) []byte {
	image := q.image
	if image == "" {
		image = q.host() + "/image"
	}
	request, _ := json.Marshal(map[string]string{ // strings only: it cannot fail, and none is secret
		"apiVersion": kubeletVersion, "kind": "CredentialProviderRequest", "image": image,
	})
	return request
}

func readKubelet(obj []byte, q question, asked time.Time) (answer, error) {
	fields, err := safejson.Fields(obj, "auth")
	if err != nil {
		return answer{}, err
	}
	texts, err := safejson.Texts(obj, "apiVersion", "kind", "cacheDuration")
	if err != nil {
		return answer{}, err
	}
	version, kind, duration := texts[0], string(texts[1]), texts[2]
	if !bytes.HasPrefix(version, []byte(kubeletAPI)) || kind != "CredentialProviderResponse" {
		return answer{}, errors.New("it is no CredentialProviderResponse")
	}
	entry, err := bestEntry(fields[0], q)
	if err != nil {
		return answer{}, err
	}
	a, err := login(entry, "username", "password")
	if err != nil || duration == nil {
		return a, err
	}
	life, err := time.ParseDuration(string(duration))
	if err != nil || life < 0 {
		return a, errors.New(`its "cacheDuration" is not a duration like 6h`)
	}
	a.expires = asked.Add(max(life, uncached))
	return a, nil
}

// bestEntry is the entry of an auth map that fits best: the longest pattern.
func bestEntry(auth []byte, q question) (best []byte, err error) {
	longest := -1
	if len(auth) > 0 && auth[0] == '{' {
		err = safejson.Members(auth, func(key, value []byte) error {
			if len(key) > longest && fits(string(key), q) {
				best, longest = value, len(key)
			}
			return nil
		})
	}
	if err == nil && longest < 0 {
		err = errors.New("it has no credential for " + q.host())
	}
	return best, err
}

// fits reports whether a pattern of the kubelet covers the registry: globs match whole
// labels of the host, the port must be the same, and a path must begin the image's
// (k8s.io/kubernetes/pkg/credentialprovider, URLsMatch).
func fits(pattern string, q question) bool {
	pattern = strings.TrimPrefix(strings.TrimPrefix(pattern, "https://"), "http://")
	host, prefix, _ := strings.Cut(pattern, "/")
	if prefix = strings.Trim(prefix, "/"); prefix != "" && prefix != "v1" && prefix != "v2" {
		_, imagePath, _ := strings.Cut(q.image, "/")
		rest, ok := strings.CutPrefix(imagePath, prefix)
		if !ok || rest != "" && !strings.ContainsRune("/:@", rune(rest[0])) {
			return false
		}
	}
	if a, err := address.Parse(host); err == nil {
		return a.Host() == q.host()
	}
	want, wantPort, _ := strings.Cut(strings.ToLower(host), ":")
	have, havePort, _ := strings.Cut(q.host(), ":")
	labels, globs := strings.Split(have, "."), strings.Split(want, ".")
	if len(labels) != len(globs) || wantPort != havePort {
		return false
	}
	for i, glob := range globs {
		if ok, err := path.Match(glob, labels[i]); err != nil || !ok {
			return false
		}
	}
	return true
}
