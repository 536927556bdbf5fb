package clientconfig

import (
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
// configuration is read (Client.Config). An empty key means registries that are not named
// one by one. It only reads.
func (e Env) Asks(config string, registry address.Address, key string) ([]Asked, error) {
	c, err := Named(config)
	if err != nil {
		return nil, err
	}
	if c.own {
		return containersOf(e).asks(registry, key)
	}
	files, err := c.files(filesOf(e), registry)
	if err != nil {
		return nil, err
	}
	var list []Asked
	for _, file := range files {
		d, err := ReadDocker(file)
		if err != nil {
			return list, err
		}
		list = append(list, e.asked(file, d, registry, key))
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
	return ParseDocker(file, content.Data)
}

// asked is whom docker's code asks for a key (configfile.GetCredentialsStore).
func (e Env) asked(file string, d *jsonedit.Document, registry address.Address, key string) Asked {
	format := FormatOf("docker", file)
	a := Asked{File: file, Helper: helperFor(d, key)}
	if _, ok := d.Raw(credHelpers, key); ok && key != "" {
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
		if format.Rule.Finds(registry, key, k) {
			a.Named = true
			a.InClear = a.InClear || a.Helper == "" && format.holds(d, k)
		}
	}
	return a
}

// asks goes through the helpers of podman, skopeo and buildah (containers/image,
// pkg/docker/config.getCredentials).
func (c containers) asks(registry address.Address, key string) ([]Asked, error) {
	if refused := c.refused(); len(refused) > 0 {
		return nil, refused[0]
	}
	var list []Asked
	used, format := c.helpers(), FormatOf("podman", "")
	for _, helper := range used.helpers {
		if helper != authFileHelper {
			list = append(list, Asked{File: used.file, Member: confMember, Helper: helper})
			continue
		}
		for _, file := range c.authFiles() {
			d, err := ReadDocker(file)
			if err == nil {
				err = notEmpty(file, d)
			}
			if err != nil {
				return list, err
			}
			a := Asked{File: file}
			if _, ok := d.Raw(credHelpers, key); ok && key != "" {
				a.Helper, _ = d.Text(credHelpers, key)
				a.Member = memberName([]string{credHelpers, key})
			}
			for _, k := range d.Keys(auths) {
				a.InClear = a.InClear ||
					a.Helper == "" && format.holds(d, k) && format.Rule.Finds(registry, key, k)
			}
			if a.Helper != "" || a.InClear {
				list = append(list, a)
			}
		}
	}
	return list, nil
}

// helpers are the helpers that are asked now, zen's own file included, and the file that
// says so; "" if none does. A file that CONTAINERS_REGISTRIES_CONF names is read alone,
// as newer versions do; those of 2022 read the drop-ins beside it.
func (c containers) helpers() conf {
	used := conf{helpers: []string{authFileHelper}}
	take := func(file string) {
		if helpers, ok := helpersIn(file); ok {
			used = conf{file: file, helpers: helpers}
		}
	}
	if file := c.Getenv("CONTAINERS_REGISTRIES_CONF"); file != "" {
		take(file)
	} else {
		for _, f := range c.confFiles() {
			used = f
		}
	}
	if file := c.Getenv("CONTAINERS_REGISTRIES_CONF_OVERRIDE"); file != "" {
		take(file)
	}
	return used
}

// Use says where docker gets the credential for a registry from.
type Use struct {
	Asked

	Zen      bool // the helper is zen's and nothing comes before it
	Shadowed bool // DOCKER_AUTH_CONFIG comes first for this registry
}

// Docker finds out whom docker would ask for a registry. It only reads.
func (e Env) Docker(a address.Address) (Use, error) {
	key := a.Registry().ServerURL()
	if a.IsHubToken() {
		key = hubKey
	}
	list, err := e.Asks("docker", a, key)
	if err != nil {
		return Use{}, err
	}
	u := Use{Asked: list[0], Shadowed: slices.Contains(e.shadowed(), loginOf(key).name)}
	u.Zen = IsZen(u.Helper) && !u.Shadowed
	return u, nil
}

// Profile is the profile of zen that a helper's name means: "work" for "zen-work", "" for
// "zen" and for other helpers.
func Profile(helper string) string {
	profile, _ := strings.CutPrefix(helper, Helper+"-")
	if profile == helper {
		return ""
	}
	return profile
}

// DockerFile is docker's configuration.
func (e Env) DockerFile() (string, error) { return filesOf(e).docker() }

// PodmanHelpers are the helpers that podman, skopeo and buildah ask now, and the file
// that says so; "" if none does.
func (e Env) PodmanHelpers() (file string, helpers []string) {
	used := containersOf(e).helpers()
	return used.file, used.helpers
}

// RegistriesConfs are the files by which they choose, in the order in which they are
// read.
func (e Env) RegistriesConfs() ([]string, error) { return containersOf(e).registriesConfs() }
