package clientconfig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/execsafe"
	"github.com/zen-agent/zen/internal/safetext"
)

// Program is the file that clients execute.
const Program = "docker-credential-" + Helper + ExeSuffix

// helperReplaced says that clients find another docker-credential-zen than the one that
// belongs to the zen that runs.
func (e Env) helperReplaced() (Warning, bool) {
	own, found := e.HelperBeside(), e.FindHelper(Helper)
	if own == "" || found == "" || SameFile(own, found) {
		return Warning{}, false
	}
	return Warning{
		Message: "clients execute " + safetext.Name(found) + ", not " + safetext.Name(own) + ", which " +
			"belongs to this zen",
		Hint: exportPath(filepath.Dir(own)),
	}, true
}

// helperExposed tells how somebody besides the user and root could make clients execute
// another docker-credential-zen: by what they find, or by a directory of PATH into which
// they look before.
func (e Env) helperExposed() []Warning {
	var list []Warning
	found := e.FindHelper(Helper)
	for _, dir := range e.Path() {
		if found != "" && dir == filepath.Dir(found) {
			break
		}
		if err := execsafe.Directory(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w := warning(err)
			w.Message = "clients look for " + Program + " in " + safetext.Name(dir) + " first: " + w.Message
			w.Hint = strings.TrimSuffix("take "+safetext.ShellWord(dir)+" off PATH, or: "+w.Hint, ", or: ")
			list = append(list, w)
		}
	}
	if found != "" {
		if _, err := execsafe.Resolve(found); err != nil {
			list = append(list, warning(err))
		}
	}
	return list
}

func warning(err error) Warning {
	w := Warning{Message: safetext.Line(err.Error())}
	if e, ok := errors.AsType[*credential.Error](err); ok {
		w.Hint = e.HintText()
	}
	return w
}

// HelperAbsent says why there is no docker-credential-zen to execute.
func (e Env) HelperAbsent() Warning {
	for _, dir := range e.Path() {
		file := filepath.Join(dir, Program)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return Warning{Message: safetext.Name(file) + " is not executable: no client can ask " +
				"zen", Hint: "chmod +x " + safetext.ShellWord(file)}
		}
		if _, err := os.Lstat(file); err == nil {
			return Warning{
				Message: safetext.Name(file) + " leads to no program: no client can ask zen",
				Hint:    "install zen again, or: rm " + safetext.ShellWord(file),
			}
		}
	}
	w := Warning{
		Message: Program + " is not on PATH: no client can ask zen",
		Hint:    "install it into a directory that is on PATH",
	}
	if own := e.HelperBeside(); own != "" {
		w.Hint = exportPath(filepath.Dir(own))
	}
	return w
}

// HelperInstalled reports whether there is a docker-credential-zen: on PATH, or beside
// this program, whose PATH need not be the clients'.
func (e Env) HelperInstalled() bool { return e.FindHelper(Helper) != "" || e.HelperBeside() != "" }

// HelperBeside is the docker-credential-zen beside this program, or "".
func (e Env) HelperBeside() string {
	if e.Program == "" {
		return ""
	}
	if file := filepath.Join(filepath.Dir(e.Program), Program); executable(file) {
		return file
	}
	return ""
}

func exportPath(dir string) string { return "export PATH=" + safetext.ShellWord(dir) + `:"$PATH"` }

// SameFile reports whether two paths lead to one file.
func SameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

// FindHelper returns the program on PATH that clients execute for a helper, "" if there
// is none.
func (e Env) FindHelper(name string) string { return e.find("docker-credential-" + name) }

// FindProgram returns the program on PATH, "" if there is none.
func (e Env) FindProgram(name string) string { return e.find(name) }

// HelperMissing says why clients that are pointed at zen could not ask it, if there is no
// docker-credential-zen on PATH.
func (e Env) HelperMissing() (Warning, bool) {
	if e.FindHelper(Helper) != "" {
		return Warning{}, false
	}
	return e.HelperAbsent(), true
}
