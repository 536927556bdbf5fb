package address

import (
	"errors"
	"strings"

	"github.com/zen-agent/zen/internal/credential"
)

// Scheme is what stood before "://" in an address. It is not part of an [Address].
type Scheme string

// The schemes an address can be written with.
const (
	NoScheme Scheme = ""
	HTTP     Scheme = "http"
	HTTPS    Scheme = "https"
)

// maxInput bounds what Parse looks at: the longest host, port and path with a scheme fit
// easily.
const maxInput = 1024

// Parse returns the address that s spells, with or without scheme, port, API version or
// repository path; a query says nothing, as with docker-credential-helpers. Its error is a
// *credential.Error with reason InvalidInput and repeats nothing of s that could be a
// password.
func Parse(s string) (Address, error) {
	a, _, err := ParseScheme(s)
	return a, err
}

// ParseScheme is Parse and also tells which scheme was written. Whoever serves
// credentials needs it: http://ghcr.io is the same registry as ghcr.io, but a credential
// that was stored for https must not be sent in plain text because some caller asks for
// http.
func ParseScheme(s string) (Address, Scheme, error) {
	scheme, rest, err := split(s)
	if err != nil {
		return Address{}, NoScheme, err
	}
	a, err := parse(s, rest, scheme)
	if err != nil {
		return Address{}, NoScheme, err
	}
	return a, scheme, nil
}

// ParseKey returns the address that a key of a client's file means. Its scheme says
// nothing: docker, podman, skopeo and helm take it off and ask by TLS (docker/cli,
// credentials.ConvertToHostname), at port 443 unless the key has another.
func ParseKey(key string) (Address, error) {
	_, rest, err := split(key)
	if err != nil {
		return Address{}, err
	}
	return parse(key, rest, NoScheme)
}

// ParseURL is ParseScheme for what clients call a registry that is given by the URL of its
// API, or by a project's, in their files and to a helper: "ghcr.io/MY_ORG/Services",
// "https://reg.example/artifactory/api/docker/Local/v2/?x=1". Docker looks at the host
// alone there (docker/cli, credentials.ConvertToHostname), so a path that no repository
// can have is left out. Not on Docker Hub, where a path can be a token's.
func ParseURL(s string) (Address, Scheme, error) {
	a, scheme, err := ParseScheme(s)
	if err == nil {
		return a, scheme, nil
	}
	host, path, found := strings.Cut(s, "://")
	if !found {
		host, path = "", s
	} else {
		host += "://"
	}
	authority, path, _ := strings.Cut(path, "/")
	if !plainPath(path) || len(s) > maxInput {
		return Address{}, NoScheme, err
	}
	a, scheme, hostErr := ParseScheme(host + authority)
	if hostErr != nil || a.IsHub() {
		return Address{}, NoScheme, err
	}
	return a, scheme, nil
}

// plainPath reports whether a path is one that an URL can have, and that leads nowhere
// else: without empty parts, "." and "..".
func plainPath(path string) bool {
	if path == "" {
		return false
	}
	for i := range len(path) {
		if c := path[i]; c <= ' ' || c >= 0x7f || c == '@' || c == '\\' {
			return false
		}
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(path, "/"), "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}

// split checks the characters of s and takes its scheme off.
func split(s string) (Scheme, string, error) {
	s, query, _ := strings.Cut(s, "?")
	if err := checkBytes(s); err != nil {
		return NoScheme, "", err
	}
	for i := range len(query) {
		if c := query[i]; c <= ' ' || c >= 0x7f || c == '@' || c == '\\' {
			message, hint := badByte(c)
			return NoScheme, "", invalid("the registry address has "+message, hint)
		}
	}
	return cutScheme(s)
}

// parse reads rest, which is s without its scheme.
func parse(s, rest string, scheme Scheme) (Address, error) {
	s, _, _ = strings.Cut(s, "?") // it may hold a token, which no error repeats
	authority, path, _ := strings.Cut(rest, "/")
	host, err := parseAuthority(authority, scheme)
	if err != nil {
		return Address{}, explain(s, err)
	}
	path, err = parsePath(path)
	if err != nil {
		return Address{}, explain(s, err)
	}
	return canonical(host, path), nil
}

// canonical puts Docker Hub's spellings and API versions aside.
func canonical(host, path string) Address {
	if isHub(host) {
		host = hubHost
		if strings.HasPrefix(path, "v1/") {
			return Address{host: hubHost + "/" + path}
		}
	}
	if path == "v1" || path == "v2" {
		path = ""
	}
	return Address{host: host, path: path}
}

// isHub reports whether host is a name of Docker Hub that clients ask for.
func isHub(host string) bool {
	switch host {
	case hubHost, "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com":
		return true
	}
	return false
}

// checkBytes refuses, before anything is taken apart, all that has no place in an address
// and has fooled parsers: control characters (CVE-2020-5260, CVE-2024-52006), userinfo,
// backslashes, escapes, fragments, other scripts.
func checkBytes(s string) error {
	switch {
	case s == "":
		return invalid("the registry address is empty", "give a host, such as docker.io or ghcr.io")
	case len(s) > maxInput:
		return invalid("the registry address is too long", "give host[:port][/path] only")
	}
	for i := range len(s) {
		if message, hint := badByte(s[i]); message != "" {
			return invalid("the registry address has "+message, hint)
		}
	}
	return nil
}

// badByte says what is wrong with c, or "".
func badByte(c byte) (message, hint string) {
	const plain = "give host[:port][/path] only"
	switch {
	case c == ' ':
		return "a space in it", plain
	case c < 0x20 || c == 0x7f:
		return "a control character in it", plain
	case c >= 0x80:
		return "a character outside ASCII in it", "write an international name in its xn-- form"
	case c == '@':
		return "an @ in it", "leave out user names, passwords and digests: give host[:port][/path] only"
	case isAlnum(lower(c)), strings.IndexByte(".:/_-[]", c) >= 0:
		return "", ""
	}
	return "one of these characters in it: \\ % # or the like", plain
}

// cutScheme takes http:// or https:// off s, or // alone, which names none. Any other
// scheme is an error.
func cutScheme(s string) (Scheme, string, error) {
	if rest, ok := strings.CutPrefix(s, "//"); ok {
		return NoScheme, rest, nil
	}
	name, rest, ok := strings.Cut(s, "://")
	if !ok {
		return NoScheme, s, nil
	}
	switch Scheme(strings.ToLower(name)) {
	case HTTP:
		return HTTP, rest, nil
	case HTTPS:
		return HTTPS, rest, nil
	}
	hint := "leave out the scheme"
	if host, _, _ := strings.Cut(rest, "/"); host != "" {
		hint += ": " + host
	}
	return NoScheme, "", explain(s, fault{"only http:// and https:// can stand before a host", hint})
}

// fault is what is wrong with one part of an address.
type fault struct{ message, hint string }

func (f fault) Error() string { return f.message }

// explain names the whole input, which checkBytes found to be plain ASCII without
// userinfo, and what is wrong with it.
func explain(s string, err error) error {
	const most = 100
	f, _ := errors.AsType[fault](err)
	if len(s) > most {
		s = s[:most] + "..."
	}
	return invalid("`"+s+"` is not a registry address: "+f.message, f.hint)
}

func invalid(message, hint string) error {
	return credential.NewError(credential.InvalidInput, message, hint)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// isAlnum reports whether c is a lower-case letter or a digit.
func isAlnum(c byte) bool { return 'a' <= c && c <= 'z' || isDigit(c) }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
