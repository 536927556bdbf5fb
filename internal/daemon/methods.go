package daemon

import (
	"context"
	"encoding/json"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/ipc/server"
)

// methods is the one table from wire methods to what serves them.
func (d *daemon) methods() map[string]server.Handler {
	b := d.broker
	m := map[string]server.Handler{
		api.MethodStatus: server.Typed(d.status),
		api.MethodLogin:  asked(b.Login),
		api.MethodLogout: asked(b.Logout),
		api.MethodLogins: server.Typed(d.logins),
		api.MethodWhy:    asked(b.Why),
		api.MethodLimits: asked(func(ctx context.Context, c broker.Caller, _ api.Empty) (api.LimitList, error) {
			return b.Limits(ctx, c)
		}),
		api.MethodAudit: server.Typed(d.auditEntries),

		api.MethodApprovalList:   server.Typed(d.approvals),
		api.MethodApprovalAnswer: asked(d.parts.gate.Answer),

		api.MethodDaemonStop:    server.Typed(d.stopRequest),
		api.MethodDaemonRestart: server.Typed(d.restartRequest),

		api.MethodVaultStatus:     server.Typed(d.vaultStatus),
		api.MethodVaultLock:       ordered(func(_ context.Context, c broker.Caller) error { return b.Lock(c) }),
		api.MethodVaultUnlock:     d.unlock,
		api.MethodVaultPassphrase: d.passphrase,
		api.MethodVaultRotate:     ordered(b.Rotate),
		api.MethodVaultRestore:    ordered(b.Restore),
	}
	credentialMethods(m, b)
	d.connectorMethods(m)
	registryMethods(m, b)
	stackMethods(m, b)
	serverMethods(m, b)
	for _, name := range []string{api.MethodVaultUnlock, api.MethodVaultRestore, api.MethodLogin, api.MethodLogout} {
		m[name] = then(m[name], d.parts.guard.Wake) // it may be able by now to do what it could not
	}
	return m
}

func (d *daemon) connectorMethods(m map[string]server.Handler) {
	b := d.broker
	m[api.MethodConnectorTypes] = plain(b.ConnectorTypes)
	m[api.MethodConnectorList] = plain(b.ListConnectors)
	m[api.MethodConnectorGet] = plain(b.Connector)
	m[api.MethodConnectorRegister] = withSecrets(b.RegisterConnector)
	m[api.MethodConnectorUpdate] = withSecrets(d.updateConnector)
	m[api.MethodConnectorDelete] = asked(b.DeleteConnector)
	m[api.MethodConnectorVerify] = asked(b.VerifyConnector)
	m[api.MethodConnectorResources] = plain(b.Resources)
	m[api.MethodConnectorReveal] = reveal(b)
}

func registryMethods(m map[string]server.Handler, b *broker.Broker) {
	m[api.MethodRegistryFlavors] = pure(func(api.Empty) (api.Flavors, error) { return b.Flavors(), nil })
	m[api.MethodRegistryList] = plain(b.ListRegistries)
	m[api.MethodRegistryGet] = plain(b.Registry)
	m[api.MethodRegistryRegister] = plain(b.RegisterRegistry)
	m[api.MethodRegistryUpdate] = plain(b.UpdateRegistry)
	m[api.MethodRegistryCopy] = plain(b.CopyRegistry)
	m[api.MethodRegistryDelete] = named(b.DeleteRegistry)
	m[api.MethodRegistryConnect] = plain(b.ConnectRegistry)
	m[api.MethodRegistryDisconnect] = plain(b.DisconnectRegistry)
}

func stackMethods(m map[string]server.Handler, b *broker.Broker) {
	m[api.MethodStackList] = plain(b.ListStacks)
	m[api.MethodStackGet] = plain(b.Stack)
	m[api.MethodStackRegister] = plain(b.RegisterStack)
	m[api.MethodStackUpdate] = plain(b.UpdateStack)
	m[api.MethodStackDelete] = plain(b.DeleteStack)
	m[api.MethodStackCopy] = plain(b.CopyStack)
	m[api.MethodStackSet] = named(b.SetStack)
	m[api.MethodStackExport] = pure(func(r api.Ref) (api.StackFile, error) { return b.ExportStack(r.Name) })
	m[api.MethodStackImport] = plain(b.ImportStack)
}

