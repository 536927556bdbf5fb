package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc/server"
	"github.com/zen-agent/zen/internal/safejson"
)

// The four methods of docker-credential-zen, and the one that checks what store is going
// to be given, are read and written by hand: their secrets must not pass through
// encoding/json, which leaves copies on the heap.
func credentialMethods(m map[string]server.Handler, b *broker.Broker) {
	m[api.MethodGet] = func(ctx context.Context, call *server.Call) error { return get(ctx, b, call) }
	m[api.MethodStore] = func(ctx context.Context, call *server.Call) error { return store(ctx, b, call) }
	m[api.MethodErase] = func(ctx context.Context, call *server.Call) error { return erase(ctx, b, call) }
	m[api.MethodCredentialVerify] = func(ctx context.Context,
		call *server.Call,
	) error {
		return verify(ctx, b, call)
	}
	m[api.MethodList] = func(ctx context.Context, call *server.Call) error { return list(ctx, b, call) }
}

// credentialParams are the params of these methods; all members are optional strings.
type credentialParams struct {
	serverURL, username, dir, profile string
	secret                            credential.Secret
}

func parseCredentialParams(params []byte) (p credentialParams, err error) {
	err = safejson.Strings(params, func(key string, value []byte) {
		switch key {
		case "ServerURL":
			p.serverURL = string(value)
		case "Username":
			p.username = string(value)
		case "Secret":
			p.secret = credential.NewSecret(slices.Clone(value))
		case "dir":
			p.dir = string(value)
		case "profile":
			p.profile = string(value)
		}
	})
	if err != nil {
		p.secret.Wipe()
		return credentialParams{}, err
	}
	return p, nil
}

func (p credentialParams) caller(peer server.Peer) access.Caller {
	c := caller(peer)
	c.Dir, c.Profile = p.dir, p.profile
	return c
}

func get(ctx context.Context, b *broker.Broker, call *server.Call) error {
	p, err := parseCredentialParams(call.Params)
	if err != nil {
		return err
	}
	cred, err := b.Credentials.Get(ctx, p.caller(call.Peer), p.serverURL)
	if err != nil {
		return err
	}
	defer cred.Secret.Wipe()
	call.Result.Append(func(dst []byte) []byte {
		dst = append(dst, `{"ServerURL":`...)
		dst = safejson.AppendString(dst, p.serverURL)
		dst = append(dst, `,"Username":`...)
		dst = safejson.AppendString(dst, cred.Username)
		dst = append(dst, `,"Secret":`...)
		dst = safejson.AppendString(dst, cred.Secret.Reveal())
		return append(dst, '}')
	})
	return nil
}

func store(ctx context.Context, b *broker.Broker, call *server.Call) error {
	p, err := parseCredentialParams(call.Params)
	if err != nil {
		return err
	}
	defer p.secret.Wipe()
	return b.Credentials.Store(
		ctx,
		p.caller(call.Peer),
		p.serverURL,
		credential.Credential{Username: p.username, Secret: p.secret},
	)
}

func verify(ctx context.Context, b *broker.Broker, call *server.Call) error {
	p, err := parseCredentialParams(call.Params)
	if err != nil {
		return err
	}
	defer p.secret.Wipe()
	cred := credential.Credential{Username: p.username, Secret: p.secret}
	report, err := b.Credentials.VerifyCredential(ctx, p.caller(call.Peer), p.serverURL, cred)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(report)
	if err != nil {
		return err
	}
	call.Result.Append(func(dst []byte) []byte { return append(dst, encoded...) })
	return nil
}

func erase(ctx context.Context, b *broker.Broker, call *server.Call) error {
	p, err := parseCredentialParams(call.Params)
	if err != nil {
		return err
	}
	return b.Credentials.Erase(ctx, p.caller(call.Peer), p.serverURL)
}

func list(ctx context.Context, b *broker.Broker, call *server.Call) error {
	p, err := parseCredentialParams(call.Params)
	if err != nil {
		return err
	}
	items, err := b.Credentials.List(ctx, p.caller(call.Peer))
	if err != nil {
		return err
	}
	var note error
	if len(items) == 0 {
		note = b.Credentials.Unlisted(ctx)
	}
	call.Result.Append(func(dst []byte) []byte {
		dst = append(dst, `{"items":{`...)
		for i, url := range slices.Sorted(maps.Keys(items)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = safejson.AppendString(dst, url)
			dst = append(dst, ':')
			dst = safejson.AppendString(dst, items[url])
		}
		return append(appendNote(append(dst, '}'), note), '}')
	})
	return nil
}

// appendNote appends what a person should know of an answer that clients get as it is.
func appendNote(dst []byte, note error) []byte {
	if note == nil {
		return dst
	}
	dst = append(dst, `,"note":`...)
	dst = safejson.AppendString(dst, note.Error())
	if e, ok := errors.AsType[*credential.Error](note); ok && e.HintText() != "" {
		dst = append(dst, `,"hint":`...)
		dst = safejson.AppendString(dst, e.HintText())
	}
	return dst
}

// caller is the peer as the broker knows it.
func caller(p server.Peer) access.Caller {
	return access.Caller{PID: p.PID, UID: p.UID, Exe: p.Executable, Parents: p.Parents, Cwd: p.Dir}
}
