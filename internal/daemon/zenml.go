package daemon

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/home"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/zenml"
)

// maxDevices bounds the logins in a browser that are under way.
const maxDevices = 8

// zenmlServers is what the broker knows of ZenML servers: clients with the sessions of
// one pool.
type zenmlServers struct {
	pool *zenml.Pool

	mu      sync.Mutex
	devices map[string]*pendingDevice
}

// pendingDevice is a login in a browser that nobody allowed yet.
type pendingDevice struct {
	server api.Server
	client *zenml.Client
	device *zenml.Device
}

func newZenMLServers() *zenmlServers {
	return &zenmlServers{pool: zenml.NewPool(), devices: make(map[string]*pendingDevice)}
}

func configOf(s api.Server, key home.ServerKey) zenml.Config {
	return zenml.Config{
		ID: s.ID, Revision: s.Updated.Format(time.RFC3339Nano), URL: s.URL, Auth: s.Auth,
		Username: s.Username, Key: key,
		CACert: []byte(s.CACert), Insecure: s.Insecure, Version: api.Version,
	}
}

// client is a client of a connected server, with its access token.
func (z *zenmlServers) client(s api.Server, key home.ServerKey) (*zenml.Client, error) {
	return z.pool.Client(configOf(s, key))
}

// Greet asks a server who it is.
func (z *zenmlServers) Greet(ctx context.Context, s api.Server) (api.Server, error) {
	cfg := configOf(s, nil)
	cfg.Auth = zenml.AuthAPIKey // whether everybody is let in shows by the answer
	c, err := zenml.New(cfg)
	if err != nil {
		return s, err
	}
	defer c.Close()
	info, err := c.Info(ctx)
	if err != nil {
		return s, err
	}
	s.URL, s.ServerID, s.Version = c.URL(), info.ID, info.Version
	switch {
	case info.AuthScheme == zenml.SchemeNone:
		s.Auth = api.ServerAuthNone
		cfg.Auth = zenml.AuthNone
		_, err = zenml.New(cfg) // only where that is safe
	case s.Auth == api.ServerAuthNone:
		err = credential.NewError(credential.NeedsLogin, s.URL+" does not let everybody in",
			"give an API key, --api-key-stdin, or a user name, --username NAME")
	case info.AuthScheme == zenml.SchemeExternal && s.Auth != api.ServerAuthAPIKey:
		err = credential.NewError(credential.InvalidInput, s.URL+" leaves logins to another service",
			"connect with the API key of a service account: --api-key-stdin")
	}
	return s, err
}

// Login proves that a server accepts the key.
func (z *zenmlServers) Login(ctx context.Context, s api.Server, key home.ServerKey) (string, error) {
	c, err := zenml.New(configOf(s, key))
	if err != nil {
		return "", err
	}
	defer c.Close()
	user, err := c.Login(ctx)
	return user.Name, err
}

// StartDevice begins a login in a browser.
func (z *zenmlServers) StartDevice(
	ctx context.Context,
	s api.Server,
	clientID string,
) (api.ServerDevice, error) {
	cfg := configOf(s, nil)
	cfg.Host, _ = os.Hostname()
	c, err := zenml.New(cfg)
	if err != nil {
		return api.ServerDevice{}, err
	}
	d, err := c.StartDevice(ctx, clientID)
	if err != nil {
		return api.ServerDevice{}, err
	}
	id := uuid.NewString()
	z.mu.Lock()
	defer z.mu.Unlock()
	for other, p := range z.devices {
		if len(z.devices) >= maxDevices || time.Now().After(p.device.Until) {
			delete(z.devices, other)
		}
	}
	z.devices[id] = &pendingDevice{s, c, d}
	return api.ServerDevice{Device: id, URL: d.URL, UserCode: d.UserCode, Until: d.Until.UTC()}, nil
}

// WaitDevice waits until somebody allowed a login in a browser.
func (z *zenmlServers) WaitDevice(
	ctx context.Context,
	device string,
) (s api.Server, token credential.Secret, ok bool, err error) {
	z.mu.Lock()
	p := z.devices[device]
	delete(z.devices, device) // one question at a time
	z.mu.Unlock()
	if p == nil {
		return s, token, false, credential.NewError(credential.NoSuchEntity, "this login in a browser is "+
			"over", "zen server connect URL")
	}
	token, end, err := p.client.WaitDevice(ctx, p.device)
	if errors.Is(err, zenml.ErrPending) {
		z.mu.Lock()
		z.devices[device] = p
		z.mu.Unlock()
		return s, token, false, nil
	}
	p.device.Wipe()
	p.client.Close()
	s = p.server
	if !end.IsZero() {
		until := end.UTC()
		s.Until = &until
	}
	return s, token, err == nil, err
}