func serverMethods(m map[string]server.Handler, b *broker.Broker) {
	m[api.MethodServerConnect] = withSecrets(b.ConnectServer)
	m[api.MethodServerDevice] = plain(b.ServerDevice)
	m[api.MethodServerList] = pure(func(api.Empty) (api.ServerList, error) { return b.ServerList(), nil })
	m[api.MethodServerGet] = named(b.Server)
	m[api.MethodServerUse] = named(b.UseServer)
	m[api.MethodServerDisconnect] = asked(func(ctx context.Context, c broker.Caller, r api.Ref) (api.ServerResult, error) {
		return b.DisconnectServer(ctx, c, r.Name)
	})
}

// The shapes of broker functions, as handlers.

// pure serves what needs neither a context nor a caller.
func pure[Req, Resp any](f func(Req) (Resp, error)) server.Handler {
	return server.Typed(func(_ context.Context, _ server.Peer, r Req) (Resp, error) { return f(r) })
}

// plain serves what does not depend on who asks.
func plain[Req, Resp any](f func(context.Context, Req) (Resp, error)) server.Handler {
	return server.Typed(func(ctx context.Context, _ server.Peer, r Req) (Resp, error) { return f(ctx, r) })
}

// named serves what takes just the name of an entity.
func named[Resp any](f func(context.Context, string) (Resp, error)) server.Handler {
	return plain(func(ctx context.Context, r api.Ref) (Resp, error) { return f(ctx, r.Name) })
}

// asked serves what depends on who asks.
func asked[Req, Resp any](f func(context.Context, broker.Caller, Req) (Resp, error)) server.Handler {
	return server.Typed(func(ctx context.Context, p server.Peer, r Req) (Resp, error) { return f(ctx, caller(p), r) })
}

// ordered serves what has neither params nor a result.
func ordered(f func(context.Context, broker.Caller) error) server.Handler {
	return asked(func(ctx context.Context, c broker.Caller, _ api.Empty) (api.Empty, error) {
		return api.Empty{}, f(ctx, c)
	})
}

// then serves as h does, and calls f when that went well.
func then(h server.Handler, f func()) server.Handler {
	return func(ctx context.Context, call *server.Call) error {
		err := h(ctx, call)
		if err == nil {
			f()
		}
		return err
	}
}

// withSecrets serves what takes secrets beside its typed params; they are wiped afterwards.
func withSecrets[Req, Resp any](f func(context.Context, broker.Caller, Req, map[string]credential.Secret) (Resp, error)) server.Handler {
	return func(ctx context.Context, call *server.Call) error {
		secrets, err := ipc.Secrets(call.Params)
		if err != nil {
			return err
		}
		defer wipe(secrets)
		return server.Typed(func(ctx context.Context, p server.Peer, r Req) (Resp, error) {
			return f(ctx, caller(p), r, secrets)
		})(ctx, call)
	}
}

func wipe(secrets map[string]credential.Secret) {
	for _, s := range secrets {
		s.Wipe()
	}
}

// reveal answers a connector's secrets; the reply is built by hand, so that no copy of them stays behind.
func reveal(b *broker.Broker) server.Handler {
	return func(ctx context.Context, call *server.Call) error {
		var use api.UseConnector
		if err := json.Unmarshal(call.Params, &use); err != nil {
			return credential.NewError(credential.InvalidInput, "params: "+err.Error(), "")
		}
		_, secrets, err := b.RevealConnector(ctx, caller(call.Peer), use)
		if err != nil {
			return err
		}
		defer wipe(secrets)
		call.Result.Append(func(dst []byte) []byte {
			dst = append(dst, '{')
			dst = ipc.AppendString(dst, api.SecretsMember)
			dst = append(dst, ':')
			dst = ipc.AppendSecrets(dst, secrets)
			return append(dst, '}')
		})
		return nil
	}
}

func (d *daemon) unlock(ctx context.Context, call *server.Call) error {
	secrets, err := ipc.Secrets(call.Params)
	if err != nil {
		return err
	}
	defer wipe(secrets)
	var given *credential.Secret
	if s, ok := secrets[api.SecretPassphrase]; ok {
		given = &s
	}
	return d.broker.Unlock(ctx, caller(call.Peer), given)
}

func (d *daemon) passphrase(ctx context.Context, call *server.Call) error {
	return withSecrets(func(ctx context.Context, c broker.Caller, r api.PassphraseRequest, secrets map[string]credential.Secret) (api.Empty, error) {
		if r.Remove {
			return api.Empty{}, d.broker.RemovePassphrase(ctx, c)
		}
		return api.Empty{}, d.broker.SetPassphrase(ctx, c, secrets[api.SecretPassphrase])
	})(ctx, call)
}
