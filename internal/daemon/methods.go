package daemon

import (
	"context"
	"encoding/json"

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
		api.MethodLogin:  handleForCaller(b.Login),
		api.MethodLogout: handleForCaller(b.Logout),
		api.MethodLogins: server.Typed(d.logins),
		api.MethodWhy:    handleForCaller(b.Why),
		api.MethodLimits: handleForCaller(func(ctx context.Context, c broker.Caller, _ api.Empty) (api.LimitList, error) {
			return b.Limits(ctx, c)
		}),
		api.MethodAudit: server.Typed(d.auditEntries),

		api.MethodApprovalList:   server.Typed(d.approvals),
		api.MethodApprovalAnswer: handleForCaller(d.parts.gate.Answer),

		api.MethodDaemonStop:    server.Typed(d.stopRequest),
		api.MethodDaemonRestart: server.Typed(d.restartRequest),

		api.MethodVaultStatus:     server.Typed(d.vaultStatus),
		api.MethodVaultLock:       handleAction(func(_ context.Context, c broker.Caller) error { return b.Lock(c) }),
		api.MethodVaultUnlock:     d.unlock,
		api.MethodVaultPassphrase: d.passphrase,
		api.MethodVaultRotate:     handleAction(b.Rotate),
		api.MethodVaultRestore:    handleAction(b.Restore),
	}
	credentialMethods(m, b)
	d.connectorMethods(m)
	registryMethods(m, b)
	stackMethods(m, b)
	serverMethods(m, b)
	for _, name := range []string{api.MethodVaultUnlock, api.MethodVaultRestore, api.MethodLogin, api.MethodLogout} {
		m[name] = handleAndThen(m[name], d.parts.guard.Wake) // it may be able by now to do what it could not
	}
	return m
}

func (d *daemon) connectorMethods(m map[string]server.Handler) {
	b := d.broker
	m[api.MethodConnectorTypes] = handleInContext(b.ConnectorTypes)
	m[api.MethodConnectorList] = handleInContext(b.ListConnectors)
	m[api.MethodConnectorGet] = handleInContext(b.Connector)
	m[api.MethodConnectorRegister] = handleWithSecrets(b.RegisterConnector)
	m[api.MethodConnectorUpdate] = handleWithSecrets(d.updateConnector)
	m[api.MethodConnectorDelete] = handleForCaller(b.DeleteConnector)
	m[api.MethodConnectorVerify] = handleForCaller(b.VerifyConnector)
	m[api.MethodConnectorResources] = handleInContext(b.Resources)
	m[api.MethodConnectorReveal] = handleReveal(b)
}

func registryMethods(m map[string]server.Handler, b *broker.Broker) {
	m[api.MethodRegistryFlavors] = handleRequest(func(api.Empty) (api.Flavors, error) { return b.Flavors(), nil })
	m[api.MethodRegistryList] = handleInContext(b.ListRegistries)
	m[api.MethodRegistryGet] = handleInContext(b.Registry)
	m[api.MethodRegistryRegister] = handleInContext(b.RegisterRegistry)
	m[api.MethodRegistryUpdate] = handleInContext(b.UpdateRegistry)
	m[api.MethodRegistryCopy] = handleInContext(b.CopyRegistry)
	m[api.MethodRegistryDelete] = handleByName(b.DeleteRegistry)
	m[api.MethodRegistryConnect] = handleInContext(b.ConnectRegistry)
	m[api.MethodRegistryDisconnect] = handleInContext(b.DisconnectRegistry)
}

func stackMethods(m map[string]server.Handler, b *broker.Broker) {
	m[api.MethodStackList] = handleInContext(b.ListStacks)
	m[api.MethodStackGet] = handleInContext(b.Stack)
	m[api.MethodStackRegister] = handleInContext(b.RegisterStack)
	m[api.MethodStackUpdate] = handleInContext(b.UpdateStack)
	m[api.MethodStackDelete] = handleInContext(b.DeleteStack)
	m[api.MethodStackCopy] = handleInContext(b.CopyStack)
	m[api.MethodStackSet] = handleByName(b.SetStack)
	m[api.MethodStackExport] = handleRequest(func(r api.Ref) (api.StackFile, error) { return b.ExportStack(r.Name) })
	m[api.MethodStackImport] = handleInContext(b.ImportStack)
}

func serverMethods(m map[string]server.Handler, b *broker.Broker) {
	m[api.MethodServerConnect] = handleWithSecrets(b.ConnectServer)
	m[api.MethodServerDevice] = handleInContext(b.ServerDevice)
	m[api.MethodServerList] = handleRequest(func(api.Empty) (api.ServerList, error) { return b.ServerList(), nil })
	m[api.MethodServerGet] = handleByName(b.Server)
	m[api.MethodServerUse] = handleByName(b.UseServer)
	m[api.MethodServerDisconnect] = handleForCaller(func(ctx context.Context, c broker.Caller, r api.Ref) (api.ServerResult, error) {
		return b.DisconnectServer(ctx, c, r.Name)
	})
}

// The shapes of broker functions, as handlers.

// handleRequest serves what needs neither a context nor a caller.
func handleRequest[Req, Resp any](f func(Req) (Resp, error)) server.Handler {
	return server.Typed(func(_ context.Context, _ server.Peer, r Req) (Resp, error) { return f(r) })
}

// handleInContext serves what does not depend on who asks.
func handleInContext[Req, Resp any](f func(context.Context, Req) (Resp, error)) server.Handler {
	return server.Typed(func(ctx context.Context, _ server.Peer, r Req) (Resp, error) { return f(ctx, r) })
}

// handleByName serves what takes just the name of an entity.
func handleByName[Resp any](f func(context.Context, string) (Resp, error)) server.Handler {
	return handleInContext(func(ctx context.Context, r api.Ref) (Resp, error) { return f(ctx, r.Name) })
}

// handleForCaller serves what depends on who asks.
func handleForCaller[Req, Resp any](f func(context.Context, broker.Caller, Req) (Resp, error)) server.Handler {
	return server.Typed(func(ctx context.Context, p server.Peer, r Req) (Resp, error) { return f(ctx, caller(p), r) })
}

// handleAction serves what has neither params nor a result.
func handleAction(f func(context.Context, broker.Caller) error) server.Handler {
	return handleForCaller(func(ctx context.Context, c broker.Caller, _ api.Empty) (api.Empty, error) {
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

// handleWithSecrets serves what takes secrets beside its typed params; they are wiped afterwards.
func handleWithSecrets[Req, Resp any](f func(context.Context, broker.Caller, Req, map[string]credential.Secret) (Resp, error)) server.Handler {
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

// handleReveal answers a connector's secrets; the reply is built by hand, so that no copy of them stays behind.
func handleReveal(b *broker.Broker) server.Handler {
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
	return d.broker.Unlock(ctx, caller(call.Peer), given)
}

func (d *daemon) passphrase(ctx context.Context, call *server.Call) error {
	return handleWithSecrets(func(ctx context.Context, c broker.Caller, r api.PassphraseRequest, secrets map[string]credential.Secret) (api.Empty, error) {
		if r.Remove {
			return api.Empty{}, d.broker.RemovePassphrase(ctx, c)
		}
		return api.Empty{}, d.broker.SetPassphrase(ctx, c, secrets[api.SecretPassphrase])
	})(ctx, call)
}
