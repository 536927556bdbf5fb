package daemon

import (
	"context"
	"encoding/json"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/ipc/server"
	"github.com/zen-agent/zen/internal/safejson"
)

// methods is the one table from the methods of api.Methods to what serves them.
func (d *daemon) methods() map[string]server.Handler {
	b := d.broker
	m := map[string]server.Handler{
		api.MethodStatus: server.Typed(d.status),
		api.MethodLogin:  handleForCaller(b.Sessions.Login),
		api.MethodLogout: handleForCaller(b.Sessions.Logout),
		api.MethodLogins: server.Typed(d.logins),
		api.MethodWhy:    handleForCaller(b.Sessions.Why),
		api.MethodLimits: handleForCaller(
			func(ctx context.Context, c access.Caller, _ api.Empty) (api.LimitList, error) {
				return b.Credentials.Limits(ctx, c)
			},
		),
		api.MethodAudit: server.Typed(d.auditEntries),

		api.MethodApprovalList:   server.Typed(d.approvals),
		api.MethodApprovalAnswer: handleForCaller(d.parts.gate.Answer),

		api.MethodDaemonStop:    server.Typed(d.stopRequest),
		api.MethodDaemonRestart: server.Typed(d.restartRequest),

		api.MethodVaultStatus: server.Typed(d.vaultStatus),
		api.MethodVaultLock: handleAction(
			func(_ context.Context, c access.Caller) error { return b.Keys.Lock(c) },
		),
		api.MethodVaultUnlock:     d.unlock,
		api.MethodVaultPassphrase: d.passphrase,
		api.MethodVaultRotate:     handleAction(b.Keys.Rotate),
		api.MethodVaultRestore:    handleAction(b.Keys.Restore),
	}
	credentialMethods(m, b)
	d.connectorMethods(m)
	registryMethods(m, b)
	stackMethods(m, b)
	serverMethods(m, b)
	for _, name := range []string{
		api.MethodVaultUnlock, api.MethodVaultRestore, api.MethodLogin,
		api.MethodLogout,
	} {
		m[name] = handleAndThen(m[name], d.parts.guard.Wake) // it may be able by now to do what it could not
	}
	return m
}

func (d *daemon) connectorMethods(m map[string]server.Handler) {
	b := d.broker
	m[api.MethodConnectorTypes] = handleInContext(b.Connectors.ConnectorTypes)
	m[api.MethodConnectorList] = handleInContext(b.Connectors.ListConnectors)
	m[api.MethodConnectorGet] = handleInContext(b.Connectors.Connector)
	m[api.MethodConnectorRegister] = handleWithSecrets(b.Connectors.RegisterConnector)
	m[api.MethodConnectorUpdate] = handleWithSecrets(d.updateConnector)
	m[api.MethodConnectorDelete] = handleForCaller(b.Connectors.DeleteConnector)
	m[api.MethodConnectorVerify] = handleForCaller(b.Connectors.VerifyConnector)
	m[api.MethodConnectorResources] = handleInContext(b.Connectors.Resources)
	m[api.MethodConnectorReveal] = handleReveal(b)
}

func registryMethods(m map[string]server.Handler, b *broker.Broker) {
	m[api.MethodRegistryFlavors] = handleRequest(
		func(api.Empty) (api.Flavors, error) { return b.Registries.Flavors(), nil },
	)
	m[api.MethodRegistryList] = handleInContext(b.Registries.ListRegistries)
	m[api.MethodRegistryGet] = handleInContext(b.Registries.Registry)
	m[api.MethodRegistryRegister] = handleInContext(b.Registries.RegisterRegistry)
	m[api.MethodRegistryUpdate] = handleInContext(b.Registries.UpdateRegistry)
	m[api.MethodRegistryCopy] = handleInContext(b.Registries.CopyRegistry)
	m[api.MethodRegistryDelete] = handleByName(b.Registries.DeleteRegistry)
	m[api.MethodRegistryConnect] = handleInContext(b.Registries.ConnectRegistry)
	m[api.MethodRegistryDisconnect] = handleInContext(b.Registries.DisconnectRegistry)
}

func stackMethods(m map[string]server.Handler, b *broker.Broker) {
	m[api.MethodStackList] = handleInContext(b.Stacks.ListStacks)
	m[api.MethodStackGet] = handleInContext(b.Stacks.Stack)
	m[api.MethodStackRegister] = handleInContext(b.Stacks.RegisterStack)
	m[api.MethodStackUpdate] = handleInContext(b.Stacks.UpdateStack)
	m[api.MethodStackDelete] = handleInContext(b.Stacks.DeleteStack)
	m[api.MethodStackCopy] = handleInContext(b.Stacks.CopyStack)
	m[api.MethodStackSet] = handleByName(b.Stacks.SetStack)
	m[api.MethodStackExport] = handleRequest(
		func(r api.Ref) (api.StackFile, error) { return b.Stacks.ExportStack(r.Name) },
	)
	m[api.MethodStackImport] = handleInContext(b.Stacks.ImportStack)
}

