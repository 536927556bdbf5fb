// Command docker-credential-zen is what docker and other registry clients execute to get,
// store, erase and list credentials. It speaks the protocol of docker-credential-helpers
// and asks zend, which it starts when needed.
//
// It runs for every registry that a client talks to, so its start-up time is its whole
// job: it links no net, fmt or encoding/json. Secrets pass through it in buffers that are
// wiped, and through nothing else.
package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/harden"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/paths"
	"github.com/zen-agent/zen/internal/safetext"
)

// The program as the protocol has it tell its name (docker-credential-helpers,
// credentials.PrintVersion).
const (
	programName    = "docker-credential-zen"
	programPackage = "github.com/zen-agent/zen"
	usage          = "Usage: " + programName + " <store|get|erase|list|version>"
)

// execMarker is set in the environment of every program that an exec service connector
// runs (internal/connector/exec, Marker), and of the helpers that zen import asks. Such a
// program must not wait for zend, which waits for it: the host index alone answers it.
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
	harden.Process()
	unix.Exit(run(os.Args).send())
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
		return refused(programName + ": unknown action: " + safetext.Line(action))
	}
}

// act carries out an action of the protocol.
func act(action, calledAs string) (a answer) {
	r, input, err := prepare(action, calledAs)
	defer clear(input)
	if err != nil {
		a = failed(err)
	} else {
		a = r.carryOut(action, input)
	}
	a.limit = r.limit
	return a
}

func (r *request) carryOut(action string, input []byte) answer {
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

// prepare finds out what a request needs, and reads the input. The caller clears the
// input, also with an error.
func prepare(action, calledAs string) (r *request, input []byte, err error) {
	r = &request{limit: defaultTimeout, room: make([]byte, roomSize)}
	if r.limit, err = timeout(os.Getenv("ZEN_TIMEOUT")); err != nil {
		return r, nil, err
	}
	r.deadline = time.Now().Add(r.limit)
	if r.profile, err = profileOf(calledAs, os.Getenv("ZEN_PROFILE")); err != nil {
		return r, nil, err
	}
	r.dir = workingDir(os.Getenv("PWD"), r.room)
	if action != actionList { // clients send "unused", or leave their end open
		if input, err = readInput(unix.Stdin, r.room, r.deadline, r.limit); err != nil {
			return r, input, err
		}
		r.room = r.room[min(len(input), len(r.room)):]
	}
	r.client = ipc.Client{Name: programName + "/" + api.Version, Patience: patience, Start: starter}
	r.client.Socket, r.refused = paths.Socket(os.Getenv)
	if os.Getenv(execMarker) != "" {
		r.refused = credential.NewError(credential.Denied, "a program that zend runs for a credential "+
			"asked zend for one",
			"see who that is: zen service-connector list --connector-type exec")
	}
	return r, input, nil
}

func starter() (*ipc.Starter, error) {
	dirs, err := paths.Find()
	if err != nil {
		return nil, err
	}
	return ipc.NewStarter(dirs), nil
}
