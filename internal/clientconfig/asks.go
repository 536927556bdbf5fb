package clientconfig

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
)

// Asked is whom a client asks for the credentials of a registry, and what says so.
type Asked struct {
	File string // what says so, absolute; it need not exist
	// of File: "credsStore", `credHelpers["ghcr.io"]`, "credential-helpers"; "" when File
	// names nobody
	Member  string
	Helper  string // the helper's name; "" means the logins in File itself
	Chosen  bool   // the client chose Helper by itself, because File names nobody
	InClear bool   // Helper is "", and File has a login for the registry in plain text
	Named   bool   // File has an entry for the registry, with a login or as the sign of one
}

// Asks finds out whom a client asks for a registry under a key, in the order in which it
// does; the next one is asked when one has nothing. config is the client whose
// configuration is read: "docker", "helm", "buildx" or "podman". An empty key means
// registries that are not named one by one. It only reads.
func (e Env) Asks(config string, registry address.Address, key string) ([]Asked, error) {
	switch config {
	case "podman":
		return e.podmanAsks(registry, key)
	case "helm":
		own, err := e.helmFile()
		if err != nil {
			return nil, err
		}
		return e.dockerAsks(key, own, e.dockerFile) // helm's own file, and docker's for what is not there
	case "buildx":
		if file := e.buildxFile(registry); file != "" {
			return e.dockerAsks(key, file)
		}
	}
	return e.dockerAsks(key, "", e.dockerFile)
}

