package broker

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/broker/home"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// Servers connects ZenML servers.
type Servers struct{ *core }

// ServerList answers server.list.
func (b *Servers) ServerList() api.ServerList {
	list := api.ServerList{}
	b.Read(func(c *catalog.Catalog) { list.Items = c.Servers.List() })
	return list
}

// Server answers server.get: the server, asked whether it still accepts us; an empty ref
// is the active one.
func (b *Servers) Server(ctx context.Context, ref string) (result api.ServerResult, err error) {
	b.Read(func(c *catalog.Catalog) { result.Server, err = c.Servers.Resolve(ref, catalog.ByPrefix) })
	if err != nil {
		return result, err
	}
	lists := b.homes.Connectors(ctx, home.ListTime, result.Server.Name)
	if err := lists[0].Err; err != nil {
		result.Server.Problem = err.Error()
		return result, nil
	}
	n := 0
	for _, conn := range lists[0].Items {
		if home.ForRegistries(conn) {
			n++
		}
	}
	result.Connectors = &n
	return result, nil
}

// deviceTime is for one question whether a person allowed a login.
const deviceTime = time.Minute

// ServerDevice begins a login in a browser. It answers without a device when the server
// lets everybody in.
func (b *Servers) ServerDevice(ctx context.Context, req api.ConnectServer) (api.ServerDevice, error) {
	if b.homes.Client == nil {
		return api.ServerDevice{}, home.ErrNoServers
	}
	s := serverOf(req)
	s.Auth = api.ServerAuthDevice
	s, err := b.homes.Client.Greet(ctx, s)
	if err != nil {
		return api.ServerDevice{}, err
	}
	moved, err := b.greeted(s, req.Replace)
	if err != nil || moved != nil || s.Auth == api.ServerAuthNone {
		return api.ServerDevice{Moved: moved}, err
	}
	client := uuid.NewString()
	if id := b.Vault.State().ID; id != "" {
		client = uuid.NewSHA1(uuid.NameSpaceOID, []byte("zen device "+id)).String()
	}
	return b.homes.Client.StartDevice(ctx, s, client)
}

// greeted refuses what is known to be in vain before anybody logs in.
func (b *Servers) greeted(s api.Server, replace bool) (moved *api.Server, err error) {
	b.Read(func(c *catalog.Catalog) { moved, err = c.Servers.Greeted(s) })
	if replace {
		moved = nil
	}
	return moved, err
}

func serverOf(req api.ConnectServer) api.Server {
	return api.Server{
		Name: req.Name, URL: req.URL, Auth: req.Auth, Username: req.Username, CACert: req.CACert,
		Insecure: req.Insecure, Until: req.Until,
	}
}

// ConnectServer proves that a server accepts the key and keeps it. Connecting again with
// the same account takes the place of what was. The key is the caller's to wipe.
func (b *Servers) ConnectServer(
	ctx context.Context,
	caller access.Caller,
	req api.ConnectServer,
	secrets map[string]credential.Secret,
) (api.ServerResult, error) {
	if b.homes.Client == nil {
		return api.ServerResult{}, home.ErrNoServers
	}
	key := secrets[api.SecretKey]
	s := serverOf(req)
	if req.Device != "" {
		wait, cancel := context.WithTimeout(ctx, deviceTime)
		defer cancel()
		found, token, ok, err := b.homes.Client.WaitDevice(wait, req.Device)
		if err != nil || !ok {
			return api.ServerResult{Pending: err == nil}, err
		}
		defer token.Wipe()
		found.Name = req.Name
		s, key = found, token
	}
	var moved *api.Server
	s, err := b.provenServer(ctx, s, key)
	if err == nil {
		s, moved, err = b.keepServer(ctx, s, key, req.Replace)
	}
	if moved != nil {
		return api.ServerResult{Server: s, Moved: moved}, nil
	}
	b.Audit(
		caller,
		access.Subject{Action: access.Connect, To: access.Destination{Place: access.Server, Name: s.URL}},
		err,
		s.URL,
	)
	return api.ServerResult{Server: s}, err
}

// provenServer asks the server who it is and whether it accepts the key.
func (b *Servers) provenServer(ctx context.Context, s api.Server, key credential.Secret) (api.Server, error) {
	asked := s
	s.ID, s.Updated = uuid.NewString(), b.Now() // of this attempt: nothing of a former one may be used
	s, err := b.homes.Client.Greet(ctx, s)
	if err != nil {
		return asked, err
	}
	if _, err := b.greeted(s, true); err != nil {
		return asked, err
	}
	s.User, err = b.homes.Client.Login(
		ctx,
		s,
		func(context.Context) (credential.Secret, error) { return key.Clone(), nil },
	)
	if e, ok := asError(err); ok && e.Reason == credential.NeedsLogin {
		c := *e
		c.Reason, c.Hint = credential.Rejected, "check the key or the password, and that it belongs to "+
			"this server"
		err = &c
	}
	return s, err
}

// keepServer stores a server that was proven, unless it is one under another address
// and nobody said that this is to change.
func (b *Servers) keepServer(
	ctx context.Context, s api.Server, key credential.Secret, replace bool,
) (_ api.Server, moved *api.Server, err error) {
	now := b.Now().UTC()
	var remotes []api.ServiceConnector
	err = b.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		as := s
		as.ID, as.Owner, as.Created, as.Updated = uuid.NewString(), b.Owner, now, now
		var err error
		if as, moved, err = c.Servers.Connecting(as, replace); err != nil || moved != nil {
			return state.Edit{}, err
		}
		s, remotes = as, c.Servers.Remotes()
		change, err := c.Servers.Put(s)
		attrs := map[string]credential.Secret{}
		if !key.IsEmpty() && s.Auth != api.ServerAuthNone {
			attrs[connector.AttrKey] = key
		}
		return state.Edit{Change: change, Secrets: map[string]credential.Secret{s.ID: door.Pack(attrs)}}, err
	})
	if err != nil || moved != nil {
		return s, moved, err
	}
	for _, conn := range remotes { // what failed for want of a key may work now
		if conn.Server == s.Name {
			b.Engine.Drop(conn.ID)
		}
	}
	b.Read(func(c *catalog.Catalog) { s, err = c.Servers.Resolve(s.ID, catalog.Exactly) })
	return s, nil, err
}

// UseServer makes a server the active one.
func (b *Servers) UseServer(ctx context.Context, ref string) (result api.ServerResult, err error) {
	err = b.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		s, change, err := c.Servers.Use(ref)
		result.Server = s
		return state.Edit{Change: change}, err
	})
	return result, err
}

// DisconnectServer forgets a server and its key, and ends the logins through its
// connectors.
func (b *Servers) DisconnectServer(
	ctx context.Context,
	caller access.Caller,
	ref string,
) (result api.ServerResult, err error) {
	var ended []api.Login
	err = b.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		s, logins, change, err := c.Servers.Delete(ref)
		result.Server, ended = s, logins
		return state.Edit{Change: change}, err
	})
	b.Audit(caller, access.Subject{Action: access.Disconnect}, err, result.Server.URL)
	if err != nil {
		return result, err
	}
	if b.homes.Client != nil {
		b.homes.Client.Forget()
	}
	b.usage.forget(ended)
	for _, l := range ended {
		b.Engine.Drop(l.ConnectorID)
	}
	result.Ended = len(ended)
	return result, nil
}
