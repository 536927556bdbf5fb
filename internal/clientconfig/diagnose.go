package clientconfig

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/clientconfig/strict"
	"github.com/zen-agent/zen/internal/safetext"
)

// Kind sorts what is wrong.
type Kind int

// The kinds of problems.
const (
	HelperAbsent Kind = iota // there is no docker-credential-zen to execute
	HelperOther              // it is another zen's
	HelperUnsafe             // somebody else can put another in its place
	Unreadable               // a file that its client cannot read
	BadEntry                 // part of a file that keeps some clients from reading it
	NotAsked                 // the client does not ask zen
	Missing                  // a file names a helper that is not on PATH
	OtherHelper              // for a registry, another helper is asked than zen
	InVariable               // DOCKER_AUTH_CONFIG comes before zen
	Overridden               // something gets in the way of what zen setup podman did
	PlainText                // a file stores credentials in plain text
	Leftover                 // a client that was interrupted left a file behind
)

// Problem is something that is wrong between a client and its credentials.
type Problem struct {
	Warning

	Kind       Kind
	Client     string // whose file it is
	File       string
	Helper     string   // that a file names
	Registries []string // that it is about
	Severe     bool     // something does not work by it
}

// Diagnose is all that is wrong with a client, one that has a configuration of its own
// (Client.Config) or a file of logins (LoginFile). It only reads, and executes nothing.
func (e Env) Diagnose(client string) []Problem {
	x := diagnosis{e}
	list := x.zen()
	files, err := e.ConfigFiles()
	if err != nil {
		return append(list, problemOf(Unreadable, client, "", err))
	}
	logins, err := e.files(func(Format) bool { return true })
	if err != nil {
		return append(list, problemOf(Unreadable, client, "", err))
	}
	for _, f := range logins {
		if !slices.Contains(files, f) {
			files = append(files, f)
		}
	}
	for _, f := range files {
		if f.Client == client {
			list = append(list, x.file(f)...)
		}
	}
	if c, err := Named(client); err == nil && c.Config == client {
		list = append(list, x.client(c)...)
	}
	return list
}

// DiagnoseAll is Diagnose for every client with a file of its own, in the order in which
// these are looked into.
func (e Env) DiagnoseAll() (list []Problem) {
	var names []string
	for _, f := range formats() {
		names = append(names, f.Owner)
	}
	for _, c := range configured() {
		names = append(names, c.Name)
	}
	for _, name := range unique(names) {
		list = append(list, e.Diagnose(name)...)
	}
	return list
}

// diagnosis is what is wrong in certain surroundings.
type diagnosis struct{ Env }

// client is what is wrong with a client beside its files.
func (x diagnosis) client(c Client) (list []Problem) {
	if c.own && len(x.InstalledReaders(c.Name)) > 0 {
		// a file that cannot be read is a problem of its own
		asked, _ := x.Asks(c.Name, address.Address{}, "")
		for _, a := range asked {
			list = append(list, x.helper(LoginFile{c.Name, a.File}, a.Helper, a.Member, "")...)
		}
	}
	if c.own {
		list = append(list, containersOf(x.Env).overrides()...)
		for _, err := range containersOf(x.Env).refused() {
			list = append(list, problemOf(Unreadable, c.Name, "", err))
		}
	}
	if _, p, set := x.AsksZen(c.Name); set && p != nil {
		list = append(list, *p)
	}
	if c.EnvAuth && x.Getenv("DOCKER_AUTH_CONFIG") != "" {
		list = append(list, x.authConfig())
	}
	return list
}

// problemOf makes a problem of an error.
func problemOf(kind Kind, client, file string, err error) Problem {
	return Problem{Warning: warning(err), Kind: kind, Client: client, File: file, Severe: true}
}

// file is what is wrong with one file.
func (x diagnosis) file(file LoginFile) []Problem {
	list := x.leftovers(file)
	content, err := fileedit.Read(file.Path)
	if err == nil && !content.Exists {
		return list
	}
	defer clear(content.Data) // there may be passwords in it
	var d *jsonedit.Document
	if err == nil {
		d, err = FormatOf(file.Client, file.Path).Parse(file.Path, content.Data)
	}
	if err == nil && file.Client == "podman" {
		err = notEmpty(file.Path, d)
	}
	if err != nil {
		return append(list, Unread(file, err))
	}
	return append(list, x.document(file, d)...)
}

