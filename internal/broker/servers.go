package broker

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// ServerKey gives the secret of a server to whoever logs in there, and who wipes it.
type ServerKey = func(ctx context.Context) (credential.Secret, error)

// Servers talks to ZenML servers. Errors are made for a person.
type Servers interface {
	// Greet asks a server who it is, without a login, and returns it with its canonical URL, id and version. A server that lets
	// everybody in gets api.ServerAuthNone; it is an error for one that does not.
	Greet(ctx context.Context, s api.Server) (api.Server, error)

	// Login proves that the server accepts the key, and returns who it says we are.
	Login(ctx context.Context, s api.Server, key ServerKey) (user string, err error)

	// StartDevice begins a login in a browser; clientID is a UUID that stays the same on one machine.
	StartDevice(ctx context.Context, s api.Server, clientID string) (api.ServerDevice, error)

	// WaitDevice waits until the login was allowed, or as long as ctx; not ok means not yet. The token's end is in the server.
	WaitDevice(ctx context.Context, device string) (s api.Server, token credential.Secret, ok bool, err error)

	// Connectors, Registries and Stacks list what is on a server.
	Connectors(ctx context.Context, s api.Server, key ServerKey) ([]api.ServiceConnector, error)
	Registries(ctx context.Context, s api.Server, key ServerKey) ([]api.ContainerRegistry, error)
	Stacks(ctx context.Context, s api.Server, key ServerKey) ([]api.Stack, error)

	// Types lists the types of service connectors that a server has.
	Types(ctx context.Context, s api.Server, key ServerKey) ([]api.ConnectorType, error)

	// CheckConnector asks a server to check a connector that is not registered, and what it gives access to.
	CheckConnector(ctx context.Context, s api.Server, key ServerKey, d Draft) (resources []string, err error)

	// RegisterConnector and UpdateConnector make a connector on a server, and make one what the draft says.
	RegisterConnector(ctx context.Context, s api.Server, key ServerKey, d Draft) (api.ServiceConnector, error)
	UpdateConnector(ctx context.Context, s api.Server, key ServerKey, d Draft) (api.ServiceConnector, error)

	// DeleteConnector removes a connector from a server.
	DeleteConnector(ctx context.Context, s api.Server, key ServerKey, id string) error

	// Configuration reads a connector's whole configuration, with its secrets, which the caller wipes.
	Configuration(ctx context.Context, s api.Server, key ServerKey, id string) (map[string]credential.Secret, error)

	// LinkRegistry links a container registry on a server to a connector there, for one of its resources; without ids it
	// unlinks it.
	LinkRegistry(ctx context.Context, s api.Server, key ServerKey, registry, connector, resource string) error

	// Forget wipes all access tokens.
	Forget()
}

// Bounds of what is asked of servers.
const (
	listTime   = 15 * time.Second // for the lists of all servers
	eachTime   = 2 * time.Minute  // to ask about every connector, behind each of which can be a cloud
	quickTime  = time.Second / 2  // for the same, when a shell completes a name
	noticeTime = time.Second      // to find out whether a server has a connector of the same name
	deviceTime = time.Minute      // for one question whether a person allowed a login
)

// Draft is a connector as it is to be on a server.
type Draft struct {
	Connector api.ServiceConnector // without its configuration
	Instances bool                 // its resource type has several instances
	Method    api.AuthMethod
	Config    map[string]credential.Secret // the whole configuration; nil leaves it as it is. Secrets are the broker's to wipe
}

var errNoServers = credential.NewError(credential.Unavailable, "this zend talks to no ZenML servers", "")

// serverKey opens a server's secret for just as long as it is needed.
func (b *Broker) serverKey(s api.Server) ServerKey {
	return func(ctx context.Context) (credential.Secret, error) {
		attrs, err := b.secrets(ctx, s.ID)
		return attrs[connector.AttrKey], err
	}
}

// ServerList answers server.list.
func (b *Broker) ServerList() api.ServerList {
	list := api.ServerList{}
	b.read(func(c *catalog.Catalog) { list.Items = c.Servers.List() })
	return list
}

// Server answers server.get: the server, asked whether it still accepts us; an empty ref is the active one.
func (b *Broker) Server(ctx context.Context, ref string) (result api.ServerResult, err error) {
	b.read(func(c *catalog.Catalog) { result.Server, err = c.Servers.Resolve(ref) })
	if err != nil {
		return result, err
	}
	lists := b.askServers(ctx, listTime, result.Server.Name)
	if err := lists[0].err; err != nil {
		result.Server.Problem = err.Error()
		return result, nil
	}
	n := 0
	for _, conn := range lists[0].items {
		if forRegistries(conn) {
			n++
		}
	}
	result.Connectors = &n
	return result, nil
}

