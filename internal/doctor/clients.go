package doctor

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/safetext"
)

// bom is the byte order mark that some editors put in front.
const bom = "\ufeff"

// configFile is a client's file in docker's format that exists and can be read.
type configFile struct {
	client, path string
	doc          *jsonedit.Document
}

// configFiles are the clients' files in docker's format, and what is wrong with those
// that cannot be read.
func (f Facts) configFiles() (files []configFile, bad []Result) {
	list, err := f.Env.ConfigFiles()
	if err != nil {
		return nil, []Result{failure(Problem, err)}
	}
	for _, file := range list {
		if _, err := os.Stat(file.Path); os.IsNotExist(err) {
			continue
		}
		d, err := clientconfig.ReadDocker(file.Path)
		switch {
		case err != nil:
			bad = append(bad, failure(Problem, err))
		case bytes.HasPrefix(d.Bytes(), []byte(bom)):
			bad = append(bad, Result{
				Status: Problem, Message: safetext.Name(file.Path) + " begins with a byte order " +
					"mark: " + file.Client + " cannot read it",
				Hint: `sed -i '1s/^\xEF\xBB\xBF//' ` + safetext.ShellWord(file.Path),
			})
		default:
			files = append(files, configFile{file.Client, file.Path, d})
		}
	}
	return files, bad
}

// clientFiles: a file that the user cannot read or write, which sudo docker login leaves
// behind, or that no client can read.
func clientFiles(_ context.Context, f Facts) []Result {
	files, found := f.configFiles()
	for _, file := range files {
		if f.UID == 0 || f.foreignHome() {
			break // root can do everything; the check user reports a home that is another's
		}
		for _, path := range []string{filepath.Dir(file.path), file.path} {
			owner, ok := f.System.Owner(path)
			if !ok || owner == f.UID || path != file.path && owner == 0 && f.System.Writable(path) {
				continue
			}
			found = append(found, Result{
				Status: Problem,
				Message: safetext.Name(
					path,
				) + " is " + f.System.UserName(
					owner,
				) + "'s: " + file.client + " cannot keep its configuration there",
				Hint: `sudo chown "$(id -un)" ` + safetext.ShellWord(path),
			})
		}
	}
	if len(files) == 1 {
		return otherwise(found, "1 configuration file of a client can be read")
	}
	return otherwise(found, strconv.Itoa(len(files))+" configuration files of clients can be read")
}

// clientSetup: whether the clients that are installed ask zen.
func clientSetup(_ context.Context, f Facts) []Result {
	var found []Result
	asking := false
	for _, config := range []string{"docker", "podman", "helm"} {
		readers := f.Env.InstalledReaders(config)
		if len(readers) == 0 {
			continue
		}
		if config == "podman" {
			readers = []string{"podman, skopeo and buildah"}
		}
		r := f.setup(config, strings.Join(readers, ", "), len(readers) > 1)
		asking = asking || r.Status == OK
		found = append(found, r)
	}
	if s := f.Zend.Status; !asking && s != nil && len(s.Logins) > 0 {
		for i := range found {
			found[i].Status = Problem // logins that nobody asks for
		}
	}
	return otherwise(
		found,
		"no client that zen knows is on PATH: "+strings.Join(clientconfig.Clients(), ", "),
	)
}