// Unread is the problem of a client's file that cannot be read.
func Unread(file LoginFile, err error) Problem {
	p := problemOf(Unreadable, file.Client, file.Path, err)
	if name := safetext.Name(file.Path); !strings.Contains(p.Message, name) {
		p.Message = name + ": " + p.Message
	}
	content, readErr := fileedit.Read(file.Path)
	defer clear(content.Data)
	if readErr == nil && FormatOf(file.Client, file.Path).Owner == "docker" && !json.Valid(content.Data) {
		p.Message += "; docker cannot read it, asks nobody, and overwrites it at the next docker login"
	}
	return p
}

// document is what is wrong with what a file says.
func (x diagnosis) document(file LoginFile, d *jsonedit.Document) (list []Problem) {
	f := FormatOf(file.Client, file.Path)
	add := func(kind Kind, message, hint string) *Problem {
		list = append(list, Problem{
			Warning: Warning{Message: message, Hint: hint}, Kind: kind, Client: file.Client, File: file.Path,
		})
		return &list[len(list)-1]
	}
	name := safetext.Name(file.Path)
	if bytes.HasPrefix(d.Bytes(), []byte("\ufeff")) {
		add(Unreadable, name+" begins with a byte order mark: "+file.Client+" cannot read it",
			`sed -i '1s/^\xEF\xBB\xBF//' `+safetext.ShellWord(file.Path)).Severe = true
	}
	if held := f.plaintext(d); len(held) > 0 {
		registries := uniqueNames(held)
		p := add(PlainText, storesInPlainText(file.Path, registries), takeOut(file))
		p.Registries = registries
	}
	if f.Helpers {
		list = append(list, x.helpers(file, d)...)
		list = append(list, badEntries(file, d)...)
	}
	return list
}

// badEntries is what docker's code refuses in a file. podman's own files are read by
// other code, and not by docker's.
func badEntries(file LoginFile, d *jsonedit.Document) (list []Problem) {
	if file.Client == "podman" {
		return nil
	}
	for _, fault := range strict.Docker(d) {
		p := Problem{Kind: BadEntry, Client: file.Client, File: file.Path, Severe: true}
		line, column := d.Position(fault.Path...)
		p.Message = safetext.Name(file.Path) + ":" + strconv.Itoa(line) + ":" + strconv.Itoa(column) + ": " +
			fault.Message + ": docker warns each time, and crane and others with its code fail for every " +
			"registry"
		p.Hint = "correct the file; zen changed nothing in it"
		if fault.Path[0] == auths && len(fault.Path) > 1 {
			p.Hint = "take the entry out of auths in " + safetext.Name(file.Path) + ", then log in again"
		}
		list = append(list, p)
	}
	return list
}

// takeOut says how plaintext logins leave a file.
func takeOut(file LoginFile) string {
	switch f := FormatOf(file.Client, file.Path); {
	case f.advice != "":
		return f.advice + safetext.ShellWord(file.Path)
	case file.Client == "buildx": // one for a single repository, which zen import does not look into
		return "log in through zen, then take them out of " + safetext.Name(file.Path)
	}
	return moveIn
}

// storesInPlainText says so of a file; zend's guard has the same words.
func storesInPlainText(file string, registries []string) string {
	return safetext.Name(file) + " stores credentials in plain text: " + strings.Join(registries, ", ")
}

func uniqueNames(held []login) (names []string) {
	for _, l := range held {
		names = append(names, l.name)
	}
	return unique(names)
}

// helpers is what is wrong with the helpers that a file names.
func (x diagnosis) helpers(file LoginFile, d *jsonedit.Document) (list []Problem) {
	store, _ := d.Text(credsStore)
	if file.Client == "podman" {
		store = "" // which it does not read
	}
	list = append(list, x.helper(file, store, credsStore, "")...)
	for _, key := range d.Keys(credHelpers) {
		helper, _ := d.Text(credHelpers, key)
		list = append(list, x.helper(file, helper, memberName([]string{credHelpers, key}), key)...)
		if !IsZen(store) || IsZen(helper) {
			continue
		}
		host, by := loginOf(key).name, "docker-credential-"+safetext.Name(helper)
		if helper == "" {
			by = "the logins in the file"
		}
		list = append(list, Problem{
			Warning: Warning{
				Message: "for " + host + " " + file.Client + " asks " + by + ", not zen (credHelpers in " +
					safetext.Name(file.Path) + ")",
				Hint: setUpHost(file, key),
			},
			Kind: OtherHelper, Client: file.Client, File: file.Path, Helper: helper,
			Registries: []string{host},
		})
	}
	return list
}