// ServerDevice begins a login in a browser. It answers without a device when the server lets everybody in.
func (b *Broker) ServerDevice(ctx context.Context, req api.ConnectServer) (api.ServerDevice, error) {
	if b.servers == nil {
		return api.ServerDevice{}, errNoServers
	}
	s := serverOf(req)
	s.Auth = api.ServerAuthDevice
	s, err := b.servers.Greet(ctx, s)
	if err != nil || s.Auth == api.ServerAuthNone {
		return api.ServerDevice{}, err
	}
	client := uuid.NewString()
	if id := b.vault.State().ID; id != "" {
		client = uuid.NewSHA1(uuid.NameSpaceOID, []byte("zen device "+id)).String()
	}
	return b.servers.StartDevice(ctx, s, client)
}

func serverOf(req api.ConnectServer) api.Server {
	return api.Server{
		Name: req.Name, URL: req.URL, Auth: req.Auth, Username: req.Username, CACert: req.CACert, Insecure: req.Insecure, Until: req.Until,
	}
}

// ConnectServer proves that a server accepts the key and keeps it. Connecting again to the same address takes the place of
// what was. The key is the caller's to wipe.
func (b *Broker) ConnectServer(ctx context.Context, caller Caller, req api.ConnectServer, secrets map[string]credential.Secret) (api.ServerResult, error) {
	if b.servers == nil {
		return api.ServerResult{}, errNoServers
	}
	key := secrets[api.SecretKey]
	s := serverOf(req)
	if req.Device != "" {
		wait, cancel := context.WithTimeout(ctx, deviceTime)
		defer cancel()
		found, token, ok, err := b.servers.WaitDevice(wait, req.Device)
		if err != nil || !ok {
			return api.ServerResult{Pending: err == nil}, err
		}
		defer token.Wipe()
		found.Name = req.Name
		s, key = found, token
	}
	subject := Subject{Action: ActionConnect}
	s, err := b.provenServer(ctx, s, key)
	if err == nil {
		s, err = b.keepServer(ctx, s, key)
	}
	b.audit(caller, subject, err, s.URL)
	return api.ServerResult{Server: s}, err
}

// provenServer asks the server who it is and whether it accepts the key.
func (b *Broker) provenServer(ctx context.Context, s api.Server, key credential.Secret) (api.Server, error) {
	asked := s
	s.ID, s.Updated = uuid.NewString(), b.now() // of this attempt: nothing of a former one may be used
	s, err := b.servers.Greet(ctx, s)
	if err != nil {
		return asked, err
	}
	s.User, err = b.servers.Login(ctx, s, func(context.Context) (credential.Secret, error) { return key.Clone(), nil })
	if e, ok := asError(err); ok && e.Reason == credential.NeedsLogin {
		c := *e
		c.Reason, c.Hint = credential.Rejected, "check the key or the password, and that it belongs to this server"
		err = &c
	}
	return s, err
}

// keepServer stores a server that was proven.
func (b *Broker) keepServer(ctx context.Context, s api.Server, key credential.Secret) (api.Server, error) {
	now := b.now().UTC()
	var remotes []api.ServiceConnector
	err := b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		s.ID, s.Owner, s.Created, s.Updated = uuid.NewString(), b.owner, now, now
		if old, err := c.Servers.Resolve(s.URL); err == nil && old.URL == s.URL {
			s.ID, s.Created = old.ID, old.Created
			if s.Name == "" {
				s.Name = old.Name
			}
		}
		if s.Name == "" {
			s.Name = hostOf(s.URL)
		}
		remotes = c.Servers.Remotes()
		change, err := c.Servers.Put(s)
		attrs := map[string]credential.Secret{}
		if !key.IsEmpty() && s.Auth != api.ServerAuthNone {
			attrs[connector.AttrKey] = key
		}
		return edit{Change: change, secrets: map[string]credential.Secret{s.ID: packBlob(attrs)}}, err
	})
	if err != nil {
		return s, err
	}
	for _, conn := range remotes { // what failed for want of a key may work now
		if conn.Server == s.Name {
			b.engine.Drop(conn.ID)
		}
	}
	b.read(func(c *catalog.Catalog) { s, err = c.Servers.Resolve(s.ID) })
	return s, err
}

func hostOf(raw string) string {
	if u, err := url.Parse(raw); err == nil {
		return u.Host
	}
	return raw
}

// UseServer makes a server the active one.
func (b *Broker) UseServer(ctx context.Context, ref string) (result api.ServerResult, err error) {
	err = b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		s, change, err := c.Servers.Use(ref)
		result.Server = s
		return edit{Change: change}, err
	})
	return result, err
}