func serverMethods(m map[string]server.Handler, b *broker.Broker) {
	m[api.MethodServerConnect] = handleWithSecrets(b.Servers.ConnectServer)
	m[api.MethodServerDevice] = handleInContext(b.Servers.ServerDevice)
	m[api.MethodServerList] = handleRequest(
		func(api.Empty) (api.ServerList, error) { return b.Servers.ServerList(), nil },
	)
	m[api.MethodServerGet] = handleByName(b.Servers.Server)
	m[api.MethodServerUse] = handleByName(b.Servers.UseServer)
	m[api.MethodServerDisconnect] = handleForCaller(
		func(ctx context.Context, c access.Caller, r api.Ref) (api.ServerResult, error) {
			return b.Servers.DisconnectServer(ctx, c, r.Name)
		},
	)
}

// The shapes of broker functions, as handlers.

// handleRequest serves what needs neither a context nor a caller.
func handleRequest[Req, Resp any](f func(Req) (Resp, error)) server.Handler {
	return server.Typed(func(_ context.Context, _ server.Peer, r Req) (Resp, error) { return f(r) })
}

// handleInContext serves what does not depend on who asks, unless it comes to use a
// secret.
func handleInContext[Req, Resp any](f func(context.Context, Req) (Resp, error)) server.Handler {
	return handleForCaller(
		func(ctx context.Context, _ access.Caller, r Req) (Resp, error) { return f(ctx, r) },
	)
}

// handleByName serves what takes just the name of an entity.
func handleByName[Resp any](f func(context.Context, string) (Resp, error)) server.Handler {
	return handleInContext(func(ctx context.Context, r api.Ref) (Resp, error) { return f(ctx, r.Name) })
}

// handleForCaller serves what depends on who asks; the context knows it too, for what
// opens a secret far below.
func handleForCaller[Req, Resp any](
	f func(context.Context, access.Caller, Req) (Resp, error),
) server.Handler {
	return server.Typed(func(ctx context.Context, p server.Peer, r Req) (Resp, error) {
		c := caller(p)
		return f(access.With(ctx, c), c, r)
	})
}

// handleAction serves what has neither params nor a result.
func handleAction(f func(context.Context, access.Caller) error) server.Handler {
	return handleForCaller(func(ctx context.Context, c access.Caller, _ api.Empty) (api.Empty, error) {
		return api.Empty{}, f(ctx, c)
	})
}

// handleAndThen serves as h does, and calls f when that went well.
func handleAndThen(h server.Handler, f func()) server.Handler {
	return func(ctx context.Context, call *server.Call) error {
		err := h(ctx, call)
		if err == nil {
			f()
		}
		return err
	}
}

// handleWithSecrets serves what takes secrets beside its typed params; they are wiped
// afterwards.
func handleWithSecrets[Req, Resp any](
	f func(context.Context, access.Caller, Req, map[string]credential.Secret) (Resp, error),
) server.Handler {
	return func(ctx context.Context, call *server.Call) error {
		secrets, err := ipc.Secrets(call.Params)
		if err != nil {
			return err
		}
		defer wipe(secrets)
		return handleForCaller(func(ctx context.Context, c access.Caller, r Req) (Resp, error) {
			return f(ctx, c, r, secrets)
		})(ctx, call)
	}
}

func wipe(secrets map[string]credential.Secret) {
	for _, s := range secrets {
		s.Wipe()
	}
}

// handleReveal answers a connector's secrets; the reply is built by hand, so that no copy
// of them stays behind.
func handleReveal(b *broker.Broker) server.Handler {
	return func(ctx context.Context, call *server.Call) error {
		var use api.UseConnector
		if err := json.Unmarshal(call.Params, &use); err != nil {
			return credential.NewError(credential.InvalidInput, "params: "+err.Error(), "")
		}
		_, secrets, err := b.Connectors.RevealConnector(ctx, caller(call.Peer), use)
		if err != nil {
			return err
		}
		defer wipe(secrets)
		call.Result.Append(func(dst []byte) []byte {
			dst = append(dst, '{')
			dst = safejson.AppendString(dst, api.SecretsMember)
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
	return d.broker.Keys.Unlock(ctx, caller(call.Peer), given)
}

func (d *daemon) passphrase(ctx context.Context, call *server.Call) error {
	return handleWithSecrets(
		func(ctx context.Context, c access.Caller, r api.PassphraseRequest,
			secrets map[string]credential.Secret,
		) (api.Empty, error) {
			if r.Remove {
				return api.Empty{}, d.broker.Keys.RemovePassphrase(ctx, c)
			}
			return api.Empty{}, d.broker.Keys.SetPassphrase(ctx, c, secrets[api.SecretPassphrase])
		},
	)(
		ctx,
		call,
	)
}
