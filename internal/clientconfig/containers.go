package clientconfig

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/clientconfig/strict"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// How podman, skopeo and buildah choose helpers: credential-helpers in
// registries.conf(5), for all registries and in order. They know no credsStore. Their own
// logins are the helper of the name containers-auth.json, and that alone is the default.
const (
	confMember     = "credential-helpers"
	authFileHelper = "containers-auth.json"
)

// dropIn is the name of zen's own file. Files are read in the order of their names and
// the last one counts, so it begins with a high number. A file of one's own changes
// nothing in those of others: a registries.conf in the home directory would keep the
// system's from being read.
const dropIn = "99-zen.conf"

// dropInText is all that is in it.
func dropInText(helper string) string {
	return `# Written by "zen setup podman"; "zen setup podman --undo" removes it.
# podman, skopeo and buildah ask docker-credential-` + helper + ` for the credentials of all registries.
credential-helpers = ["` + helper + `"]
`
}

// containers is where podman, skopeo and buildah look.
type containers struct{ Env }

func containersOf(e Env) containers { return containers{e} }

// podmanPlaces: newer versions look below XDG_CONFIG_HOME, older ones (containers/image
// before 5.38) in ~/.config always.
func podmanPlaces(env Env, _ Client, hosts []string) ([]place, error) {
	if len(hosts) > 0 {
		return nil, credential.NewError(credential.InvalidInput,
			"podman, skopeo and buildah have one list of helpers for all registries: podman login would not "+
				"reach a helper of single hosts", "zen setup podman")
	}
	dirs, err := containersOf(env).dirs()
	if err != nil {
		return nil, err
	}
	var places []place
	for _, dir := range dirs {
		places = append(places, place{file: filepath.Join(dir, "registries.conf.d", dropIn)})
	}
	return places, nil
}

// dirs are the user's directories that one version or another reads, the newest
// version's first.
func (c containers) dirs() ([]string, error) {
	home, err := c.Home()
	if err != nil {
		return nil, err
	}
	dirs := []string{filepath.Join(home, ".config", "containers")}
	if xdg := c.Getenv("XDG_CONFIG_HOME"); xdg != "" {
		dir, err := absolute("XDG_CONFIG_HOME", filepath.Join(xdg, "containers"))
		if err != nil {
			return nil, err
		}
		if dir != dirs[0] {
			dirs = append([]string{dir}, dirs...)
		}
	}
	return dirs, nil
}

// helpersIn returns the credential-helpers of a file, and whether it sets them. What
// cannot be read sets nothing: the clients fail with a message of their own then.
func helpersIn(file string) ([]string, bool) {
	content, err := fileedit.Read(file)
	if err != nil {
		return nil, false
	}
	return helpersOf(content.Data)
}

func helpersOf(text []byte) ([]string, bool) {
	var conf map[string]any
	if toml.Unmarshal(text, &conf) != nil {
		return nil, false
	}
	list, ok := conf[confMember].([]any)
	var helpers []string
	for _, v := range list {
		if name, isText := v.(string); isText {
			helpers = append(helpers, name)
		}
	}
	return helpers, ok
}

// namesZen reports whether helpers begin with zen: what comes before it is asked first,
// and gets the logins.
func namesZen(helpers []string) bool { return len(helpers) > 0 && IsZen(helpers[0]) }

// conf is a file that sets credential-helpers.
type conf struct {
	file    string
	main    bool // a registries.conf, which every drop-in overrides
	helpers []string
}

// confs are the files besides zen's that set credential-helpers, in the order they are
// read.
func (c containers) confs() []conf {
	return slices.DeleteFunc(
		c.confFiles(),
		func(f conf) bool { return !f.main && filepath.Base(f.file) == dropIn },
	)
}

// confFiles are all files that set credential-helpers, in the order they are read.
func (c containers) confFiles() []conf {
	var list []conf
	files, err := c.registriesConfs()
	if err != nil {
		return nil
	}
	for _, file := range files {
		if helpers, ok := helpersIn(file); ok {
			list = append(list, conf{file, !strings.HasSuffix(filepath.Dir(file), ".conf.d"), helpers})
		}
	}
	return list
}

