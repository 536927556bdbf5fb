package clientconfig

import (
	"os"
	"path/filepath"
)

// program is the file that clients execute.
const program = "docker-credential-" + helperName + exeSuffix

// helperWarnings tells what is wrong with docker-credential-zen as clients find it, by PATH.
func (e Env) helperWarnings() []Warning {
	found := e.find("docker-credential-" + helperName)
	if found == "" {
		return []Warning{e.missing()}
	}
	var list []Warning
	if own := e.own(); own != "" && !sameFile(own, found) {
		list = append(list, Warning{
			Message: "clients execute " + printable(found) + ", not " + printable(own) + ", which belongs to this zen",
			Hint:    exportPath(filepath.Dir(own)),
		})
	}
	for _, dir := range e.path() {
		if who := planter(dir); who != "" {
			list = append(list, Warning{
				Message: who + " can put another " + program + " into " + printable(dir) + ", and clients would execute that",
				Hint:    "take it off PATH, or: chmod go-w " + shellWord(dir),
			})
		}
		if dir == filepath.Dir(found) {
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
			return Warning{Message: printable(file) + " is not executable: no client can ask zen", Hint: "chmod +x " + shellWord(file)}
		}
		if _, err := os.Lstat(file); err == nil {
			return Warning{
				Message: printable(file) + " leads to no program: no client can ask zen",
				Hint:    "install zen again, or: rm " + shellWord(file),
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

func exportPath(dir string) string { return "export PATH=" + shellWord(dir) + `:"$PATH"` }

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}
