package private

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/paths"
	"github.com/zen-agent/zen/internal/safetext"
)

// Variable is an environment variable for clientconfig.Programs that run docker and podman.
type Variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Why   string `json:"why"` // for a person
}

// surroundings are those of the user's clients.
type surroundings struct{ clientconfig.Env }

// Make makes, in a directory of zen's own, configuration files by which the docker and
// podman of one process ask zen, and returns the variables that name them. What is set up
// for all processes already needs none. The user's files stay as they are; what they say
// of other things counts for the process too, except logins, and members that hold
// passwords.
func Make(ctx context.Context, env clientconfig.Env, dir string) (vars []Variable, err error) {
	e := surroundings{env}
	if e.FindHelper(clientconfig.Helper) == "" {
		own := e.HelperBeside()
		if own == "" {
			return nil, credential.NewError(
				credential.NoSuchEntity,
				"there is no "+clientconfig.Program+" on PATH",
				"install it beside zen",
			)
		}
		path := filepath.Dir(own) + string(os.PathListSeparator) + e.Getenv("PATH")
		vars = append(vars, Variable{"PATH", path, "clients find " + clientconfig.Program})
	}
	asked, err := e.Asks("docker", address.Address{}, "")
	if err != nil {
		return nil, err
	}
	docker := filepath.Join(dir, "docker")
	ownDocker := !clientconfig.IsZen(asked[0].Helper) || asked[0].Chosen
	if ownDocker {
		if err := e.docker(ctx, docker); err != nil {
			return nil, err
		}
		vars = append(vars, Variable{"DOCKER_CONFIG", docker, "docker login stores into zen, and docker " +
			"asks it"})
	}
	podman, err := e.podman(ctx, dir, ownDocker)
	return append(vars, podman...), err
}

// docker makes a directory like the user's DOCKER_CONFIG. Contexts and plugins are
// those of the user: links.
func (e surroundings) docker(ctx context.Context, dir string) error {
	file, err := e.DockerFile()
	if err != nil {
		return err
	}
	real := filepath.Dir(file)
	if clientconfig.SameFile(real, dir) {
		return nil // this is such a process already
	}
	d, err := clientconfig.ReadDocker(file)
	if err != nil {
		return err
	}
	if d, err = withoutLogins(d); err != nil {
		return err
	}
	if err := paths.MakeDir(dir); err != nil {
		return cannotMake(dir, err)
	}
	if err := mirror(real, dir); err != nil {
		return cannotMake(dir, err)
	}
	return writePrivate(ctx, filepath.Join(dir, "config.json"), d.Bytes())
}

