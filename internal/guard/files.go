package guard

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/adopt"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/safetext"
)

// file is one that is guarded.
type file struct {
	client   string
	path     string                 // as the client finds it
	target   string                 // with symbolic links followed
	logins   bool                   // it can hold logins
	recorded *clientconfig.Recorded // zen setup changed it; nil if not
}

// docker reports whether the file is in docker's format, and names the helpers of those
// who read it.
func (f file) docker() bool { return f.logins && adopt.DockerFormat(f.client) }

// places are the variables that say where clients keep their files.
func places() []string {
	return []string{
		"DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "HELM_REGISTRY_CONFIG", "HELM_CONFIG_HOME", "REGCTL_CONFIG",
		"BUILDX_CONFIG", "XDG_CONFIG_HOME",
		"CONTAINERS_REGISTRIES_CONF", "CONTAINERS_REGISTRIES_CONF_OVERRIDE",
	}
}

// dependable is env without relative paths: zend does not run where the client did that
// started it.
func dependable(env clientconfig.Env) clientconfig.Env {
	get, names := env.Getenv, append(places(), "XDG_RUNTIME_DIR")
	env.Getenv = func(name string) string {
		value := get(name)
		if slices.Contains(names, name) && !filepath.IsAbs(value) {
			return ""
		}
		return value
	}
	return env
}

// usual is env as a shell has it that says nothing about where clients keep their files:
// zend has what the client had in its environment that happened to start it.
func usual(env clientconfig.Env) clientconfig.Env {
	get, names := env.Getenv, places()
	env.Getenv = func(name string) string {
		if slices.Contains(names, name) {
			return ""
		}
		return get(name)
	}
	return env
}

// files are all that are guarded: those of zend's own environment, those of one that says
// nothing, and those that zen setup changed in some other. What keeps some from being
// known is an error beside the rest.
func (g *Guard) files() (list []file, err error) {
	add := func(f file) {
		var resolveErr error
		if f.target, resolveErr = fileedit.Resolve(f.path); resolveErr != nil {
			f.target = f.path // a circle of links, which reading it tells
		}
		i := slices.IndexFunc(list, func(o file) bool { return o.target == f.target })
		switch {
		case i < 0:
			list = append(list, f)
		case f.recorded != nil:
			list[i].recorded = f.recorded
		}
	}
	for _, env := range []clientconfig.Env{g.env, usual(g.env)} {
		found, findErr := env.LoginFiles()
		if findErr != nil {
			err = findErr
		}
		for _, f := range found {
			add(file{client: f.Client, path: f.Path, logins: true})
		}
	}
	recorded, recordErr := g.env.Recorded()
	if recordErr != nil {
		err = recordErr
	}
	for _, r := range recorded {
		client := r.Client
		if client == "buildx" {
			client = "docker" // the format of the logins, and what they are called
		}
		add(file{client: client, path: r.Path, logins: r.Client != "podman", recorded: &r})
	}
	return list, err
}

// paths are what is watched.
func (g *Guard) paths() []string {
	paths := []string{g.env.RecordFile()}
	files, _ := g.files() // look tells of the error
	for _, f := range files {
		paths = append(paths, f.path)
		if f.recorded != nil {
			paths = append(paths, f.recorded.Path)
		}
	}
	return paths
}

// isTemporary reports whether a file is one that a client writes before it takes the
// place of its own, and leaves behind when it is killed.
func isTemporary(path string) bool {
	name := filepath.Base(path)
	stem := strings.TrimRight(name, "0123456789")
	return stem != name && (strings.HasSuffix(stem, ".json") || strings.HasSuffix(stem, ".dockercfg"))
}

// where makes a hint be about a file of docker's that is not in the usual place.
func (g *Guard) where(f file, hint string) string {
	if f.client != "docker" || filepath.Base(f.path) != "config.json" {
		return hint
	}
	found, err := usual(g.env).LoginFiles()
	if err != nil || len(found) == 0 {
		return hint
	}
	if target, err := fileedit.Resolve(found[0].Path); err != nil || target == f.target {
		return hint
	}
	variable := "DOCKER_CONFIG=" + safetext.ShellWord(filepath.Dir(f.path)) + " "
	for _, command := range []string{"zen import", "zen setup"} {
		hint = strings.Replace(hint, command, variable+command, 1)
	}
	return hint
}
