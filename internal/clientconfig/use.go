package clientconfig

import (
	"slices"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
)

// Use says where docker gets the credential for a registry from.
type Use struct {
	File     string // the configuration, which need not exist
	Helper   string // the helper's name; "" means the file itself
	Zen      bool   // the helper is zen's and nothing comes before it
	Shadowed bool   // DOCKER_AUTH_CONFIG comes first for this registry
}

// Docker finds out whom docker would ask for a registry. It only reads.
func (e Env) Docker(a address.Address) (Use, error) {
	file, d, err := e.readDocker()
	if err != nil {
		return Use{File: file}, err
	}
	key := a.ServerURL()
	if host, err := address.Parse(hostOf(a)); err == nil {
		key = host.ServerURL()
	}
	u := Use{
		File:     file,
		Helper:   helperFor(d, key),
		Shadowed: slices.Contains(e.shadowed(), loginOf(key).name),
	}
	if u.Helper == "" && !containsAuth(d) {
		u.Helper = e.detected()
	}
	u.Zen = IsZen(u.Helper) && !u.Shadowed
	return u, nil
}

// PlaintextLogins returns the registries whose login lies in docker's configuration in
// plain text, and that file.
func (e Env) PlaintextLogins() (file string, registries []string, err error) {
	file, d, err := e.readDocker()
	if err != nil {
		return file, nil, err
	}
	for _, l := range plaintext(d) {
		registries = append(registries, l.name)
	}
	return file, registries, nil
}

func (e Env) readDocker() (string, *jsonedit.Document, error) {
	file, err := e.dockerFile()
	if err != nil {
		return "", nil, err
	}
	content, err := fileedit.Read(file)
	if err != nil {
		return file, nil, err
	}
	d, err := parseDocker(file, content.Data)
	return file, d, err
}