// registriesConfs are the files that podman, skopeo and buildah read, in order, when no
// variable names others.
func (c containers) registriesConfs() ([]string, error) {
	user, err := c.dirs()
	if err != nil {
		return nil, err
	}
	var files []string
	dirs := append(user, c.Root+"/etc/containers", c.Root+"/usr/share/containers")
	for _, dir := range dirs {
		file := filepath.Join(dir, "registries.conf")
		if _, err := os.Stat(file); err == nil {
			files = append(files, file)
			break // only the first one is read
		}
	}
	literal := strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`)
	var drops []string
	for _, dir := range dirs {
		found, err := filepath.Glob(filepath.Join(literal.Replace(dir), "registries*.conf.d", "*.conf"))
		if err == nil {
			drops = append(drops, found...)
		}
	}
	slices.SortStableFunc(
		drops,
		func(a, b string) int { return cmp.Compare(filepath.Base(a), filepath.Base(b)) },
	)
	return append(files, drops...), nil
}

// refused are the errors of the files that podman, skopeo and buildah read and refuse.
func (c containers) refused() (list []error) {
	files, err := c.registriesConfs()
	if err != nil {
		return []error{err}
	}
	if file := c.Getenv("CONTAINERS_REGISTRIES_CONF"); file != "" {
		files = []string{file}
	}
	for _, file := range files {
		content, err := fileedit.Read(file)
		if err == nil {
			err = strict.RegistriesConf(content.Data, strings.HasSuffix(filepath.Dir(file), ".conf.d"))
		}
		if err != nil {
			list = append(list, &credential.Error{
				Reason: credential.InvalidInput, Cause: err, Hint: "correct " + safetext.Name(file),
				Message: safetext.Name(file) + " is refused by podman, skopeo and buildah: " +
					safetext.Line(err.Error()),
			})
		}
	}
	return list
}

// notEmpty refuses a file of logins with nothing in it, as podman, skopeo and buildah do.
func notEmpty(file string, d *jsonedit.Document) error {
	if content, err := fileedit.Read(file); err != nil || !content.Exists || len(d.Keys()) > 0 ||
		len(bytes.TrimSpace(content.Data)) > 0 {
		return err
	}
	return credential.NewError(credential.InvalidInput, safetext.Name(file)+" is empty, and podman, skopeo "+
		"and buildah refuse to pull anything then", "echo '{}' > "+safetext.ShellWord(file))
}

// effective are the helpers that are asked as long as there is no file of zen's.
func effective(list []conf) []string {
	helpers := []string{authFileHelper}
	for _, c := range list {
		helpers = c.helpers
	}
	return helpers
}

// authFileProblems is what a variable that names a file of logins does: the clients
// demand that there is one ("checking authfile"), and one in docker's format gets the
// passwords of podman login past the helpers of registries.conf (containers/common 0.57,
// pkg/auth.systemContextWithOptions).
func (c containers) authFileProblems() (list []Problem) {
	variable, file := "REGISTRY_AUTH_FILE", c.Getenv("REGISTRY_AUTH_FILE")
	if dir := c.Getenv("DOCKER_CONFIG"); file == "" && dir != "" {
		variable, file = "DOCKER_CONFIG", filepath.Join(dir, "config.json")
		list = append(list, overriding(`DOCKER_CONFIG is set: "podman login" of newer versions writes `+
			"passwords into "+safetext.Name(file)+" in plain text",
			"log in with zen login, or unset DOCKER_CONFIG"))
	}
	if file == "" {
		return list
	}
	if _, err := os.Stat(file); os.IsNotExist(err) {
		list = append(list, overriding(variable+" is set, but there is no "+safetext.Name(file)+
			": podman and buildah refuse to work then", "unset "+variable))
	}
	return list
}

func overriding(message, hint string) Problem {
	return Problem{Warning: Warning{message, hint}, Kind: Overridden, Client: "podman"}
}

// podmanWarnings tells which helpers zen's file overrides, and which logins are out of
// use.
func podmanWarnings(env Env, r *Report) {
	before := []string{authFileHelper}
	for _, c := range containersOf(env).confs() {
		if !c.comesAfter() {
			before = c.helpers
		}
	}
	for _, helper := range before {
		if helper != authFileHelper && !IsZen(helper) {
			r.warn("docker-credential-"+safetext.Name(helper)+" was asked by podman, skopeo and buildah "+
				"until now, and is not asked for the "+
				"logins it keeps any more", moveFrom(helper))
		}
	}
	if slices.Contains(before, authFileHelper) {
		containersOf(env).hiddenAuthFiles(r)
	}
}

// comesAfter reports whether a file is read after zen's, and so overrides it.
func (c conf) comesAfter() bool { return !c.main && filepath.Base(c.file) > dropIn }

// overrides is what overrides zen's file.
func (c containers) overrides() (list []Problem) {
	for _, f := range c.confs() {
		if f.comesAfter() && !namesZen(f.helpers) {
			list = append(list, overriding(safetext.Name(f.file)+" comes after zen's file and sets "+
				confMember+" = "+quoteAll(f.helpers), "take "+confMember+" out of "+safetext.Name(f.file)))
		}
	}
	for _, variable := range []string{"CONTAINERS_REGISTRIES_CONF", "CONTAINERS_REGISTRIES_CONF_OVERRIDE"} {
		if file := c.Getenv(variable); file != "" {
			if helpers, _ := helpersIn(file); !namesZen(helpers) {
				list = append(list, overriding(variable+" names another configuration, "+safetext.Name(file)+
					", which does not name zen",
					"unset "+variable+`, or put into that file: `+confMember+` = ["zen"]`))
			}
		}
	}
	return append(list, c.authFileProblems()...)
}

func quoteAll(list []string) string {
	var quoted []string
	for _, s := range list {
		quoted = append(quoted, safetext.Quote(s))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// hiddenAuthFiles names the logins in the files that are not read any more.
func (c containers) hiddenAuthFiles(r *Report) {
	for _, file := range c.authFiles() {
		content, err := fileedit.Read(file)
		if err != nil {
			continue
		}
		d, err := jsonedit.Parse(content.Data)
		if err != nil {
			continue
		}
		var names []string
		for _, l := range FormatOf("podman", file).plaintext(d) {
			names = append(names, l.name)
		}
		r.Plaintext = append(r.Plaintext, names...)
		if r.Changed && len(names) > 0 {
			r.Hidden = append(r.Hidden, names...)
			r.warn("podman, skopeo and buildah no longer use the logins that "+safetext.Name(file)+
				" holds in plain text: "+strings.Join(names, ", "), moveIn)
		}
		for _, key := range d.Keys(credHelpers) {
			if helper, _ := d.Text(credHelpers, key); r.Changed && helper != "" && !IsZen(helper) {
				r.warn("podman, skopeo and buildah ask zen for "+loginOf(key).name+" now, not "+
					"docker-credential-"+safetext.Name(helper)+
					" as "+safetext.Name(file)+" says", "")
			}
		}
	}
}

// authFiles are where podman, skopeo and buildah look for logins, as far as docker does
// not (containers-auth.json(5)).
func (c containers) authFiles() []string {
	if file := c.Getenv("REGISTRY_AUTH_FILE"); file != "" {
		return []string{file}
	}
	var files []string
	if runtime.GOOS == "linux" {
		dir := c.Getenv("XDG_RUNTIME_DIR")
		if dir == "" {
			dir = c.Root + "/run/containers/" + strconv.Itoa(os.Getuid())
			files = append(files, filepath.Join(dir, "auth.json"))
		} else {
			files = append(files, filepath.Join(dir, "containers", "auth.json"))
		}
	}
	dirs, err := c.dirs()
	if err != nil {
		return files
	}
	for _, dir := range dirs {
		files = append(files, filepath.Join(dir, "auth.json"))
	}
	if file, err := filesOf(c.Env).docker(); err == nil {
		files = append(files, file)
	}
	return files
}

// allAuthFiles are those and the ones that REGISTRY_AUTH_FILE hides.
func (c containers) allAuthFiles() ([]string, error) {
	shown := c
	shown.Getenv = func(name string) string {
		if name == "REGISTRY_AUTH_FILE" {
			return ""
		}
		return c.Getenv(name)
	}
	files := append(c.authFiles(), shown.authFiles()...)
	for i, path := range files {
		var err error
		if files[i], err = absolute("REGISTRY_AUTH_FILE", path); err != nil {
			return nil, err
		}
	}
	return files, nil
}
