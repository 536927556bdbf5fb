package selftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/execsafe"
)

// transferTimeout bounds one push or pull over the loopback interface.
const transferTimeout = 30 * time.Second

// errRefused is a push or pull that the registry refused for want of a valid credential.
var errRefused = errors.New("the registry refused: authentication required")

func (r *run) push(ctx context.Context) (detail string, err error) {
	r.digest, err = r.transfer(ctx, verbPush)
	return r.digest, err
}

func (r *run) pull(ctx context.Context) (string, error) {
	digest, err := r.transfer(ctx, verbPull)
	if err == nil && digest != r.digest {
		err = fmt.Errorf("pulled %s instead of %s", digest, r.digest)
	}
	return digest, err
}

func (r *run) pushRefused(ctx context.Context) (string, error) { return r.refused(ctx, verbPush) }
func (r *run) pullRefused(ctx context.Context) (string, error) { return r.refused(ctx, verbPull) }

func (r *run) refused(ctx context.Context, verb string) (string, error) {
	_, err := r.transfer(ctx, verb)
	if errors.Is(err, errRefused) {
		return "", nil
	}
	if err == nil {
		err = fmt.Errorf("the %s worked although nobody is logged in", verb)
	}
	return "", err
}

// transfer pushes or pulls in a child process with an environment of its own, as any
// registry client would: it finds docker-credential-zen on PATH because the client
// configuration names it. The answer is the image's digest.
func (r *run) transfer(ctx context.Context, verb string) (string, error) {
	if _, err := execsafe.Resolve(r.opt.Helper); err != nil { // the client executes it
		return "", err
	}
	child, err := execsafe.Resolve(r.opt.Child[0])
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, transferTimeout)
	defer cancel()
	args := append(append([]string{}, r.opt.Child[1:]...), verb, r.reg.host+"/zen/selftest:latest")
	cmd := exec.CommandContext(ctx, child, args...)
	cmd.Env = clientEnv(os.Environ(), filepath.Dir(r.opt.Helper), r.dir)
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if leaks := r.needles.In(append(stdout.Bytes(), stderr.Bytes()...)); len(leaks) > 0 {
		return "", credential.NewError(credential.Internal, "the client's output holds the password "+
			"in "+strings.Join(leaks, ", "), "")
	}
	if err == nil {
		return strings.TrimSpace(stdout.String()), nil
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == exitRefused {
		return "", errRefused
	}
	return "", fmt.Errorf("%s: %w: %s", verb, err, firstLine(stderr.String()))
}

// clientEnv is the environment of a client that can get credentials from the helper only.
func clientEnv(env []string, helperDir, dockerConfig string) []string {
	drop := map[string]bool{
		"DOCKER_CONFIG": true, "DOCKER_AUTH_CONFIG": true, "REGISTRY_AUTH_FILE": true, "ZEN_PROFILE": true,
		"PATH": true,
	}
	path := ""
	kept := []string{"DOCKER_CONFIG=" + dockerConfig}
	for _, kv := range env {
		key, value, _ := strings.Cut(kv, "=")
		if key == "PATH" {
			path = value
		}
		if !drop[key] {
			kept = append(kept, kv)
		}
	}
	return append(kept, "PATH="+helperDir+string(os.PathListSeparator)+path)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