// setUpHost is how a client comes to ask zen for a key of credHelpers: not at all for one
// that is not a registry's.
func setUpHost(file LoginFile, key string) string {
	if a, err := address.ParseKey(key); err == nil && a.Path() == "" && !a.IsHubToken() {
		return "zen setup " + file.Client + " --host " + a.String()
	}
	return "take " + memberName([]string{credHelpers, key}) + ", which is not a registry, out of " +
		safetext.Name(file.Path)
}

// helper is what is wrong with a helper that a member of a file names. That there
// is no docker-credential-zen is a problem of its own.
func (x diagnosis) helper(file LoginFile, helper, member, key string) []Problem {
	if helper == "" || helper == Helper || x.FindHelper(helper) != "" {
		return nil
	}
	p := Problem{Kind: Missing, Client: file.Client, File: file.Path, Helper: helper, Severe: true}
	named := " names docker-credential-" + safetext.Name(helper) + " (" + member + "), which "
	p.Message, p.Hint = safetext.Name(file.Path)+named+"is not on PATH", "zen setup "+file.Client
	if key != "" && file.Client == "docker" {
		p.Hint = setUpHost(file, key)
	}
	switch {
	case IsZen(helper):
		p.Hint += " --profile " + safetext.ShellWord(Profile(helper))
	case owner(helper) != "":
		p.Message = safetext.Name(file.Path) + " still" + named + "went away with " + owner(helper)
	}
	return []Problem{p}
}

// owner is the program that puts a helper into docker's file, and may leave it there.
func owner(helper string) string {
	switch name := strings.TrimSuffix(helper, ".exe"); {
	case name == "desktop":
		return "Docker Desktop"
	case name == "rancher-desktop":
		return "Rancher Desktop"
	case strings.HasPrefix(name, "dev-containers-"):
		return "VS Code's Dev Containers"
	}
	return ""
}

// AsksZen tells how a client comes to ask zen, or what keeps it from that. It is about
// those that read its configuration and are installed; ok is false if none is.
func (e Env) AsksZen(config string) (how string, not *Problem, ok bool) {
	readers := e.InstalledReaders(config)
	if len(readers) == 0 {
		return "", nil, false
	}
	who, asks, verb := strings.Join(readers, ", "), " asks zen", " does not ask zen: "
	if config == "podman" {
		who = "podman, skopeo and buildah"
	}
	if len(readers) > 1 || config == "podman" {
		asks, verb = " ask zen", " do not ask zen: "
	}
	refused := func(why, hint string, severe bool) (string, *Problem, bool) {
		return "", &Problem{
			Warning: Warning{who + verb + why, hint}, Kind: NotAsked, Client: config, Severe: severe,
		}, true
	}
	list, err := e.Asks(config, address.Address{}, "")
	switch {
	case err != nil:
		return refused(err.Error(), "zen doctor client-files", false)
	case len(list) == 0: // podman, with nothing but files of logins
		return refused("no configuration names a helper", "zen setup "+config, false)
	}
	first := list[0]
	file := safetext.Name(first.File)
	if IsZen(first.Helper) {
		return who + asks + " (" + first.Member + " in " + file + ")", nil, true
	}
	if hosts := zenHosts(first.File); len(hosts) > 0 {
		how = asks + " for " + strings.Join(hosts, ", ") + " only (credHelpers in " + file + ")"
		return who + how, nil, true
	}
	why := file + " names no helper, so passwords are written into it in plain text"
	switch {
	case first.Chosen:
		why = file + " names no helper, and docker-credential-" + safetext.Name(first.Helper) +
			" is there, so that is used"
	case first.Helper != "":
		why = file + " names docker-credential-" + safetext.Name(first.Helper)
	}
	changed := diagnosis{e}.changedSince(first.File)
	if changed {
		why += ". It was set up; another program changed the file since"
	}
	hint := "zen setup " + config
	if mounted(first.File) {
		hint = "mount its directory instead of the file alone, then: " + hint
	}
	return refused(why, hint, changed)
}

