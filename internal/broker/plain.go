package broker

import (
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// Over plain http anyone on the network can read a password. To another machine zend
// sends one that way only if a person said so for that registry: by registering a
// connector for http:// with Insecure, by logging in with it through a connector of a
// server, or by a connector that was registered before zend asked for that
// (api.ServiceConnector.Insecure is false). Keys of clients' files, what docker login
// stores, and what a server says of a connector are not such a word.

// agree decides whether a connector that is about to be kept may be asked about over
// plain http. req is what the request says; earlier is the connector as it is kept so
// far, which goes on as it was as long as its registry is the same.
func agree(
	conn, earlier api.ServiceConnector, spec connector.Spec, req bool,
) (api.ServiceConnector, connector.Spec, error) {
	conn.Insecure, spec.Insecure = false, false
	registry, plain := connector.Unencrypted(spec.Config)
	if !plain {
		return conn, spec, nil
	}
	before, had := connector.Unencrypted(earlier.Configuration)
	same := had && before.Host() == registry.Host()
	if !req && !same {
		return conn, spec, refusePlain(registry, "leave out http://, or accept that: add --insecure")
	}
	conn.Insecure, spec.Insecure = req || earlier.Insecure, true
	return conn, spec, nil
}

func refusePlain(registry address.Address, hint string) error {
	return credential.NewError(credential.InvalidInput, "http://"+registry.Host()+" is on another machine: "+
		"passwords would cross the network unencrypted, for anyone there to read", hint)
}

// agreedFor reports whether a person agreed to plain http for the registry of a connector
// that is kept. Those of this machine were refused without; those of a server can change
// there at any time, so that it is the registry that was agreed to.
func (b *Broker) agreedFor(conn api.ServiceConnector) (yes bool) {
	registry, plain := connector.Unencrypted(conn.Configuration)
	if !plain || conn.Server == "" {
		return plain
	}
	b.read(func(c *catalog.Catalog) {
		for _, l := range c.Logins.List() {
			same := l.ConnectorID == conn.ID && mustParse(l.Address).Host() == registry.Host()
			yes = yes || same && l.PlainHTTP
		}
	})
	return yes || conn.Insecure
}

// checkPlain refuses to send anything to the registry of a server's connector over plain
// http that nobody agreed to.
func checkPlain(conn api.ServiceConnector, spec connector.Spec) error {
	registry, plain := connector.Unencrypted(spec.Config)
	if !plain || spec.Insecure {
		return nil
	}
	return refusePlain(registry, "have the registry speak https, or accept that: "+loginInsecure(conn))
}

func loginInsecure(conn api.ServiceConnector) string {
	return "zen service-connector login " + conn.Name + " --server " + conn.Server + " --insecure"
}

// plainFor reports whether a person agreed to plain http for a registry, with whichever
// connector.
func (b *Broker) plainFor(a address.Address) (yes bool) {
	b.read(func(c *catalog.Catalog) {
		for _, conn := range c.Connectors.List() {
			registry, plain := connector.Unencrypted(conn.Configuration)
			yes = yes || plain && registry.Host() == a.Host()
		}
	})
	return yes
}

// PlainNotices name the connectors whose registry is asked over plain http and was so
// before zend asked for agreement.
func (b *Broker) PlainNotices() (list []api.Notice) {
	var conns []api.ServiceConnector
	b.read(func(c *catalog.Catalog) { conns = append(c.Connectors.List(), c.Servers.Remotes()...) })
	for _, conn := range conns {
		if conn.Insecure || !b.agreedFor(conn) {
			continue
		}
		registry, _ := connector.Unencrypted(conn.Configuration)
		update := "zen service-connector update " + conn.Name
		hint := "if it speaks https: " + update + " --registry=" + registry.Host() +
			"; or accept that: " + update + " --insecure"
		if conn.Server != "" {
			hint = "have the registry speak https, or accept that: " + loginInsecure(conn)
		}
		list = append(list, api.Notice{
			Time: conn.Updated,
			Text: "service connector '" + conn.Name + "' sends passwords to http://" + registry.Host() +
				" unencrypted",
			Hint: hint,
		})
	}
	return list
}
