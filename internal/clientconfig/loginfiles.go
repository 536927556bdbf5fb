package clientconfig

import (
	"path/filepath"

	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
)

// LoginFile is a file in which a client keeps credentials in plain text, unless a helper
// does. It need not exist.
type LoginFile struct {
	Client string // who reads it, as Apply takes it
	Path   string // absolute
}

// LoginFiles are the places where clients keep credentials in plain text, docker's first.
// Also those are among them that a variable such as REGISTRY_AUTH_FILE hides at the
// moment.
func (e Env) LoginFiles() ([]LoginFile, error) {
	var files []LoginFile
	add := func(client, path string) {
		for _, f := range files {
			if f.Path == path {
				return
			}
		}
		files = append(files, LoginFile{client, path})
	}
	docker, err := e.dockerFile()
	if err != nil {
		return nil, err
	}
	home, err := e.home()
	if err != nil {
		return nil, err
	}
	add("docker", docker)
	unset := e
	unset.Getenv = func(name string) string {
		if name == "REGISTRY_AUTH_FILE" {
			return ""
		}
		return e.Getenv(name)
	}
	for _, path := range append(e.authFiles(), unset.authFiles()...) {
		if path, err = absolute("REGISTRY_AUTH_FILE", path); err != nil {
			return nil, err
		}
		add("podman", path)
	}
	add("podman", filepath.Join(home, ".dockercfg")) // docker before 1.7; podman reads it to this day
	helm, err := e.helmFile()
	if err != nil {
		return nil, err
	}
	add("helm", helm)
	regctl, err := e.regctlFiles(home)
	for _, path := range regctl {
		add("regctl", path)
	}
	return files, err
}

// regctlFiles are where regctl looks for its configuration (regclient,
// cmd/regctl.ConfigLoadDefault).
func (e Env) regctlFiles(home string) ([]string, error) {
	xdg := e.Getenv("XDG_CONFIG_HOME")
	if xdg == "" {
		xdg = filepath.Join(home, ".config")
	}
	files := []string{
		filepath.Join(home, ".regctl", "config.json"),
		filepath.Join(xdg, "regctl", "config.json"),
	}
	if file := e.Getenv("REGCTL_CONFIG"); file != "" {
		files = append([]string{file}, files...)
	}
	for i, file := range files {
		path, err := absolute("REGCTL_CONFIG", file)
		if err != nil {
			return nil, err
		}
		files[i] = path
	}
	return files, nil
}

// ParseDocker reads a file in docker's format and refuses what cannot be edited without a
// guess; file is for the error.
func ParseDocker(file string, data []byte) (*jsonedit.Document, error) {
	return parseDocker(file, data)
}

// HelperFor is the name of the helper that docker executes for a key of auths: "" for
// none.
func HelperFor(d *jsonedit.Document, key string) string { return helperFor(d, loginOf(key).key) }

// FindHelper returns the program on PATH that clients execute for a helper, "" if there
// is none.
func (e Env) FindHelper(name string) string { return e.find("docker-credential-" + name) }

// HelperMissing says why clients that are pointed at zen could not ask it, if there is no
// docker-credential-zen on PATH.
func (e Env) HelperMissing() (Warning, bool) {
	if e.FindHelper(helperName) != "" {
		return Warning{}, false
	}
	return e.missing(), true
}