// Connectors lists a server's service connectors.
func (z *zenmlServers) Connectors(
	ctx context.Context,
	s api.Server,
	key home.ServerKey,
) ([]api.ServiceConnector, error) {
	c, err := z.client(s, key)
	if err != nil {
		return nil, err
	}
	return c.Connectors(ctx)
}

// Registries lists a server's container registries.
func (z *zenmlServers) Registries(
	ctx context.Context,
	s api.Server,
	key home.ServerKey,
) ([]api.ContainerRegistry, error) {
	c, err := z.client(s, key)
	if err != nil {
		return nil, err
	}
	return c.Registries(ctx)
}

// Stacks lists a server's stacks.
func (z *zenmlServers) Stacks(ctx context.Context, s api.Server, key home.ServerKey) ([]api.Stack, error) {
	c, err := z.client(s, key)
	if err != nil {
		return nil, err
	}
	return c.Stacks(ctx)
}

// Types lists the types of service connectors that a server has.
func (z *zenmlServers) Types(
	ctx context.Context,
	s api.Server,
	key home.ServerKey,
) ([]api.ConnectorType, error) {
	c, err := z.client(s, key)
	if err != nil {
		return nil, err
	}
	return c.Types(ctx)
}

func draftOf(d home.Draft) zenml.Draft {
	return zenml.Draft{
		ServiceConnector: d.Connector,
		Instances:        d.Instances,
		Method:           d.Method,
		Config:           d.Config,
	}
}

// CheckConnector asks a server to check a connector.
func (z *zenmlServers) CheckConnector(
	ctx context.Context,
	s api.Server,
	key home.ServerKey,
	d home.Draft,
) ([]string, error) {
	c, err := z.client(s, key)
	if err != nil {
		return nil, err
	}
	return c.Check(ctx, draftOf(d))
}

// RegisterConnector makes a connector on a server.
func (z *zenmlServers) RegisterConnector(
	ctx context.Context,
	s api.Server,
	key home.ServerKey,
	d home.Draft,
) (api.ServiceConnector, error) {
	c, err := z.client(s, key)
	if err != nil {
		return api.ServiceConnector{}, err
	}
	return c.Register(ctx, draftOf(d))
}

// UpdateConnector changes a connector on a server.
func (z *zenmlServers) UpdateConnector(
	ctx context.Context,
	s api.Server,
	key home.ServerKey,
	d home.Draft,
) (api.ServiceConnector, error) {
	c, err := z.client(s, key)
	if err != nil {
		return api.ServiceConnector{}, err
	}
	return c.Update(ctx, draftOf(d))
}

// DeleteConnector removes a connector from a server.
func (z *zenmlServers) DeleteConnector(
	ctx context.Context,
	s api.Server,
	key home.ServerKey,
	id string,
) error {
	c, err := z.client(s, key)
	if err != nil {
		return err
	}
	return c.Delete(ctx, id)
}

// Configuration reads a connector's whole configuration.
func (z *zenmlServers) Configuration(
	ctx context.Context,
	s api.Server,
	key home.ServerKey,
	id string,
) (map[string]credential.Secret, error) {
	c, err := z.client(s, key)
	if err != nil {
		return nil, err
	}
	return c.Configuration(ctx, id)
}

// LinkRegistry links a container registry on a server to a connector there.
func (z *zenmlServers) LinkRegistry(
	ctx context.Context,
	s api.Server,
	key home.ServerKey,
	registry, connector, resource string,
) error {
	c, err := z.client(s, key)
	if err != nil {
		return err
	}
	return c.LinkComponent(ctx, registry, connector, resource)
}

// Forget wipes all access tokens.
func (z *zenmlServers) Forget() {
	z.pool.Forget()
	z.mu.Lock()
	defer z.mu.Unlock()
	for id, p := range z.devices {
		p.device.Wipe()
		delete(z.devices, id)
	}
}