// setup is one client's.
func (f Facts) setup(config, readers string, several bool) Result {
	asks, verb := " asks zen", " does not ask zen: "
	if several || config == "podman" {
		asks, verb = " ask zen", " do not ask zen: "
	}
	hint := "zen setup " + config
	list, err := f.Env.Asks(config, address.Address{}, "")
	if err != nil {
		return Result{Status: Warning, Message: readers + verb + err.Error(), Hint: "see client-files"}
	}
	if len(list) == 0 { // podman, with nothing but files of logins
		return Result{Status: Warning, Message: readers + verb + "no configuration names a " +
			"helper", Hint: hint}
	}
	first := list[0]
	file := safetext.Name(first.File)
	if clientconfig.IsZen(first.Helper) {
		return Result{Status: OK, Message: readers + asks + " (" + first.Member + " in " + file + ")"}
	}
	if hosts := zenHosts(first.File); len(hosts) > 0 {
		return Result{
			Status: OK,
			Message: readers + asks + " for " + strings.Join(
				hosts,
				", ",
			) + " only (credHelpers in " + file + ")",
		}
	}
	why := file + " names no helper, so passwords are written into it in plain text"
	switch {
	case first.Chosen:
		why = file + " names no helper, and docker-credential-" + safetext.Name(
			first.Helper,
		) + " is there, so that is used"
	case first.Helper != "":
		why = file + " names docker-credential-" + safetext.Name(first.Helper)
	}
	if f.recorded(first.File) {
		return Result{Status: Problem, Message: readers + verb + why + ". It was set up; another program " +
			"changed the file since", Hint: hint}
	}
	return Result{Status: Warning, Message: readers + verb + why, Hint: hint}
}

// zenHosts are the registries for which a file names zen.
func zenHosts(file string) []string {
	d, err := clientconfig.ReadDocker(file)
	if err != nil {
		return nil // a file in another format
	}
	var hosts []string
	for _, key := range d.Keys("credHelpers") {
		if helper, _ := d.Text("credHelpers", key); clientconfig.IsZen(helper) {
			hosts = append(hosts, safetext.Name(key))
		}
	}
	return hosts
}

// recorded reports whether zen changed a file and was not told to take that back.
func (f Facts) recorded(file string) bool {
	if f.DirsErr != nil {
		return false
	}
	list, err := f.Env.Recorded()
	if err != nil {
		return false
	}
	real, err := filepath.EvalSymlinks(file)
	if err != nil {
		real = file
	}
	for _, r := range list {
		if r.File == real {
			return true
		}
	}
	return false
}

// configuredHelpers: a configuration that names a helper which is not there makes every
// pull fail, of public images too.
func configuredHelpers(_ context.Context, f Facts) []Result {
	files, _ := f.configFiles()
	var found []Result
	named := 0
	look := func(file configFile, helper, member, host string) {
		if helper == "" || helper == ownHelper {
			return // the check helper reports the latter
		}
		named++
		if f.Env.FindHelper(helper) == "" {
			found = append(found, f.missingHelper(file, helper, member, host))
		}
	}
	for _, file := range files {
		store, _ := file.doc.Text("credsStore")
		if file.client != "podman" { // which knows no credsStore
			look(file, store, "credsStore", "")
		}
		for _, key := range file.doc.Keys("credHelpers") {
			helper, _ := file.doc.Text("credHelpers", key)
			look(file, helper, `credHelpers["`+safetext.Name(key)+`"]`, key)
		}
	}
	if len(f.Env.InstalledReaders("podman")) > 0 {
		// client-files reports a file that cannot be read
		list, _ := f.Env.Asks("podman", address.Address{}, "")
		for _, a := range list {
			look(configFile{client: "podman", path: a.File}, a.Helper, a.Member, "")
		}
	}
	if named == 0 {
		return fine("no configuration names another helper than zen's")
	}
	return otherwise(found, "every helper that a configuration names is on PATH")
}

func (f Facts) missingHelper(file configFile, helper, member, host string) Result {
	r := Result{
		Status: Problem,
		Message: safetext.Name(
			file.path,
		) + " names docker-credential-" + safetext.Name(
			helper,
		) + " (" + member + "), which is not on PATH",
		Hint: "zen setup " + file.client,
	}
	if host != "" && file.client == "docker" {
		r.Hint += " --host " + safetext.ShellWord(host)
	}
	switch {
	case clientconfig.IsZen(helper):
		r.Hint += " --profile " + safetext.ShellWord(clientconfig.Profile(helper))
	case strings.TrimSuffix(helper, ".exe") == "desktop":
		r.Message = safetext.Name(
			file.path,
		) + " still names docker-credential-" + safetext.Name(
			helper,
		) + " (" + member +
			"), which went away with Docker Desktop"
	}
	return r
}