// withoutLogins is a configuration of docker's that asks zen. Of the rest, what can hold
// a password is left out.
func withoutLogins(d *jsonedit.Document) (*jsonedit.Document, error) {
	out, _, err := d.Set(`"`+clientconfig.Helper+`"`, "credsStore")
	if err != nil {
		return nil, err
	}
	drop := []string{"auths", "HttpHeaders"}
	if proxies, ok := d.Raw("proxies"); ok && bytes.ContainsRune(proxies, '@') {
		drop = append(drop, "proxies")
	}
	for _, member := range drop {
		if out, _, err = out.Remove(member); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// mirror makes links in dir to everything in real but configuration and what belongs to
// it, and removes those that lead nowhere.
func mirror(real, dir string) error {
	have, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range have {
		name := filepath.Join(dir, entry.Name())
		if _, err := os.Stat(name); entry.Type() == fs.ModeSymlink && errors.Is(err, fs.ErrNotExist) {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	wanted, err := os.ReadDir(real)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range wanted {
		if strings.HasPrefix(entry.Name(), "config.json") || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		err := os.Symlink(filepath.Join(real, entry.Name()), filepath.Join(dir, entry.Name()))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// podman makes the files by which podman asks zen. With a DOCKER_CONFIG podman
// login would write into that one's config.json, in plain text, unless REGISTRY_AUTH_FILE
// names a file of podman's own (containers/common 0.57), which has to exist.
func (e surroundings) podman(ctx context.Context, dir string, ownDocker bool) (vars []Variable, err error) {
	if len(e.InstalledReaders("podman")) == 0 {
		return nil, nil
	}
	if err := paths.MakeDir(dir); err != nil {
		return nil, cannotMake(dir, err)
	}
	if ownDocker || e.Getenv("DOCKER_CONFIG") != "" || e.Getenv("REGISTRY_AUTH_FILE") != "" {
		file := filepath.Join(dir, "auth.json")
		if err := writePrivate(ctx, file, []byte("{}\n")); err != nil {
			return nil, err
		}
		vars = append(vars, Variable{"REGISTRY_AUTH_FILE", file, "podman login leaves no password in " +
			"docker's file"})
	}
	if _, helpers := e.PodmanHelpers(); len(helpers) > 0 && clientconfig.IsZen(helpers[0]) {
		return vars, nil
	}
	text, err := e.mergedRegistriesConf()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "registries.conf")
	vars = append(vars, Variable{"CONTAINERS_REGISTRIES_CONF", file, "podman login stores into zen, and " +
		"podman asks it"})
	return vars, writePrivate(ctx, file, text)
}

// mergedRegistriesConf is what all of the user's registries.conf files say, and that zen
// is asked: a file that CONTAINERS_REGISTRIES_CONF names is read alone. Tables are merged
// as the clients do it (containers-registries.conf.d(5)): registries by their prefix,
// aliases one by one, all else by its name.
func (e surroundings) mergedRegistriesConf() ([]byte, error) {
	merged := map[string]any{}
	files, err := e.RegistriesConfs()
	if err != nil {
		return nil, err
	}
	if file := e.Getenv("CONTAINERS_REGISTRIES_CONF"); file != "" {
		files = []string{file}
	}
	for _, file := range files {
		content, err := fileedit.Read(file)
		if err != nil {
			return nil, err
		}
		var conf map[string]any
		if err := toml.Unmarshal(content.Data, &conf); err != nil {
			return nil, &credential.Error{
				Reason: credential.InvalidInput, Message: safetext.Name(file) + " cannot be " +
					"read: " + safetext.Name(err.Error()), Hint: "mend it", Cause: err,
			}
		}
		for name, value := range conf {
			merged[name] = mergedValue(name, merged[name], value)
		}
	}
	merged["credential-helpers"] = []string{clientconfig.Helper}
	var out bytes.Buffer
	out.WriteString("# Written by \"zen zenml-env\" from " + strings.Join(files, ", ") + ".\n")
	err = toml.NewEncoder(&out).Encode(merged)
	return out.Bytes(), err
}

func mergedValue(name string, before, value any) any {
	switch now := value.(type) {
	case map[string]any:
		if old, ok := before.(map[string]any); ok && name == "aliases" {
			maps.Copy(old, now)
			return old
		}
	case []map[string]any:
		if old, ok := before.([]map[string]any); ok && name == "registry" {
			kept := slices.DeleteFunc(old, func(o map[string]any) bool {
				return slices.ContainsFunc(now,
					func(n map[string]any) bool { return prefixOf(n) == prefixOf(o) })
			})
			return append(kept, now...)
		}
	}
	return value
}

// prefixOf is what a registry's table is for.
func prefixOf(registry map[string]any) any {
	if p, ok := registry["prefix"]; ok {
		return p
	}
	return registry["location"]
}

// writePrivate replaces a file of zen's own. One that is right already is not touched.
func writePrivate(ctx context.Context, file string, data []byte) error {
	return fileedit.EditOwn(ctx, file, func(fileedit.Content) (fileedit.Content, error) {
		return fileedit.Content{Data: data, Exists: true}, nil
	})
}

// cannotMake is the error for a file or directory that cannot be written.
func cannotMake(path string, err error) error {
	return &credential.Error{
		Reason: credential.InvalidInput, Message: "cannot make " + safetext.Name(path) + ": " + reasonOf(err),
		Hint: "check its directory", Cause: err,
	}
}

func reasonOf(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}
