package address

import (
	"strconv"
	"strings"
)

// Addresses are read here rather than by net/netip: its start-up (unique, a cleanup and
// its goroutine) would cost every run of docker-credential-zen a twentieth. The tests
// compare the two.

// isLoopbackIP reports whether host, the literal of an address, is this machine:
// 127.0.0.0/8, mapped into IPv6 or not, or ::1.
func isLoopbackIP(host string) bool {
	if host[0] != '[' {
		four, ok := parseIPv4(host)
		return ok && four[0] == 127
	}
	ip, ok := parseIPv6(strings.Trim(host, "[]"))
	return ok && (ip == [16]byte{15: 1} || isMapped(ip) && ip[12] == 127)
}

// parseIPv4 reads four decimal numbers from 0 to 255 without leading zeros.
func parseIPv4(s string) (ip [4]byte, ok bool) {
	for i := range ip {
		number, rest, more := strings.Cut(s, ".")
		n, err := strconv.ParseUint(number, 10, 8)
		if err != nil || len(number) > 1 && number[0] == '0' || more != (i < 3) {
			return ip, false
		}
		ip[i], s = byte(n), rest
	}
	return ip, true
}

// parseIPv6 reads an address without a zone (RFC 4291, section 2.2).
func parseIPv6(s string) (ip [16]byte, ok bool) {
	left, right, shortened := strings.Cut(s, "::")
	n, ok := parseGroups(ip[:], left, !shortened)
	if !ok || !shortened {
		return ip, ok && n == len(ip)
	}
	var end [16]byte
	m, ok := parseGroups(end[:len(ip)-n], right, true)
	copy(ip[len(ip)-m:], end[:m])
	return ip, ok && n+m <= len(ip)-2 // "::" stands for one group at least
}

// parseGroups reads hexadecimal groups with colons between them into ip and returns how
// many bytes they are. The last two groups of an address may be written as IPv4.
func parseGroups(ip []byte, s string, last bool) (n int, ok bool) {
	for more := s != ""; more; n += 2 {
		var group string
		group, s, more = strings.Cut(s, ":")
		if last && !more && strings.IndexByte(group, '.') >= 0 {
			four, ok := parseIPv4(group)
			return n + copy(ip[n:], four[:]), ok && len(ip)-n >= len(four)
		}
		v, err := strconv.ParseUint(group, 16, 16)
		if err != nil || len(group) > 4 || n == len(ip) {
			return n, false
		}
		ip[n], ip[n+1] = byte(v>>8), byte(v)
	}
	return n, true
}

// isMapped reports whether ip is an IPv4 address in IPv6's form (RFC 4291, section
// 2.5.5.2).
func isMapped(ip [16]byte) bool { return [12]byte(ip[:12]) == [12]byte{10: 0xff, 11: 0xff} }

// textIPv6 is the canonical text (RFC 5952).
func textIPv6(ip [16]byte) string {
	b := make([]byte, 0, len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))
	if isMapped(ip) {
		b = append(b, "::ffff"...)
		separator := byte(':')
		for _, n := range ip[12:] {
			b = strconv.AppendUint(append(b, separator), uint64(n), 10)
			separator = '.'
		}
		return string(b)
	}
	from, to := longestZeros(ip)
	for i := 0; i < len(ip); i += 2 {
		if i == from {
			b, i = append(b, "::"...), to
			if to == len(ip) {
				break
			}
		} else if i > 0 {
			b = append(b, ':')
		}
		b = strconv.AppendUint(b, uint64(ip[i])<<8|uint64(ip[i+1]), 16)
	}
	return string(b)
}

// longestZeros is where "::" stands: the first of the longest runs of at least two groups
// of zeros, in bytes; -1 if there is none.
func longestZeros(ip [16]byte) (from, to int) {
	from = -1
	for i := 0; i < len(ip); i += 2 {
		end := i
		for end < len(ip) && ip[end] == 0 && ip[end+1] == 0 {
			end += 2
		}
		if end-i > max(to-from, 2) || from < 0 && end-i > 2 {
			from, to = i, end
		}
		i = max(i, end-2)
	}
	return from, to
}
