package clientconfig

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// Format is a row of the table of files in which clients keep logins: where they are, how
// an entry is written, and whose they are. Members are found without regard to case, as
// clients find them (encoding/json).
type Format struct {
	Owner  string // the client that writes it, as Apply takes it
	Source string // what zen import calls its logins

	Root                        []string // path of the object whose members are the logins
	Auth, User, Password, Token string   // members of an entry; "" for what it does not have
	Marker                      bool     // an entry without secrets stays as a sign that there is a login
	Helpers                     bool     // the file names helpers, as docker's
	Rule                        Rule     // by which its owner looks up a registry

	base   string // of the files, where the owner has others
	advice string // how what is in it goes; "" if zen import takes it over
	where  func(files) ([]string, error)
}

// formats is the table of files. The docker format is that of docker/cli,
// types.AuthConfig; docker before 1.7 had ~/.dockercfg, which podman reads to this day;
// regctl's is regclient's config.Host.
func formats() []Format {
	docker := Format{
		Owner: "docker", Source: "docker", Root: []string{auths}, Auth: "auth", User: "username",
		Password: "password", Token: "identitytoken", Marker: true, Helpers: true, where: one(files.docker),
	}
	containers, helm := docker, docker
	containers.Owner, containers.Source, containers.Rule = "podman", "containers", ByNamespace
	containers.Marker = false
	containers.where = func(f files) ([]string, error) { return containersOf(f.Env).allAuthFiles() }
	dockercfg := containers
	dockercfg.Root, dockercfg.Marker, dockercfg.Helpers, dockercfg.base = nil, false, false, ".dockercfg"
	dockercfg.where = one(func(f files) (string, error) { return f.below(dockercfg.base) })
	helm.Owner, helm.Source, helm.where = "helm", "helm", one(files.helm)
	return append([]Format{docker, containers, dockercfg, helm, {
		Owner: "regctl", Source: "regctl", Root: []string{"hosts"}, User: "user", Password: "pass",
		Token: "token", Marker: true, Rule: ByName, where: files.regctl,
	}}, unmovable(docker)...)
}

// unmovable are files that zen import does not look into: no helper can take their place, or
// nobody reads them any more. All are in docker's format.
func unmovable(docker Format) (list []Format) {
	add := func(owner, advice string, where func(files) (string, error), base string) {
		f := docker
		f.Owner, f.advice, f.base = owner, advice, base
		f.where = one(func(of files) (string, error) {
			dir, err := where(of)
			return filepath.Join(dir, base), err
		})
		list = append(list, f)
	}
	below := func(dir string) func(files) (string, error) {
		return func(f files) (string, error) { return f.below(dir) }
	}
	add("helm", "log in again: helm registry login HOST; then rm ", files.helmDir, "registry.json")
	add("apptainer", "apptainer registry logout docker://HOST, or rm ", below(".apptainer"),
		"docker-config.json")
	add("singularity", "singularity remote logout docker://HOST, or rm ", below(".singularity"),
		"docker-config.json")
	add("rancher-desktop", "docker logout HOST while Rancher Desktop runs, or rm ", files.dockerDir,
		"plaintext-credentials.config.json")
	return list
}

func one(file func(files) (string, error)) func(files) ([]string, error) {
	return func(f files) ([]string, error) {
		path, err := file(f)
		return []string{path}, err
	}
}

// FormatOf is the row of the table for a client's file. Any other client, and what a
// client left behind, has docker's format.
func FormatOf(client, path string) Format {
	list := formats()
	i := slices.IndexFunc(list, func(f Format) bool {
		return f.Owner == client && f.base != "" && f.base == filepath.Base(path)
	})
	if i < 0 {
		i = slices.IndexFunc(list, func(f Format) bool { return f.base == "" && f.Owner == client })
	}
	return list[max(i, 0)]
}

// Parse reads a file of the format; path is for the error. It refuses what cannot be
// edited without a guess.
func (f Format) Parse(path string, data []byte) (*jsonedit.Document, error) {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		word, right := safetext.ShellWord(path), safetext.ShellWord(path+".utf8")
		return nil, credential.NewError(credential.InvalidInput, safetext.Name(path)+" is UTF-16, which no "+
			"client can read",
			"umask 077; iconv -f UTF-16 -t UTF-8 "+word+" > "+right+" && mv "+right+" "+word)
	}
	d, err := jsonedit.Parse(data)
	if err == nil && f.Helpers {
		err = checkDocker(d)
	}
	if err == nil {
		return d, nil
	}
	hint := "correct the file; zen changed nothing in it"
	if odd, ok := errors.AsType[*oddMember](err); ok {
		hint = odd.mend(path)
	}
	place, message := safetext.Name(path), err.Error()
	if syntax, ok := errors.AsType[*jsonedit.SyntaxError](err); ok {
		place += ":" + strconv.Itoa(syntax.Line) + ":" + strconv.Itoa(syntax.Column)
		message = syntax.Message
	}
	return nil, &credential.Error{
		Reason: credential.InvalidInput, Message: place + ": " + message,
		Hint: hint, Cause: err,
	}
}