// zenHosts are the registries for which a file names zen.
func zenHosts(file string) (hosts []string) {
	d, err := ReadDocker(file)
	if err != nil {
		return nil // a file in another format
	}
	for _, key := range d.Keys(credHelpers) {
		if helper, _ := d.Text(credHelpers, key); IsZen(helper) {
			hosts = append(hosts, safetext.Name(key))
		}
	}
	return hosts
}

// changedSince reports whether zen changed a file and was not told to take that back.
func (x diagnosis) changedSince(file string) bool {
	if x.State == "" {
		return false
	}
	list, err := x.Recorded()
	if err != nil {
		return false
	}
	target, err := fileedit.Resolve(file)
	return err == nil && slices.ContainsFunc(list, func(r Recorded) bool { return r.File == target })
}

// leftovers are the files that an interrupted client left beside a file, with all that
// was in it.
func (x diagnosis) leftovers(file LoginFile) (list []Problem) {
	for _, path := range Leftovers(file.Path) {
		list = append(list, LeftBehind(file, path))
	}
	return list
}

// LeftBehind is the problem of a leftover of a file.
func LeftBehind(file LoginFile, path string) Problem {
	p := Problem{Kind: Leftover, Client: file.Client, File: path}
	p.Message = safetext.Name(path) + " was left behind by a client that was interrupted"
	p.Hint = "rm " + safetext.ShellWord(path)
	content, err := fileedit.Read(path)
	defer clear(content.Data)
	f := FormatOf(file.Client, file.Path)
	if d, parseErr := f.Parse(path, content.Data); err == nil && parseErr == nil {
		p.Registries = uniqueNames(f.plaintext(d))
	}
	if len(p.Registries) > 0 {
		p.Message += ", and stores credentials in plain text: " + strings.Join(p.Registries, ", ")
		p.Hint = "zen import"
	}
	return p
}

// Leftovers are the temporary files beside a client's file that its writer left behind
// when it was killed: docker's config.json with digits, podman's .tmp-auth.json with
// digits.
func Leftovers(path string) []string {
	dir, name := filepath.Split(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	pattern := regexp.MustCompile(`^(\.tmp-)?` + regexp.QuoteMeta(name) + `[0-9]+$`)
	var list []string
	for _, e := range entries {
		if e.Type().IsRegular() && pattern.MatchString(e.Name()) {
			list = append(list, filepath.Join(dir, e.Name()))
		}
	}
	return list
}

// zen is what is wrong with docker-credential-zen as clients find it, by PATH.
func (x diagnosis) zen() (list []Problem) {
	add := func(kind Kind, w Warning, severe bool) {
		list = append(list, Problem{Warning: w, Kind: kind, Severe: severe})
	}
	if w, missing := x.HelperMissing(); missing {
		add(HelperAbsent, w, true)
		return list
	}
	for _, w := range x.helperExposed() {
		add(HelperUnsafe, w, true)
	}
	if w, other := x.helperReplaced(); other {
		add(HelperOther, w, false)
	}
	return list
}

// authConfig tells of DOCKER_AUTH_CONFIG, which docker asks before any helper (since
// 28.3).
func (x diagnosis) authConfig() Problem {
	p := Problem{Kind: InVariable, Client: "docker", Registries: x.shadowed()}
	p.Hint = "unset DOCKER_AUTH_CONFIG"
	p.Message = "DOCKER_AUTH_CONFIG is set, and docker takes logins from there first"
	if _, err := strict.AuthConfig(x.Getenv("DOCKER_AUTH_CONFIG")); err != nil {
		p.Message = "DOCKER_AUTH_CONFIG is set, and docker refuses it as a whole: " + err.Error()
	} else if len(p.Registries) > 0 {
		p.Message = "DOCKER_AUTH_CONFIG is set: docker takes the login for " +
			strings.Join(p.Registries, ", ") + " from there, not from zen"
	}
	return p
}

// Of picks the problems of some kinds.
func Of(list []Problem, kinds ...Kind) []Problem {
	other := func(p Problem) bool { return !slices.Contains(kinds, p.Kind) }
	return slices.DeleteFunc(slices.Clone(list), other)
}
