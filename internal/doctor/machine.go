package doctor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/execsafe"
)

// helperTime is how long docker-credential-zen may take to tell its version.
const helperTime = 5 * time.Second

// ThisSystem asks the machine itself.
func ThisSystem() System {
	return System{
		Owner:         owner,
		Writable:      writable,
		Free:          free,
		UserName:      userName,
		HelperVersion: executeVersion,
	}
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil && u.Username != "" {
		return u.Username
	}
	return "user " + strconv.Itoa(uid)
}

// executeVersion runs the helper as clients do and takes the version out of "NAME
// (PACKAGE) VERSION" (docker-credential-helpers, credentials.PrintVersion).
func executeVersion(ctx context.Context, path string) (string, error) {
	path, err := execsafe.Resolve(path)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "version")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return "", errors.New("it does not answer")
	}
	if failed, ok := errors.AsType[*os.PathError](err); ok {
		return "", failed.Err
	}
	if err != nil {
		return "", err
	}
	_, version, ok := strings.Cut(string(bytes.TrimSpace(out)), ") ")
	if !ok || strings.ContainsAny(version, " \n") || len(version) > 100 {
		return "", errors.New("it tells no version")
	}
	return version, nil
}
