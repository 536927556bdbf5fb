package doctor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/safetext"
)

// diagnoses are the problems of all clients, of some kinds.
func (f Facts) diagnoses(kinds ...clientconfig.Kind) []clientconfig.Problem {
	return clientconfig.Of(f.problems(), kinds...)
}

// result shows a problem.
func result(p clientconfig.Problem) Result {
	r := Result{Status: Warning, Message: p.Message, Hint: p.Hint}
	if p.Severe {
		r.Status = Problem
	}
	return r
}

func results(list []clientconfig.Problem) (found []Result) {
	for _, p := range list {
		found = append(found, result(p))
	}
	return found
}

// clientFiles: a file that the user cannot read or write, which sudo docker login leaves
// behind, or that no client can read.
func clientFiles(_ context.Context, f Facts) []Result {
	bad := f.diagnoses(clientconfig.Unreadable, clientconfig.BadEntry)
	found, readable := results(bad), 0
	files, err := f.Env.ConfigFiles()
	if err != nil {
		return found
	}
	for _, file := range files {
		_, err := os.Stat(file.Path)
		if os.IsNotExist(err) ||
			slices.ContainsFunc(bad, func(p clientconfig.Problem) bool { return p.File == file.Path }) {
			continue
		}
		readable++
		if f.UID != 0 && !f.foreignHome() { // root can do everything; the check user reports the latter
			found = append(found, f.ownership(file)...)
		}
	}
	if readable == 1 {
		return otherwise(found, "1 configuration file of a client can be read")
	}
	return otherwise(found, strconv.Itoa(readable)+" configuration files of clients can be read")
}

// ownership tells of a file that the user cannot replace.
func (f Facts) ownership(file clientconfig.LoginFile) (found []Result) {
	for _, path := range []string{filepath.Dir(file.Path), file.Path} {
		owner, ok := f.System.Owner(path)
		if !ok || owner == f.UID || path != file.Path && owner == 0 && f.System.Writable(path) {
			continue
		}
		found = append(found, one(Problem, safetext.Name(path)+" is "+f.System.UserName(owner)+"'s: "+
			file.Client+" cannot keep its configuration there",
			`sudo chown "$(id -un)" `+safetext.ShellWord(path))...)
	}
	return found
}

// clientSetup: whether the clients that are installed ask zen.
func clientSetup(_ context.Context, f Facts) []Result {
	var found []Result
	asking := false
	for _, config := range []string{"docker", "podman", "helm"} {
		how, not, ok := f.Env.AsksZen(config)
		switch {
		case !ok:
		case not != nil:
			found = append(found, result(*not))
		default:
			asking = true
			found = append(found, fine(how)...)
		}
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

// configuredHelpers: a configuration that names a helper which is not there makes every
// pull fail, of public images too.
func configuredHelpers(_ context.Context, f Facts) []Result {
	return otherwise(results(f.diagnoses(clientconfig.Missing)),
		"every helper that a configuration names is on PATH")
}

// credHelpers: an entry for a registry comes before credsStore.
func credHelpers(_ context.Context, f Facts) []Result {
	var found []Result
	for _, p := range f.diagnoses(clientconfig.OtherHelper) {
		if p.Helper != "" && f.Env.FindHelper(p.Helper) == "" {
			continue // configured-helpers reports it
		}
		if f.anyLoggedIn(p) {
			p.Severe = true
			p.Message += "; zen's login for it is not used"
		}
		found = append(found, result(p))
	}
	return otherwise(found, "no credHelpers entry bypasses zen")
}

// dockerAuthConfig: docker takes a login from DOCKER_AUTH_CONFIG without asking any
// helper, since 28.3.
func dockerAuthConfig(_ context.Context, f Facts) []Result {
	list := clientconfig.Of(f.Env.Diagnose("docker"), clientconfig.InVariable)
	for i, p := range list {
		list[i].Severe = p.Severe || f.anyLoggedIn(p)
	}
	return otherwise(results(list), "DOCKER_AUTH_CONFIG is not set")
}

// anyLoggedIn reports whether zen has a login for a registry that a problem is about.
func (f Facts) anyLoggedIn(p clientconfig.Problem) bool {
	return slices.ContainsFunc(p.Registries, f.loggedIn)
}

// dockerAccess: anyone who needs sudo for the engine runs docker as root, with root's
// configuration.
func dockerAccess(_ context.Context, f Facts) []Result {
	if f.UID == 0 || f.Env.FindProgram("docker") == "" || f.Env.Getenv("DOCKER_HOST") != "" ||
		f.Env.Getenv("DOCKER_CONTEXT") != "" {
		return nil
	}
	if f.Env.DockerContext() != "" {
		return nil
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
	return otherwise(results(f.diagnoses(clientconfig.Overridden)),
		"nothing overrides the helpers of podman, skopeo and buildah")
}
