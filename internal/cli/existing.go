package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
)

// existing is a login that docker has for a registry already.
type existing struct {
	credential.Credential

	source string // for a person: where it comes from
}

// helperTime bounds how long another credential helper may take: its keyring may ask a person.
const helperTime = 2 * time.Minute

// existingLogin finds the login that docker has for a registry without zen: in its configuration, or with the helper that
// this names. The caller wipes the secret.
func (a *app) existingLogin(ctx context.Context, registry address.Address) (existing, error) {
	env, err := a.clientEnv()
	if err != nil {
		return existing{}, err
	}
	use, err := env.Docker(registry)
	switch {
	case err != nil:
		return existing{}, err
	case use.Zen:
		return existing{}, refused("docker asks zen itself for "+registry.String(), "see who answers: zen why "+registry.String())
	case use.Helper == "":
		return loginInFile(use.File, registry)
	}
	return a.loginOfHelper(ctx, "docker-credential-"+use.Helper, registry)
}

func noLogin(where string, registry address.Address) error {
	return credential.NewError(credential.NoSuchEntity, where+" has no login for "+registry.String(),
		"docker login "+registry.String()+", or give the attributes yourself")
}

// loginOfHelper asks a credential helper (docker/docker-credential-helpers, "get": the server on standard input, an object
// on standard output). What it says of errors is on standard output too.
func (a *app) loginOfHelper(ctx context.Context, helper string, registry address.Address) (existing, error) {
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, helper, "get")
	cmd.Stdin = bytes.NewReader([]byte(registry.ServerURL() + "\n"))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return existing{}, refused("cannot run "+helper+": "+err.Error(), "")
	}
	answer, readErr := readLimited(out, helper)
	defer func() { clear(answer) }()
	err = cmd.Wait()
	switch {
	case readErr != nil:
		return existing{}, readErr
	case err != nil && bytes.Contains(answer, []byte("credentials not found")):
		return existing{}, noLogin(helper, registry)
	case err != nil:
		return existing{}, refused(helper+" failed: "+firstLine(answer, err), "")
	}
	found := existing{source: helper}
	err = ipc.Strings(answer, func(key string, text []byte) {
		switch key {
		case "Username":
			found.Username = string(text)
		case "Secret":
			found.Secret = credential.NewSecret(bytes.Clone(text))
		}
	})
	if err == nil && (found.Username == "" || found.Secret.IsEmpty()) {
		err = noLogin(helper, registry)
	}
	if err != nil {
		found.Secret.Wipe()
		return existing{}, err
	}
	return found, nil
}

// firstLine is what a helper that failed had to say.
func firstLine(said []byte, err error) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(said), []byte("\n"))
	if len(line) == 0 {
		return err.Error()
	}
	return string(line[:min(len(line), 200)])
}

// loginInFile reads docker's config.json (docker/cli, cli/config/configfile: auths by server, "auth" is the base64 of
// user:password, "identitytoken" goes before it).
func loginInFile(path string, registry address.Address) (existing, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return existing{}, noLogin("docker", registry)
	}
	if err != nil {
		return existing{}, refused("cannot read docker's configuration: "+err.Error(), "")
	}
	defer f.Close()
	content, err := readLimited(io.Reader(f), path)
	if err != nil {
		return existing{}, err
	}
	defer clear(content)
	found := existing{source: path}
	err = ipc.Members(content, func(key, value []byte) error {
		if string(key) != "auths" {
			return nil
		}
		return ipc.Members(value, func(server, entry []byte) error {
			if a, err := address.Parse(string(server)); err != nil || a.String() != registry.String() || !found.Secret.IsEmpty() {
				return nil // what is no address is no login of this registry
			}
			return ipc.Strings(entry, func(name string, text []byte) { found.take(name, text) })
		})
	})
	if err == nil && (found.Username == "" || found.Secret.IsEmpty()) {
		err = noLogin(filepath.Base(path), registry)
	}
	if err != nil {
		found.Secret.Wipe()
		return existing{}, err
	}
	return found, nil
}

// take reads one member of an entry of auths.
func (e *existing) take(name string, text []byte) {
	switch {
	case name == "identitytoken" && len(text) > 0:
		e.Secret.Wipe()
		e.Username, e.Secret = credential.TokenUsername, credential.NewSecret(bytes.Clone(text))
	case name == "auth" && e.Username != credential.TokenUsername:
		decoded := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		defer clear(decoded)
		n, err := base64.StdEncoding.Decode(decoded, text)
		user, password, ok := bytes.Cut(bytes.TrimRight(decoded[:n], "\x00"), []byte(":"))
		if err == nil && ok {
			e.Username, e.Secret = string(user), credential.NewSecret(bytes.Clone(password))
		}
	}
}

// autoConfigure takes the attributes that were not given from the login that docker has.
func (a *app) autoConfigure(ctx context.Context, typeName string, supported bool, config secrets) error {
	if !supported {
		return refused(fmt.Sprintf("The %s service connector type does not support auto-configuration.", typeName),
			"give the attributes yourself, or: --interactive")
	}
	server := "docker.io"
	if s, ok := config["registry"]; ok && !s.IsEmpty() {
		server = string(s.Reveal())
	}
	registry, err := address.Parse(server)
	if err != nil {
		return err
	}
	login, err := a.existingLogin(ctx, registry)
	if err != nil {
		return err
	}
	a.say("Found the login of '%s' at %s in %s.", login.Username, registry, login.source)
	taken := secrets{"username": credential.SecretString(login.Username), "password": login.Secret}
	for name, value := range taken {
		if _, given := config[name]; given {
			value.Wipe()
			continue
		}
		config[name] = value
	}
	return nil
}
