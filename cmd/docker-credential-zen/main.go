// Command docker-credential-zen is what docker and other registry clients execute to get, store, erase and list credentials.
// It speaks the protocol of docker-credential-helpers and asks zend, which it starts when needed.
//
// It runs for every registry that a client talks to, so its start-up time is its whole job: it links no net, fmt or
// encoding/json. Secrets pass through it in buffers that are wiped, and through nothing else.
package main

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/paths"
)

// The program as the protocol has it tell its name (docker-credential-helpers, credentials.PrintVersion).
const (
	programName    = "docker-credential-zen"
	programPackage = "github.com/zen-agent/zen"
	usage          = "Usage: " + programName + " <store|get|erase|list|version>"
)

// execMarker is set in the environment of every program that an exec service connector runs (internal/connector/exec, Marker),
// and of the helpers that zen import asks. Such a program must not wait for zend, which waits for it: the host index alone
// answers it.
const execMarker = "ZEN_EXEC"

// The actions of the protocol (docker-credential-helpers, credentials.Action).
const (
	actionStore   = "store"
	actionGet     = "get"
	actionErase   = "erase"
	actionList    = "list"
	actionVersion = "version"
)

func main() {
	harden()
	a := run(arguments())
	unix.Exit(a.send())
}

// run carries out the one action that the arguments name.
func run(args []string) answer {
	if len(args) != 2 {
		return refused(usage)
	}
	switch action := args[1]; action {
	case actionVersion, "--version", "-v":
		return succeeded([]byte(programName + " (" + programPackage + ") " + api.Version))
	case "--help", "-h":
		return succeeded([]byte(usage))
	case actionStore, actionGet, actionErase, actionList:
		return act(action, args[0])
	default:
		return refused(programName + ": unknown action: " + oneLine(action))
	}
}

// act finds out what a request needs besides its input, and sends it.
func act(action, calledAs string) (a answer) {
	limit, err := timeout(getenv("ZEN_TIMEOUT"))
	if err != nil {
		return failed(err)
	}
	defer func() { a.limit = limit }()
	profile, err := profileOf(calledAs, getenv("ZEN_PROFILE"))
	if err != nil {
		return failed(err)
	}
	r := request{dir: workingDir(), profile: profile, deadline: time.Now().Add(limit)}
	var input []byte
	if action != actionList { // clients send "unused", or leave their end open
		input, err = readInput(unix.Stdin, r.deadline, limit)
		defer clear(input)
		if err != nil {
			return failed(err)
		}
	}
	dirs, err := paths.Find()
	if err == nil {
		r.hosts, r.vault = dirs.Hosts(), dirs.Vault()
	}
	switch {
	case getenv(execMarker) != "":
		r.call = refuse(credential.NewError(credential.Denied, "a program that zend runs for a credential asked zend for one",
			"see who that is: zen service-connector list --connector-type exec"))
	case err != nil:
		r.call = refuse(err)
	default:
		r.call = caller(dirs)
	}
	switch action {
	case actionStore:
		return r.store(input)
	case actionGet:
		return r.get(input)
	case actionErase:
		return r.erase(input)
	}
	return r.list()
}

// caller returns what sends a request to the zend of these directories.
func caller(dirs paths.Dirs) callFunc {
	client, err := ipc.NewClient(dirs, programName)
	if err != nil {
		return refuse(err)
	}
	client.Patience = patience
	return func(method string, params []byte, deadline time.Time, wait func() bool) (ipc.Reply, error) {
		client.Wait = wait
		return client.Call(method, params, deadline)
	}
}

// refuse returns what calls nobody.
func refuse(err error) callFunc {
	return func(string, []byte, time.Time, func() bool) (ipc.Reply, error) { return ipc.Reply{}, err }
}