// credHelpers: an entry for a registry comes before credsStore.
func credHelpers(_ context.Context, f Facts) []Result {
	files, _ := f.configFiles()
	var found []Result
	for _, file := range files {
		if store, _ := file.doc.Text("credsStore"); !clientconfig.IsZen(store) || file.client == "podman" {
			continue
		}
		for _, key := range file.doc.Keys("credHelpers") {
			helper, _ := file.doc.Text("credHelpers", key)
			if clientconfig.IsZen(helper) || helper != "" && f.Env.FindHelper(helper) == "" {
				continue // configured-helpers reports the latter
			}
			found = append(found, f.shadowing(file, key, helper))
		}
	}
	return otherwise(found, "no credHelpers entry bypasses zen")
}

func (f Facts) shadowing(file configFile, key, helper string) Result {
	host := safetext.Name(key)
	if a, err := address.ParseKey(key); err == nil {
		host = a.String()
	}
	by := "docker-credential-" + safetext.Name(helper)
	if helper == "" {
		by = "the logins in the file"
	}
	r := Result{
		Status: Warning,
		Message: "for " + host + " " + file.client + " asks " + by + ", not zen (credHelpers " +
			"in " + safetext.Name(file.path) + ")",
		Hint: "zen setup " + file.client + " --host " + safetext.ShellWord(host),
	}
	if f.loggedIn(host) {
		r.Status = Problem
		r.Message += "; zen's login for it is not used"
	}
	return r
}

// dockerAuthConfig: docker takes a login from DOCKER_AUTH_CONFIG without asking any
// helper, since 28.3.
func dockerAuthConfig(_ context.Context, f Facts) []Result {
	w, registries, set := f.Env.AuthConfig()
	if !set {
		return fine("DOCKER_AUTH_CONFIG is not set")
	}
	r := Result{Status: Warning, Message: w.Message, Hint: w.Hint}
	for _, host := range registries {
		if f.loggedIn(host) {
			r.Status = Problem
		}
	}
	return []Result{r}
}

// dockerAccess: anyone who needs sudo for the engine runs docker as root, with root's
// configuration.
func dockerAccess(_ context.Context, f Facts) []Result {
	if f.UID == 0 || f.Env.FindProgram("docker") == "" || f.Env.Getenv("DOCKER_HOST") != "" ||
		f.Env.Getenv("DOCKER_CONTEXT") != "" {
		return nil
	}
	files, _ := f.configFiles()
	for _, file := range files {
		if context, _ := file.doc.Text("currentContext"); file.client == "docker" && context != "" &&
			context != "default" {
			return nil
		}
	}
	socket := f.Env.Root + "/var/run/docker.sock"
	if _, err := os.Stat(socket); err != nil {
		return nil
	}
	if f.System.Writable(socket) {
		return fine("docker's engine can be used without sudo")
	}
	return one(Warning, "docker's engine ("+socket+") cannot be used as "+f.System.UserName(f.UID)+
		"; sudo docker reads root's configuration and has none of these logins",
		`sudo usermod -aG docker "$(id -un)", then log in to the machine again (this gives root's rights)`)
}

// dockerSnap: the snap of docker has a home directory of its own and is not allowed to
// execute helpers.
func dockerSnap(_ context.Context, f Facts) []Result {
	docker := f.Env.FindProgram("docker")
	if docker == "" || f.OS != "linux" {
		return nil
	}
	if root := f.Env.Root; docker == root+"/snap/bin/docker" ||
		docker == root+"/var/lib/snapd/snap/bin/docker" {
		return one(Problem, safetext.Name(docker)+" is a snap: it reads "+
			"~/snap/docker/current/.docker/config.json and cannot execute docker-credential-zen",
			"install docker from its own packages instead: https://docs.docker.com/engine/install/")
	}
	return fine("docker is not a snap")
}

// podman: what overrides zen's file, and variables by which logins go past it.
func podman(_ context.Context, f Facts) []Result {
	if len(f.Env.InstalledReaders("podman")) == 0 {
		return nil
	}
	var found []Result
	for _, w := range f.Env.PodmanOverrides() {
		found = append(found, Result{Status: Warning, Message: w.Message, Hint: w.Hint})
	}
	return otherwise(found, "nothing overrides the helpers of podman, skopeo and buildah")
}
