package address

import (
	"strconv"
	"strings"
)

// Limits of RFC 1035, section 2.3.4.
const (
	maxHost  = 253
	maxLabel = 63
)

// parseAuthority returns the canonical host[:port] of s. The port that the scheme has
// anyway is left out: 443, and 80 after http://. Port 443 stays after http://, since
// without it that would be port 80; Docker Hub speaks TLS, whatever is written.
func parseAuthority(s string, scheme Scheme) (string, error) {
	host, port, err := splitPort(s)
	if err != nil {
		return "", err
	}
	if host, err = parseHost(host); err != nil {
		return "", err
	}
	if port == "" || port == ownPort(scheme) || port == "443" && isHub(host) {
		return host, nil
	}
	return host + ":" + port, nil
}

// ownPort is the port of a URL of the scheme that names none.
func ownPort(scheme Scheme) string {
	if scheme == HTTP {
		return "80"
	}
	return "443"
}

// splitPort splits host:port and checks the port; the brackets of an IPv6 literal stay.
func splitPort(s string) (host, port string, err error) {
	end := strings.IndexByte(s, ']') + 1 // colons up to here belong to an IPv6 literal
	colon := strings.IndexByte(s[end:], ':')
	if colon < 0 {
		return s, "", nil
	}
	host, port = s[:end+colon], s[end+colon+1:]
	if strings.IndexByte(port, ':') >= 0 {
		return "", "", fault{"there are several colons in the host", "put an IPv6 address in brackets: " +
			"[::1]:5000"}
	}
	return host, port, checkPort(port)
}

// checkPort accepts 1 to 65535 without leading zeros.
func checkPort(port string) error {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		return fault{"the port must be a number from 1 to 65535", "give host[:port][/path] only; a tag " +
			"is not part of it"}
	}
	return nil
}

func parseHost(host string) (string, error) {
	switch {
	case host == "":
		return "", fault{"the host is missing", "give a host, such as docker.io or ghcr.io"}
	case len(host) > maxHost:
		return "", fault{"the host is too long", ""}
	case host[0] == '[':
		return canonicalIPv6(host)
	}
	host = strings.ToLower(host)
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !validLabel(label) {
			return "", fault{"a part of the host is not a valid host name", "use letters, digits and - " +
				"between dots, no dot at the end"}
		}
	}
	return host, checkIPv4(host, labels[len(labels)-1])
}

// validLabel reports whether s is a label as RFC 1123 and the image reference grammar
// know it.
func validLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '-' {
			return false
		}
	}
	return true
}

// checkIPv4 refuses a host that resolvers would take for an IPv4 address in a form of its
// own (127.1, 0x7f.1, 010.0.0.1, 2130706433). What looks like one is decided as in the
// WHATWG URL standard: by the last label.
func checkIPv4(host, last string) error {
	if !isNumber(last) {
		return nil
	}
	if _, ok := parseIPv4(host); !ok {
		return fault{"an IPv4 address is four numbers from 0 to 255, without leading " +
			"zeros", "write it like 127.0.0.1"}
	}
	return nil
}

// isNumber reports whether a lower-case label is decimal or, with 0x, hexadecimal.
func isNumber(label string) bool {
	digits, hex := strings.CutPrefix(label, "0x")
	for i := range len(digits) {
		if c := digits[i]; !isDigit(c) && !(hex && 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}

// canonicalIPv6 returns the canonical text of a literal in brackets.
func canonicalIPv6(host string) (string, error) {
	ip, ok := parseIPv6(strings.TrimSuffix(host[1:], "]"))
	if !ok || host[len(host)-1] != ']' {
		return "", fault{"what is in brackets is not an IPv6 address", "write it like [::1]:5000"}
	}
	return "[" + textIPv6(ip) + "]", nil
}