// dockerAsks is for files in docker's format: one by its path, then those that functions
// find.
func (e Env) dockerAsks(key, file string, more ...func() (string, error)) ([]Asked, error) {
	files := []string{file}
	if file == "" {
		files = nil
	}
	for _, find := range more {
		path, err := find()
		if err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	var list []Asked
	for _, file := range files {
		d, err := ReadDocker(file)
		if err != nil {
			return list, err
		}
		list = append(list, e.asked(file, d, key))
	}
	return list, nil
}

// ReadDocker reads a file in docker's format. One that does not exist is as good as an
// empty one.
func ReadDocker(file string) (*jsonedit.Document, error) {
	content, err := fileedit.Read(file)
	if err != nil {
		return nil, err
	}
	return parseDocker(file, content.Data)
}

// asked is whom docker's code asks for a key (configfile.GetCredentialsStore).
func (e Env) asked(file string, d *jsonedit.Document, key string) Asked {
	a := Asked{File: file, Helper: helperFor(d, key)}
	if _, ok := d.Raw(credHelpers, key); ok {
		a.Member = memberName([]string{credHelpers, key})
	} else if a.Helper != "" {
		a.Member = credsStore
	}
	if a.Helper == "" && !containsAuth(d) {
		a.Helper = e.detected()
		a.Chosen = a.Helper != ""
	}
	_, a.Named = d.Raw(credHelpers, key)
	for _, k := range d.Keys(auths) {
		if k == key || loginOf(k).key == key {
			a.Named = true
			a.InClear = a.InClear || a.Helper == "" && holdsSecret(d, k)
		}
	}
	return a
}

// holdsSecret reports whether the entry of auths holds a password or a token.
func holdsSecret(d *jsonedit.Document, key string) bool {
	return slices.ContainsFunc(
		d.Keys(auths, key),
		func(field string) bool { return isSecret(d, auths, key, field) },
	)
}

// buildxFile is the file for a repository or a registry alone that buildx takes instead
// of docker's, "" if there is none. One that is for single scopes too (…@pull) is passed
// over: which of them counts depends on what buildx does.
func (e Env) buildxFile(registry address.Address) string {
	places, err := buildxPlaces(e, client{}, []string{registry.String(), hostOf(registry)})
	if err != nil {
		return ""
	}
	for _, p := range places {
		if content, err := fileedit.Read(p.file); err == nil && content.Exists {
			return p.file
		}
	}
	return ""
}

// podmanAsks goes through the helpers of podman, skopeo and buildah (containers/image,
// pkg/docker/config.getCredentials).
func (e Env) podmanAsks(registry address.Address, key string) ([]Asked, error) {
	var list []Asked
	used := e.podmanHelpers()
	for _, helper := range used.helpers {
		if helper != authFileHelper {
			list = append(list, Asked{File: used.file, Member: confMember, Helper: helper})
			continue
		}
		for _, file := range e.authFiles() {
			d, err := ReadDocker(file)
			if err != nil {
				return list, err
			}
			a := Asked{File: file}
			if _, ok := d.Raw(credHelpers, key); ok {
				a.Helper, _ = d.Text(credHelpers, key)
				a.Member = memberName([]string{credHelpers, key})
			}
			for _, k := range d.Keys(auths) {
				held, err := address.ParseKey(k)
				a.InClear = a.InClear ||
					a.Helper == "" && holdsSecret(d, k) && err == nil && held.Covers(registry)
			}
			if a.Helper != "" || a.InClear {
				list = append(list, a)
			}
		}
	}
	return list, nil
}

// podmanHelpers are the helpers that are asked now, zen's own file included, and the file
// that says so; "" if none does. A file that CONTAINERS_REGISTRIES_CONF names is read
// alone, as newer versions do; those of 2022 read the drop-ins beside it.
func (e Env) podmanHelpers() conf {
	used := conf{helpers: []string{authFileHelper}}
	take := func(file string) {
		if helpers, ok := helpersIn(file); ok {
			used = conf{file: file, helpers: helpers}
		}
	}
	if file := e.Getenv("CONTAINERS_REGISTRIES_CONF"); file != "" {
		take(file)
	} else {
		for _, c := range e.confFiles() {
			used = c
		}
	}
	if file := e.Getenv("CONTAINERS_REGISTRIES_CONF_OVERRIDE"); file != "" {
		take(file)
	}
	return used
}

// ConfigFiles are the files by which clients choose helpers that are in docker's format.
// They need not exist.
func (e Env) ConfigFiles() ([]LoginFile, error) {
	files, err := e.LoginFiles()
	if err != nil {
		return nil, err
	}
	files = slices.DeleteFunc(files, func(f LoginFile) bool {
		return f.Client == "regctl" || filepath.Base(f.Path) == ".dockercfg"
	})
	base, err := e.buildxDir()
	if err != nil {
		return nil, err
	}
	for _, p := range buildxFiles(base) {
		files = append(files, LoginFile{"buildx", p.file})
	}
	return files, nil
}

// InstalledReaders are the clients on PATH that read a client's configuration, itself
// among them.
func (e Env) InstalledReaders(config string) []string {
	var names []string
	for _, name := range e.Installed() {
		if _, c, err := lookup(name); err == nil && c.name == config {
			names = append(names, name)
		}
	}
	return names
}

// PodmanOverrides tells what keeps podman, skopeo and buildah from using zen as "zen
// setup podman" wants it.
func (e Env) PodmanOverrides() []Warning {
	var r Report
	podmanOverrides(e, &r)
	return r.Warnings
}

// AuthConfig is the warning about DOCKER_AUTH_CONFIG and the registries in it, if it is
// set.
func (e Env) AuthConfig() (w Warning, registries []string, set bool) {
	if e.Getenv("DOCKER_AUTH_CONFIG") == "" {
		return w, nil, false
	}
	return e.authConfigWarning(), e.shadowed(), true
}

// Profile is the profile of zen that a helper's name means: "work" for "zen-work", "" for
// "zen" and for other helpers.
func Profile(helper string) string {
	profile, _ := strings.CutPrefix(helper, helperName+"-")
	if profile == helper {
		return ""
	}
	return profile
}

// FindProgram returns the program on PATH, "" if there is none.
func (e Env) FindProgram(name string) string { return e.find(name) }