// plaintext lists the entries that hold a secret, those that are spelled as clients ask
// first.
func (f Format) plaintext(d *jsonedit.Document) (list []login) {
	var older []login
	for _, key := range d.Keys(f.Root...) {
		l := loginOf(f.Registry(d, key))
		if host := l.host.String(); f.Rule == ByHost && l.host.Host() != hubName && !f.holds(d, host) {
			l.name = cmp.Or(host, l.name) // docker finds it by the host
		}
		switch {
		case !f.holds(d, key):
		case l.current:
			list = append(list, l)
		default:
			older = append(older, l)
		}
	}
	return append(list, older...)
}

// holds reports whether an entry holds a password or a token.
func (f Format) holds(d *jsonedit.Document, key string) bool {
	return slices.ContainsFunc(d.Keys(f.Path(key)...), func(member string) bool {
		raw, _ := d.Raw(f.Path(key, member)...)
		return raw[0] == '"' && len(raw) > len(`""`) &&
			slices.ContainsFunc([]string{f.Auth, f.Password, f.Token, "registrytoken"},
				func(name string) bool { return strings.EqualFold(name, member) })
	})
}

// Path is where a member of an entry, or the entry, is in a file of the format.
func (f Format) Path(more ...string) []string { return append(slices.Clone(f.Root), more...) }

// Registry is the name of the registry that an entry is for. regctl's may have a name of
// their own. That such an entry says "tls": "disabled" is what somebody told regctl, not
// zen.
func (f Format) Registry(d *jsonedit.Document, key string) string {
	if f.Auth != "" {
		return key
	}
	if hostname, ok := d.Text(f.Path(key, "hostname")...); ok && hostname != "" {
		return hostname
	}
	return key
}

// Sources are what zen import calls the places in which clients keep logins.
func Sources() []string {
	var list []string
	for _, f := range formats() {
		if f.advice == "" {
			list = append(list, f.Source)
		}
	}
	return slices.Compact(list)
}

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
	return e.files(func(f Format) bool { return f.advice == "" })
}

func (e Env) files(which func(Format) bool) ([]LoginFile, error) {
	var list []LoginFile
	for _, f := range formats() {
		if !which(f) {
			continue
		}
		paths, err := f.where(filesOf(e))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			if !slices.ContainsFunc(list, func(o LoginFile) bool { return o.Path == path }) {
				list = append(list, LoginFile{f.Owner, path})
			}
		}
	}
	return list, nil
}

// ConfigFiles are the files by which clients choose helpers that are in docker's format.
// They need not exist.
func (e Env) ConfigFiles() ([]LoginFile, error) {
	list, err := e.LoginFiles()
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(f LoginFile) bool { return !FormatOf(f.Client, f.Path).Helpers })
	base, err := filesOf(e).buildxDir()
	if err != nil {
		return nil, err
	}
	for _, p := range buildxFiles(base) {
		list = append(list, LoginFile{"buildx", p.file})
	}
	return list, nil
}

// files is where clients keep what is theirs.
type files struct{ Env }

func filesOf(e Env) files { return files{e} }

// dockerDir is where docker keeps its files: $DOCKER_CONFIG, which is taken as it is,
// else ~/.docker (docker/cli, cli/config.Dir).
func (f files) dockerDir() (string, error) {
	if dir := f.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir, nil
	}
	return f.below(".docker")
}

func (f files) docker() (string, error) {
	dir, err := f.dockerDir()
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(dir); err == nil && info.Mode().IsRegular() {
		return "", credential.NewError(credential.InvalidInput, "DOCKER_CONFIG is the file "+
			safetext.Name(dir)+" and has to be the directory that it is in",
			"export DOCKER_CONFIG="+safetext.ShellWord(filepath.Dir(dir)))
	}
	return absolute("DOCKER_CONFIG", filepath.Join(dir, "config.json"))
}

// helm is helm's own file of logins, in docker's format (helm, pkg/helmpath and
// pkg/cli).
func (f files) helm() (string, error) {
	if file := f.Getenv("HELM_REGISTRY_CONFIG"); file != "" {
		return absolute("HELM_REGISTRY_CONFIG", file)
	}
	dir, err := f.helmDir()
	return filepath.Join(dir, "registry", "config.json"), err
}

func (f files) helmDir() (string, error) {
	if dir := f.Getenv("HELM_CONFIG_HOME"); dir != "" {
		return absolute("HELM_CONFIG_HOME", dir)
	}
	if dir := f.Getenv("XDG_CONFIG_HOME"); dir != "" {
		return absolute("XDG_CONFIG_HOME", filepath.Join(dir, "helm"))
	}
	if runtime.GOOS == "darwin" {
		return f.below("Library", "Preferences", "helm")
	}
	return f.below(".config", "helm")
}

// regctl are where regctl looks for its configuration (regclient,
// cmd/regctl.ConfigLoadDefault).
func (f files) regctl() ([]string, error) {
	home, err := f.Home()
	if err != nil {
		return nil, err
	}
	xdg := f.Getenv("XDG_CONFIG_HOME")
	if xdg == "" {
		xdg = filepath.Join(home, ".config")
	}
	list := []string{
		filepath.Join(home, ".regctl", "config.json"),
		filepath.Join(xdg, "regctl", "config.json"),
	}
	if file := f.Getenv("REGCTL_CONFIG"); file != "" {
		list = append([]string{file}, list...)
	}
	for i, file := range list {
		if list[i], err = absolute("REGCTL_CONFIG", file); err != nil {
			return nil, err
		}
	}
	return list, nil
}