// DisconnectServer forgets a server and its key, and ends the logins through its connectors.
func (b *Broker) DisconnectServer(ctx context.Context, caller Caller, ref string) (result api.ServerResult, err error) {
	var ended []api.Login
	err = b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		s, logins, change, err := c.Servers.Delete(ref)
		result.Server, ended = s, logins
		return edit{Change: change}, err
	})
	b.audit(caller, Subject{Action: ActionDisconnect}, err, result.Server.URL)
	if err != nil {
		return result, err
	}
	if b.servers != nil {
		b.servers.Forget()
	}
	b.forget(ended)
	for _, l := range ended {
		b.engine.Drop(l.ConnectorID)
	}
	result.Ended = len(ended)
	return result, nil
}

// askServers lists the connectors of every server, or of the named one. A server that does not answer has those that logins use.
func (b *Broker) askServers(ctx context.Context, limit time.Duration, only string) []listed[api.ServiceConnector] {
	var remotes []api.ServiceConnector
	b.read(func(c *catalog.Catalog) { remotes = c.Servers.Remotes() })
	out := everyServer(ctx, b, limit, only, func(ctx context.Context, s api.Server) ([]api.ServiceConnector, error) {
		items, err := b.servers.Connectors(ctx, s, b.serverKey(s))
		return placed(items, s, remotes), err
	})
	for i := range out {
		if out[i].err != nil {
			out[i].items = slices.DeleteFunc(slices.Clone(remotes), func(r api.ServiceConnector) bool { return r.Server != out[i].server.Name })
		}
	}
	return out
}

// placed says of connectors where they live, and which revision of what is kept of them they are.
func placed(items []api.ServiceConnector, s api.Server, remotes []api.ServiceConnector) []api.ServiceConnector {
	out := make([]api.ServiceConnector, 0, len(items))
	for _, conn := range items {
		if conn.ID == "" || conn.Name == "" {
			continue // without permission to read it there is nothing to say of it
		}
		conn.Server, conn.Revision = s.Name, 1
		for _, r := range remotes {
			if r.ID != conn.ID || r.Server != s.Name {
				continue
			}
			conn.Revision, conn.Verification = r.Revision, r.Verification
			agreed, _ := connector.Unencrypted(r.Configuration)
			now, plain := connector.Unencrypted(conn.Configuration)
			conn.Insecure = r.Insecure && plain && now == agreed
			if !r.Updated.Equal(conn.Updated) {
				conn.Revision++
			}
		}
		out = append(out, conn)
	}
	return out
}

// forRegistries reports whether a connector gives access to container registries.
func forRegistries(conn api.ServiceConnector) bool {
	return len(conn.ResourceTypes) == 0 || slices.Contains(conn.ResourceTypes, resourceTypeRegistry)
}

const resourceTypeRegistry = "docker-registry"

func (b *Broker) hasServers() (yes bool) {
	b.read(func(c *catalog.Catalog) { yes = len(c.Servers.List()) > 0 })
	return yes
}

// ListConnectors answers connector.list: the connectors of this machine and of every server.
func (b *Broker) ListConnectors(ctx context.Context, q api.Query) (list api.ConnectorList, err error) {
	remote, warnings, err := b.remoteConnectors(ctx, "", patience(q))
	if err == nil {
		err = b.largeIfAll(ctx, q)
	}
	if err != nil {
		return list, err
	}
	b.read(func(c *catalog.Catalog) { list, err = c.Connectors.Query(q, b.now(), remote...) })
	list.Warnings = warnings
	return list, err
}

// patience is how long a list waits for servers.
func patience(q api.Query) time.Duration {
	if q.Quick {
		return quickTime
	}
	return listTime
}

// remoteConnectors are the connectors of every server, or of one, and which servers did not answer.
func (b *Broker) remoteConnectors(ctx context.Context, server string, limit time.Duration) (conns []api.ServiceConnector, warnings []string, err error) {
	if server != "" {
		var s api.Server
		b.read(func(c *catalog.Catalog) { s, err = c.Servers.Resolve(server) })
		if err != nil {
			return nil, nil, err
		}
		server = s.Name
	}
	if !b.hasServers() {
		return nil, nil, nil
	}
	for _, from := range b.askServers(ctx, limit, server) {
		conns = append(conns, from.items...)
		if from.err != nil {
			warnings = append(warnings, unheard(from.server, from.err))
		}
	}
	return conns, warnings, nil
}

func unheard(s api.Server, err error) string {
	return fmt.Sprintf("server '%s' was not asked successfully: %v", s.Name, err)
}

