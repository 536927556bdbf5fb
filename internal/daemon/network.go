package daemon

import (
	"net"
	"slices"
	"strings"
)

// network is the addresses by which others reach this machine: they change when it moves
// to another network, gets back into one, or joins a VPN. "" while there is none, or when
// the system does not tell.
func network() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	return reachable(addrs)
}

// reachable leaves out what says nothing about the network: containers come and go with
// link-local addresses.
func reachable(addrs []net.Addr) string {
	var list []string
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			list = append(list, n.String())
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
