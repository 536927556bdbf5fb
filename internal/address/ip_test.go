package address

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
)

// compare holds one text against net/netip.
func compare(t *testing.T, s string) {
	t.Helper()
	want, err := netip.ParseAddr(s)
	isAddress := err == nil && want.Zone() == ""
	four, ok := parseIPv4(s)
	if ok != (isAddress && want.Is4()) || ok && netip.AddrFrom4(four) != want {
		t.Errorf("%q as IPv4: %v, %v; net/netip says %v, %v", s, four, ok, want, err)
	}
	if ok && isLoopbackIP(s) != want.IsLoopback() {
		t.Errorf("%q is loopback: %v", s, isLoopbackIP(s))
	}
	ip, ok := parseIPv6(s)
	if ok != (isAddress && want.Is6()) || ok && netip.AddrFrom16(ip) != want {
		t.Errorf("%q as IPv6: %v, %v; net/netip says %v, %v", s, ip, ok, want, err)
	}
	if !ok {
		return
	}
	if text := textIPv6(ip); text != want.String() {
		t.Errorf("%q is written as %q; net/netip says %v", s, text, want)
	}
	if host := "[" + s + "]"; isLoopbackIP(host) != want.Unmap().IsLoopback() {
		t.Errorf("%q is loopback: %v", host, isLoopbackIP(host))
	}
}

var someIPs = []string{
	"", ":", "::", ":::", "::1", "1::", "::1:", ":1::", "1::2::3", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7",
	"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::",
	"::2:3:4:5:6:7:8", "1::3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "0:0:1:0:0:0:1:0", "1:0:0:2:0:0:3:4",
	"0:0:0:0:0:0:0:0", "1:0:2:3:4:5:6:7",
	"FE80::ABcd", "12345::", "0001::", "00001::", "+1::", "-1::", "0x1::", "1_0::", "g::", "fe80::1%eth0",
	"::%",
	"::ffff:127.0.0.1", "::ffff:7f00:1", "::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4",
	"1:2:3:4:5:1.2.3.4", "1.2.3.4::",
	"::1.2.3.4:5", "::1.2.3", "::01.2.3.4", "64:ff9b::1.2.3.4", "1::1.2.3.4.5", "::256.1.1.1",
	"127.0.0.1", "127.255.0.9", "1.2.3", "1.2.3.4.5", "1.2.3.4.", ".1.2.3.4", "1..2.3", "01.2.3.4", "0.0.0.0",
	"00.0.0.0", "256.0.0.1",
	"255.255.255.255", "1.2.3.+4", "1.2.3.-4", "1.2.3.0x4", "1.2.3.4_0", "1.2.3.4444", " 1.2.3.4", "1.2.3.4 ",
	"a.b.c.d", "1",
}

func TestIPsAreReadAndWrittenAsNetipDoes(t *testing.T) {
	for _, s := range someIPs {
		compare(t, s)
	}
	// Texts that look like addresses: made of the pieces that those are made of.
	pieces := []string{
		":",
		":",
		"::",
		".",
		"0",
		"1",
		"0",
		"ff",
		"ffff",
		"FFFF",
		"127",
		"256",
		"12345",
		"1.2.3.4",
		"::ffff:",
		"%",
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		var b strings.Builder
		for range 1 + rnd.IntN(18) {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		compare(t, b.String())
	}
	// Real ones, with runs of zeros here and there.
	for range 100_000 {
		var ip [16]byte
		zero := rnd.Uint32()
		for i := range ip {
			if zero>>(i/2)&1 == 0 {
				ip[i] = byte(rnd.Uint32())
			}
		}
		compare(t, netip.AddrFrom16(ip).String())
		compare(t, netip.AddrFrom16(ip).StringExpanded())
		compare(t, netip.AddrFrom4([4]byte(ip[:4])).String())
	}
}

func FuzzIP(f *testing.F) {
	for _, s := range someIPs {
		f.Add(s)
	}
	f.Fuzz(compare)
}