// findConnector finds a connector by name, id or prefix: on this machine, else on the active server, else on one of the others;
// with a server's name on that one only.
func (b *Broker) findConnector(ctx context.Context, ref, server string) (api.ServiceConnector, error) {
	var conn api.ServiceConnector
	var err error
	if server == "" {
		if conn, err = b.resolveConnector(ref); !credential.NoSuchEntity.Is(err) || !b.hasServers() {
			return conn, err
		}
	} else {
		var s api.Server
		b.read(func(c *catalog.Catalog) { s, err = c.Servers.Resolve(server) })
		if err != nil {
			return conn, err
		}
		server = s.Name
	}
	if servers := b.ServerList().Items; server == "" && len(servers) > 0 { // the active one's counts anyway, and others may not answer
		conn, missing := choose(b.askServers(ctx, listTime, servers[0].Name), ref, err)
		if missing == nil || len(servers) == 1 {
			return conn, missing
		}
	}
	return choose(b.askServers(ctx, listTime, server), ref, err)
}

// choose picks the connector that ref means among those of several servers; missing is the error when there is none.
func choose(lists []listed[api.ServiceConnector], ref string, missing error) (api.ServiceConnector, error) {
	var found []api.ServiceConnector
	var silent []string
	for _, from := range lists {
		conn, err := catalog.ResolveIn(from.items, ref)
		switch {
		case err == nil && from.server.Active:
			return conn, nil
		case err == nil:
			found = append(found, conn)
		case from.err != nil && len(lists) == 1:
			return conn, from.err
		case from.err != nil:
			silent = append(silent, unheard(from.server, from.err))
		case !credential.NoSuchEntity.Is(err):
			return conn, err
		case missing == nil:
			missing = err
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		var names []string
		for _, conn := range found {
			names = append(names, conn.Server)
		}
		return api.ServiceConnector{}, credential.NewError(credential.Ambiguous,
			fmt.Sprintf("several servers have a service connector '%s': %s", ref, strings.Join(names, ", ")), "add --server "+names[0])
	case len(silent) > 0:
		return api.ServiceConnector{}, credential.NewError(credential.Unreachable,
			fmt.Sprintf("no service connector '%s' was found; %s", ref, strings.Join(silent, "; ")), "zen server list")
	case missing == nil:
		missing = credential.NewError(credential.NoSuchEntity, "no service connector '"+ref+"' was found", "zen service-connector list")
	}
	return api.ServiceConnector{}, missing
}

// shadowed names the servers that have a connector of the same name as one that was chosen because it is this machine's, and
// not by naming a server.
func (b *Broker) shadowed(ctx context.Context, conn api.ServiceConnector, server string) (names []string) {
	if conn.Server != "" || server != "" || !b.hasServers() {
		return nil
	}
	for _, from := range b.askServers(ctx, noticeTime, "") {
		if slices.ContainsFunc(from.items, func(o api.ServiceConnector) bool { return o.Name == conn.Name }) {
			names = append(names, from.server.Name)
		}
	}
	return names
}

// kindOf is the kind that mints for a connector: its type's, or that of all that live on a server.
func (b *Broker) kindOf(conn api.ServiceConnector) (connector.Kind, error) {
	if conn.Server == "" {
		return b.kind(conn.Type)
	}
	if b.serverKind == nil {
		return nil, errNoServers
	}
	return b.serverKind, nil
}

// specOf is a connector's specification without its secrets, and the id of the record that has those.
func (b *Broker) specOf(conn api.ServiceConnector) (spec connector.Spec, secretID string, err error) {
	spec = publicSpec(conn)
	spec.Insecure = b.agreedFor(conn)
	if conn.Server == "" {
		return spec, conn.ID, nil
	}
	var s api.Server
	var ok bool
	b.read(func(c *catalog.Catalog) { s, ok = c.Servers.Named(conn.Server) })
	if !ok {
		return spec, "", credential.NewError(credential.NoSuchEntity,
			fmt.Sprintf("the server '%s' of service connector '%s' is gone", conn.Server, conn.Name), "zen server connect URL")
	}
	if !forRegistries(conn) {
		return spec, "", credential.NewError(credential.InvalidInput,
			fmt.Sprintf("service connector '%s' on server '%s' gives access to no container registry", conn.Name, conn.Server), "zen service-connector list")
	}
	spec.ResourceType = resourceTypeRegistry
	spec.Config = connector.Server{
		ID: s.ID, Revision: s.Updated.Format(time.RFC3339Nano), URL: s.URL, Auth: s.Auth, Username: s.Username, CACert: s.CACert, Insecure: s.Insecure,
	}.Attributes(spec.Config)
	return spec, s.ID, nil
}
