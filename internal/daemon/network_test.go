package daemon

import (
	"net"
	"testing"
)

func TestReachable(t *testing.T) {
	addrs := func(list ...string) (addrs []net.Addr) {
		for _, s := range list {
			ip, n, err := net.ParseCIDR(s)
			if err != nil {
				t.Fatal(err)
			}
			addrs = append(addrs, &net.IPNet{IP: ip, Mask: n.Mask})
		}
		return addrs
	}
	for want, list := range map[string][]net.Addr{
		"": addrs("127.0.0.1/8", "::1/128", "fe80::1/64", "169.254.3.4/16"),
		"10.0.0.7/8 192.168.1.2/24 2001:db8::7/64": addrs("2001:db8::7/64", "127.0.0.1/8", "192.168.1.2/24",
			"fe80::42/64", "10.0.0.7/8"),
	} {
		if got := reachable(list); got != want {
			t.Errorf("%v: %q, want %q", list, got, want)
		}
	}
}
