package clientconfig

import (
	"os"
	"path/filepath"

	"github.com/zen-agent/zen/internal/safetext"
)

// program is the file that clients execute.
const program = "docker-credential-" + helperName + exeSuffix

// helperWarnings tells what is wrong with docker-credential-zen as clients find it, by PATH.
func (e Env) helperWarnings() []Warning {
	if w, missing := e.HelperMissing(); missing {
		return []Warning{w}
	}
	var list []Warning
	if w, other := e.HelperReplaced(); other {
		list = append(list, w)
	}
	for _, p := range e.Planters() {
		list = append(list, p.Warning())
	}
	return list
}

// HelperReplaced says that clients find another docker-credential-zen than the one that belongs to the zen that runs.
func (e Env) HelperReplaced() (Warning, bool) {
	own, found := e.own(), e.FindHelper(helperName)
	if own == "" || found == "" || sameFile(own, found) {
		return Warning{}, false
	}
	return Warning{
		Message: "clients execute " + safetext.Name(found) + ", not " + safetext.Name(own) + ", which belongs to this zen",
		Hint:    exportPath(filepath.Dir(own)),
	}, true
}

// Planter is a directory into which somebody else can put what clients would execute as docker-credential-zen.
type Planter struct {
	Dir string
	Who string // "everybody", "another user", "a group of users"
}

// otherUser is a Planter who owns the directory.
const otherUser = "another user"

// Warning says so.
func (p Planter) Warning() Warning {
	w := Warning{
		Message: p.Who + " can put another " + program + " into " + safetext.Name(p.Dir) + ", and clients would execute that",
		Hint:    "take it off PATH, or: chmod go-w " + safetext.ShellWord(p.Dir),
	}
	if p.Who == otherUser {
		w.Hint = "take it off PATH"
	}
	return w
}

// Planters are those directories of PATH that clients look into up to the one in which they find docker-credential-zen.
func (e Env) Planters() []Planter {
	var list []Planter
	found := e.FindHelper(helperName)
	for _, dir := range e.path() {
		if who := planter(dir); who != "" {
			list = append(list, Planter{Dir: dir, Who: who})
		}
		if found != "" && dir == filepath.Dir(found) {
			break
		}
	}
	return list
}

// missing says why there is no docker-credential-zen to execute.
func (e Env) missing() Warning {
	for _, dir := range e.path() {
		file := filepath.Join(dir, program)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return Warning{Message: safetext.Name(file) + " is not executable: no client can ask zen", Hint: "chmod +x " + safetext.ShellWord(file)}
		}
		if _, err := os.Lstat(file); err == nil {
			return Warning{
				Message: safetext.Name(file) + " leads to no program: no client can ask zen",
				Hint:    "install zen again, or: rm " + safetext.ShellWord(file),
			}
		}
	}
	w := Warning{
		Message: program + " is not on PATH: no client can ask zen",
		Hint:    "install it into a directory that is on PATH",
	}
	if own := e.own(); own != "" {
		w.Hint = exportPath(filepath.Dir(own))
	}
	return w
}

// HelperInstalled reports whether there is a docker-credential-zen: on PATH, or beside this program, whose PATH need not be the
// clients'.
func (e Env) HelperInstalled() bool { return e.FindHelper(helperName) != "" || e.own() != "" }

// own is the docker-credential-zen beside this program, or "".
func (e Env) own() string {
	if e.Program == "" {
		return ""
	}
	if file := filepath.Join(filepath.Dir(e.Program), program); executable(file) {
		return file
	}
	return ""
}

func exportPath(dir string) string { return "export PATH=" + safetext.ShellWord(dir) + `:"$PATH"` }

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}
