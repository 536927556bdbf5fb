package clientconfig

import (
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// Helper is what a configuration calls docker-credential-zen.
const Helper = "zen"

// Client is a program, or several that ask in the same way: a row of the table of
// clients.
type Client struct {
	Name   string
	Also   []string // other programs that share its code, or do as it does
	Config string   // the client whose configuration it reads, itself among them

	EnvAuth bool    // it takes logins from DOCKER_AUTH_CONFIG first
	Listing Listing // what it does with the helper's list
	Marker  bool    // it asks only for registries that its configuration names, with or without a login
	Stops   bool    // an error at one key keeps it from trying the next
	Strict  bool    // part of docker's file that docker's code refuses ends it for every registry
	Note    string  // what surprises; may be empty

	setUp    []string // those of its names that zen setup takes
	programs []string // one of them on PATH shows that it is installed
	// what to change, for these hosts or for all; nil for a client without a
	// configuration of its own
	places func(Env, Client, []string) ([]place, error)
	// by which it chooses its helper, all in docker's format and in order
	files func(files, address.Address) ([]string, error)
	own   bool // places are all zen's, in the format of registries.conf
	// tells what an edit changes for the client beside its file; may be nil
	after func(env Env, r *Report)
	keys  func(address.Address) []string
}

// Listing is what a client does with the list of a helper.
type Listing int

// Kinds of listing.
const (
	NeverLists Listing = iota
	ListsFirst         // it asks for a registry only if the list names it
	// it asks for everything in the list, whatever registry it needs, and takes one error
	// for all
	ListsAll
)

// place is a file and what is to be set in it.
type place struct {
	file string
	keys []string // members of credHelpers; none means credsStore
}

// Table is the table of clients. The keys were seen with docker 28 and 29, buildx 0.38,
// crane 0.22, oras 1.3, helm 3.22, regctl 0.11, skopeo 1.9, buildah 1.28 and
// Testcontainers for Node 12, and read in the sources of the others.
func Table() []Client { return append(configured(), dockersReaders()...) }

// configured are the clients with a configuration of their own.
func configured() []Client {
	return []Client{
		{
			Name: "docker", Config: "docker", EnvAuth: true, keys: host,
			Note:  "since docker 29 an error of the helper ends a pull, also of a public image",
			setUp: []string{"docker"}, programs: []string{"docker"},
			places: dockerPlaces(files.docker), files: inOrder(files.docker),
		}, {
			Name: "podman", Also: []string{"buildah", "cri-o", "skopeo"}, Config: "podman", keys: plainName,
			Stops: true, Note: "it knows no credsStore",
			setUp:    []string{"podman", "skopeo", "buildah"},
			programs: []string{"podman", "skopeo", "buildah"},
			places:   podmanPlaces, own: true, after: podmanWarnings,
		}, {
			Name: "helm", Config: "helm", keys: host,
			Note:  "it looks into its own file first and into docker's after that",
			setUp: []string{"helm"}, programs: []string{"helm"},
			places: dockerPlaces(files.helm), files: inOrder(files.helm, files.docker),
		}, {
			Name: "buildx", Also: []string{"buildkit", "compose"}, Config: "buildx", EnvAuth: true,
			keys: buildKit, Note: "BuildKit keeps what it got for almost five minutes",
			setUp: []string{"buildx"}, programs: []string{"docker-buildx", "buildx"},
			places: buildxPlaces, files: files.buildx,
		},
	}
}

// dockersReaders are the clients that read docker's configuration.
func dockersReaders() []Client {
	return []Client{
		{
			Name: "docker-build", Config: "docker", EnvAuth: true, Listing: ListsAll, keys: host,
			Note: "the classic builder sends everything that the helper lists to the engine; buildx asks " +
				"for single registries",
		}, {
			Name: "nerdctl", Also: []string{"finch"}, Config: "docker", keys: withPort,
			Note:  "it tries every spelling, and stores logins under the one with the port",
			setUp: []string{"nerdctl"}, programs: []string{"nerdctl"},
		}, {
			Name: "crane", Also: []string{"cosign", "flux", "gcrane", "kaniko", "ko", "syft", "trivy"},
			Config: "docker", Stops: true, Strict: true, keys: repositoryFirst,
			Note:  "it asks for the repository before the registry, so a login for a path is found",
			setUp: []string{"crane"}, programs: []string{"crane"},
		}, {
			Name: "oras", Config: "docker", keys: host,
			Note:  "it asks only after the registry said that it wants credentials",
			setUp: []string{"oras"}, programs: []string{"oras"},
		}, {
			Name: "regctl", Also: []string{"regbot", "regsync"}, Config: "docker", Listing: ListsFirst,
			keys: host, Note: "it asks only for registries that the helper lists",
			setUp: []string{"regctl"}, programs: []string{"regctl"},
		}, {
			Name: "oras-py", Config: "docker", keys: plainName,
		}, {
			Name: "docker-py", Also: []string{"ansible", "docker-compose", "zenml"}, Config: "docker",
			keys: host,
			Note: "it sends everything that the helper lists to the engine when it builds",
		}, {
			Name: "testcontainers-java", Config: "docker", keys: host,
			Note: "it takes the first failure that it sees for the sign of an unknown registry",
		}, {
			Name: "testcontainers-go", Config: "docker", Marker: true, keys: host,
			Note: "it asks for every registry that the configuration names, and one error fails all",
		}, {
			Name: "testcontainers-node", Config: "docker", keys: host,
		}, {
			Name: "devcontainers", Also: []string{"vscode"}, Config: "docker", keys: host,
		},
	}
}

// Clients returns the names that zen setup takes.
func Clients() []string {
	var names []string
	for _, c := range Table() {
		names = append(names, c.setUp...)
	}
	return names
}

func unique(names []string) (list []string) {
	for _, name := range names {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// Named finds a client by its name or that of a program which does as it does, without
// regard to case.
func Named(name string) (Client, error) {
	for _, c := range Table() {
		if slices.ContainsFunc(c.names(), func(n string) bool { return strings.EqualFold(n, name) }) {
			return c, nil
		}
	}
	return Client{}, credential.NewError(credential.InvalidInput,
		"unknown client '"+name+"'; known: "+strings.Join(Names(), ", "), "zen why HOST --as docker")
}

func (c Client) names() []string { return append([]string{c.Name}, c.Also...) }

// Names are the names of all clients and of the programs that do as they do, sorted.
func Names() []string {
	var names []string
	for _, c := range Table() {
		names = append(names, c.names()...)
	}
	slices.Sort(names)
	return names
}

// lookup finds a client by a name that zen setup takes, and the one whose configuration
// it reads.
func lookup(name string) (asked, configured Client, err error) {
	list := Table()
	i := slices.IndexFunc(list, func(c Client) bool { return slices.Contains(c.setUp, name) })
	if i < 0 {
		return asked, asked, credential.NewError(credential.InvalidInput, "unknown client "+
			safetext.Name(name)+"; supported: "+strings.Join(Clients(), ", "), "zen setup docker")
	}
	configured, err = Named(list[i].Config)
	return list[i], configured, err
}

// Installed returns the names of the clients that are on PATH.
func (e Env) Installed() []string { return e.InstalledReaders("") }

// InstalledReaders are the clients on PATH that read a client's configuration, itself
// among them; "" stands for any.
func (e Env) InstalledReaders(config string) []string {
	var names []string
	for _, c := range Table() {
		if (config == "" || c.Config == config) &&
			slices.ContainsFunc(c.programs, func(p string) bool { return e.find(p) != "" }) {
			names = append(names, c.Name)
		}
	}
	return names
}

// inOrder is for clients that choose their helper by certain files.
func inOrder(find ...func(files) (string, error)) func(files, address.Address) ([]string, error) {
	return func(f files, _ address.Address) (list []string, err error) {
		for _, of := range find {
			path, err := of(f)
			if err != nil {
				return nil, err
			}
			list = append(list, path)
		}
		return list, nil
	}
}

// dockerPlaces are those of a client with one file in docker's format.
func dockerPlaces(file func(files) (string, error)) func(Env, Client, []string) ([]place, error) {
	return func(env Env, c Client, hosts []string) ([]place, error) {
		path, err := file(filesOf(env))
		if err != nil {
			return nil, err
		}
		p := place{file: path}
		for _, host := range hosts {
			a, err := address.Parse(host)
			if err != nil {
				return nil, err
			}
			if a.Path() != "" || a.IsHubToken() {
				return nil, credential.NewError(
					credential.InvalidInput,
					c.Name+" chooses the helper by the registry's host alone, not by "+a.String(),
					"zen setup "+c.Name+" --host "+hostOf(a),
				)
			}
			if key := a.ServerURL(); !slices.Contains(p.keys, key) {
				p.keys = append(p.keys, key)
			}
		}
		return []place{p}, nil
	}
}

// hostOf is the registry a belongs to.
func hostOf(a address.Address) string {
	if a.IsHubToken() {
		return "docker.io"
	}
	return a.Host()
}
