package exec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/execsafe"
)

// Marker is the variable in the environment of every program that is run.
// docker-credential-zen refuses to work where it is set: a program that asks zend for
// what zend asks it for would never end.
const Marker = "ZEN_EXEC"

const helperName = "docker-credential-zen"

// isZen reports whether a path is named like one of zen's own programs, or like its
// helper for a profile.
func isZen(path string) bool {
	name := filepath.Base(path)
	return name == helperName || strings.HasPrefix(name, helperName+"-") || name == "zen" || name == "zend"
}

func errRecursion(command string) error {
	return connector.Invalid(command+" is zen's own and would ask zend again", "give the program that "+
		"really has the credentials")
}

// fit returns the program that a command leads to, without symbolic links, if it may be
// run: nobody else can exchange it (CVE-2019-15752), and it is not zen itself.
func (k *Kind) fit(command string) (string, error) {
	path, err := execsafe.Resolve(command)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &credential.Error{
			Reason: credential.InvalidInput, Message: err.Error(), Cause: err,
			Hint: "install it, or: zen service-connector update NAME --command=PATH",
		}
	case err != nil:
		return "", err
	case isZen(command) || isZen(path) || k.isSibling(path):
		return "", errRecursion(command)
	}
	return path, nil
}

// reason is an error's own text without the path before it.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// isSibling reports whether path is the helper that was installed beside zend, under
// another name.
func (k *Kind) isSibling(path string) bool {
	zend, err := k.self()
	if err != nil {
		return false
	}
	file, err := os.Stat(path)
	if err != nil {
		return false
	}
	for _, own := range []string{
		zend, filepath.Join(filepath.Dir(zend), helperName),
		filepath.Join(filepath.Dir(zend), "zen"),
	} {
		if other, err := os.Stat(own); err == nil && os.SameFile(file, other) {
			return true
		}
	}
	return false
}
