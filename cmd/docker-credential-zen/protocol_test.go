package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/zen-agent/zen/internal/api"
	execconnector "github.com/zen-agent/zen/internal/connector/exec"
	"github.com/zen-agent/zen/internal/credential"
)

// The words are others': those that clients compare are in the library that docker uses,
// and linking it would double the start-up time.
func TestWordsOfTheProtocol(t *testing.T) {
	for ours, theirs := range map[string]string{
		notFoundText:             credentials.NewErrCredentialsNotFound().Error(),
		missingServerURL:         credentials.NewErrCredentialsMissingServerURL().Error(),
		missingUsername:          credentials.NewErrCredentialsMissingUsername().Error(),
		actionGet:                credentials.ActionGet,
		actionStore:              credentials.ActionStore,
		actionErase:              credentials.ActionErase,
		actionList:               credentials.ActionList,
		actionVersion:            credentials.ActionVersion,
		credential.TokenUsername: "<token>",
		execMarker:               execconnector.Marker,
	} {
		if ours != theirs {
			t.Errorf("%q should be %q", ours, theirs)
		}
	}
}

func TestArguments(t *testing.T) {
	w := newWorld(t)
	version := "docker-credential-zen (github.com/zen-agent/zen) " + api.Version + "\n"
	usageLine := "Usage: docker-credential-zen <store|get|erase|list|version>\n"
	tests := []struct {
		args   []string
		stdout string
		code   int
	}{
		{[]string{"version"}, version, 0},
		{[]string{"--version"}, version, 0},
		{[]string{"-v"}, version, 0},
		{[]string{"--help"}, usageLine, 0},
		{[]string{"-h"}, usageLine, 0},
		{nil, usageLine, 1},
		{[]string{"get", "ghcr.io"}, usageLine, 1},
		{[]string{"get", "store"}, usageLine, 1},
		{[]string{"--version", "-v"}, usageLine, 1},
		{[]string{"GET"}, "docker-credential-zen: unknown action: GET\n", 1},
		{[]string{""}, "docker-credential-zen: unknown action: \n", 1},
		{[]string{"help"}, "docker-credential-zen: unknown action: help\n", 1},
		{[]string{"-rf"}, "docker-credential-zen: unknown action: -rf\n", 1},
		{[]string{"a\nb\x1b[31m\u202e"}, "docker-credential-zen: unknown action: a b\\x1b[31m\\u202e\n", 1},
	}
	for _, tt := range tests {
		w.run("ghcr.io", tt.args...).check(t, strings.Join(tt.args, " "), tt.stdout, "", tt.code)
	}
	w.env["ZEN_TIMEOUT"], w.env["ZEN_PROFILE"] = "nonsense", "\x01" // concern neither
	w.run("", "version").check(t, "version", version, "", 0)
}

// What goes in comes out, for the client library of docker.
func TestDockersClient(t *testing.T) {
	w := newWorld(t)
	w.startZend()
	env := w.env
	program := client.NewShellProgramFuncWithEnv(filepath.Join(built(), programName), &env)
	if got, err := client.List(program); err != nil || len(got) != 0 {
		t.Fatalf("%v, %v", got, err)
	}
	if _, err := client.Get(program, "ghcr.io"); !credentials.IsErrCredentialsNotFound(err) {
		t.Fatalf("%v", err)
	}
	stored := []credentials.Credentials{
		{ServerURL: "https://index.docker.io/v1/", Username: "alice", Secret: "pass word"},
		{ServerURL: "ghcr.io", Username: credential.TokenUsername, Secret: "a.refresh.token"},
		{
			ServerURL: "localhost:5000",
			Username:  "bob:smith",
			Secret:    `"\ ü 😀 <>&` + "\n\x00\u2028\u0085\x7f" + `end`,
		},
		{
			ServerURL: "us-docker.pkg.dev",
			Username:  "_json_key",
			Secret:    strings.Repeat("{\n  \"private_key\": \"x\"\n}", 2000),
		},
		{ServerURL: "https://index.docker.io/v1/access-token", Username: "alice", Secret: "one"},
	}
	for _, c := range stored {
		if err := client.Store(program, &c); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range stored {
		if got, err := client.Get(program, c.ServerURL); err != nil || !cmp.Equal(*got, c) {
			t.Errorf("%v: %v", err, cmp.Diff(c, got))
		}
	}
	list, err := client.List(program)
	want := map[string]string{
		"https://index.docker.io/v1/": "alice", "ghcr.io": "<token>", "localhost:5000": "bob:smith",
		"us-docker.pkg.dev":                       "_json_key",
		"https://index.docker.io/v1/access-token": "alice",
	}
	if err != nil || !cmp.Equal(list, want) {
		t.Errorf("%v: %s", err, cmp.Diff(want, list))
	}
	for range 2 { // what is absent is erased as well
		if err := client.Erase(program, "ghcr.io"); err != nil {
			t.Error(err)
		}
	}
	if _, err := client.Get(program, "ghcr.io"); !credentials.IsErrCredentialsNotFound(err) {
		t.Errorf("%v", err)
	}
	if _, err := client.Get(program, ""); !credentials.IsCredentialsMissingServerURL(errors.Unwrap(err)) &&
		!strings.Contains(err.Error(), missingServerURL) {
		t.Errorf("%v", err)
	}
	if err := client.Store(program, &credentials.Credentials{
		ServerURL: "ghcr.io",
		Secret:    "x",
	}); err == nil ||
		!strings.Contains(err.Error(), missingUsername) {
		t.Errorf("%v", err)
	}
}

// go-containerregistry asks for the repository and then for the registry.
func TestDefaultKeychain(t *testing.T) {
	w := newWorld(t)
	z := w.startZend()
	z.put("ghcr.io", "alice", "for all")
	z.put("ghcr.io/team", "robot", "for the team")
	z.put("docker.io", "<token>", "identity")
	if err := os.WriteFile(filepath.Join(w.home, "config.json"), []byte(`{"credsStore":"zen"}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	for k, v := range w.env {
		t.Setenv(k, v)
	}
	t.Setenv("DOCKER_CONFIG", w.home)
	t.Setenv("DOCKER_AUTH_CONFIG", "")
	// it looks there before it asks DOCKER_CONFIG
	if err := os.MkdirAll(filepath.Join(w.home, ".docker"), 0o700); err != nil {
		t.Fatal(err)
	}
	for repository, want := range map[string]authn.AuthConfig{
		"ghcr.io/other/app":  {Username: "alice", Password: "for all"},
		"ghcr.io/team/app":   {Username: "robot", Password: "for the team"},
		"ghcr.io/teams/app":  {Username: "alice", Password: "for all"},
		"library/alpine":     {IdentityToken: "identity"},
		"quay.io/public/app": {},
	} {
		repo, err := name.NewRepository(repository)
		if err != nil {
			t.Fatal(err)
		}
		authenticator, err := authn.DefaultKeychain.Resolve(repo)
		if err != nil {
			t.Errorf("%s: %v", repository, err)
			continue
		}
		got, err := authenticator.Authorization()
		if err != nil || !cmp.Equal(*got, want) {
			t.Errorf("%s: %v %s", repository, err, cmp.Diff(want, *got))
		}
	}
	asked := z.requests()
	if len(asked) == 0 || asked[0].method != "get" {
		t.Errorf("zend was asked %v", asked)
	}
}

func TestFiftyAtOnce(t *testing.T) {
	w := newWorld(t)
	w.startZend().put("ghcr.io", "alice", "secret")
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			w.run("ghcr.io", "get").
				check(t, "get", `{"ServerURL":"ghcr.io","Username":"alice","Secret":"secret"}`+"\n", "", 0)
		})
	}
	wg.Wait()
}

// zend is told where the client works and under which name it executed the program.
func TestDirectoryAndProfile(t *testing.T) {
	w := newWorld(t)
	z := w.startZend()
	z.put("ghcr.io", "alice", "secret")
	for _, name := range []string{
		"docker-credential-zen-work", "docker-credential-zen-",
		"docker-credential-zenith", "docker-credential-zen-a-b",
	} {
		if err := os.Symlink(filepath.Join(built(), programName), filepath.Join(w.home, name)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ program, variable, profile string }{
		{programName, "", ""},
		{programName, "home", "home"},
		{"docker-credential-zen-work", "", "work"},
		{"docker-credential-zen-work", "home", "work"},
		{"docker-credential-zen-a-b", "", "a-b"},
		{"docker-credential-zen-", "home", "home"},
		{"docker-credential-zenith", "", ""},
	}
	for _, tt := range tests {
		for _, action := range []string{"get", "store", "erase", "list"} {
			w.env["ZEN_PROFILE"] = tt.variable
			path := filepath.Join(w.home, tt.program)
			if tt.program == programName {
				path = filepath.Join(built(), programName)
			}
			cmd := w.command(action)
			cmd.Path, cmd.Args[0] = path, path
			cmd.Stdin = strings.NewReader("ghcr.io")
			if action == "store" {
				cmd.Stdin = strings.NewReader(`{"ServerURL":"ghcr.io","Username":"alice","Secret":"secret"}`)
			}
			if r := w.finish(cmd); r.code != 0 && action != "get" {
				t.Errorf("%s %s: %+v", tt.program, action, r)
			}
			asked := z.requests()
			if len(asked) != 1 || asked[0].method != action || asked[0].profile != tt.profile ||
				asked[0].dir != w.home {
				t.Errorf("%s %s with ZEN_PROFILE=%s sent %+v", tt.program, action, tt.variable, asked)
			}
		}
	}
	for _, bad := range []string{strings.Repeat("x", 65), "a\nb", "\xff"} {
		w.env["ZEN_PROFILE"] = bad
		if r := w.run("ghcr.io", "get"); r.code != 1 || !strings.HasPrefix(r.stdout, "zen: invalid "+
			"profile name ") || strings.Count(r.stdout, "\n") != 1 {
			t.Errorf("profile %q: %+v", bad, r)
		}
	}
}

// A directory that was removed is no reason to fail.
func TestRemovedDirectory(t *testing.T) {
	w := newWorld(t)
	z := w.startZend()
	z.put("ghcr.io", "alice", "secret")
	gone := filepath.Join(w.home, "gone")
	if err := os.Mkdir(gone, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := w.command("-c", `rmdir "$PWD" && exec docker-credential-zen get`)
	cmd.Path, cmd.Args[0], cmd.Dir = "/bin/sh", "sh", gone
	w.env["PATH"] = built() + ":/bin:/usr/bin"
	cmd.Env = w.environ()
	cmd.Stdin = strings.NewReader("ghcr.io")
	w.finish(cmd).check(t, "get", `{"ServerURL":"ghcr.io","Username":"alice","Secret":"secret"}`+"\n", "", 0)
	if asked := z.requests(); len(asked) != 1 || asked[0].dir != "" {
		t.Errorf("sent %+v", asked)
	}
}

// A program that zend runs to get a credential does not get it from zend: each would wait
// for the other. What nobody is logged in to is not found all the same.
func TestCalledByWhatZendRuns(t *testing.T) {
	w := newWorld(t)
	z := w.startZend()
	z.put("ghcr.io", "alice", "secret")
	w.env[execMarker] = "1"
	const says = "zen: a program that zend runs for a credential asked zend for one\n"
	const hint = "Hint: see who that is: zen service-connector list --connector-type exec\n"
	w.index(indexHeader, "ghcr.io")
	w.run("ghcr.io", actionGet).check(t, "get", says, hint, 1)
	w.run("ghcr.io", actionErase).check(t, "erase", says, hint, 1)
	w.run(`{"ServerURL":"quay.io","Username":"a","Secret":"s"}`, actionStore).check(t, "store", says, hint, 1)
	w.run("", actionList).check(t, "list", says, hint, 1)
	w.run("quay.io", actionGet).check(t, "get, not logged in", notFound, says+hint, 1)
	w.run("quay.io", actionErase).check(t, "erase, not logged in", "", "", 0)
	w.index(indexHeader)
	w.run("", actionList).check(t, "list, no logins", "{}\n", "", 0)
	if asked := z.requests(); len(asked) > 0 {
		t.Errorf("zend was asked: %+v", asked)
	}
}

// What another zend sends as it is reaches no terminal, and means the same to clients.
func TestAnswersAreSafeToPrint(t *testing.T) {
	w := newWorld(t)
	z := w.startZend()
	z.answers("{\"items\":{\"ghcr.io\":\"a\u202eb\u200b\"}}")
	w.run("", "list").check(t, "list", `{"ghcr.io":"a\u202eb\u200b"}`+"\n", "", 0)
	z.answers("{\"items\":{},\"note\":\"lo\u202ecked\",\"hint\":\"zen unlock\"}")
	w.index(indexHeader, "ghcr.io")
	w.run("", "list").check(t, "a locked list", "{}\n", "zen: lo\\u202ecked\nHint: zen unlock\n", 0)
	w.index(indexHeader)
	w.run("", "list").check(t, "a locked list of nobody", "{}\n", "", 0)
	z.put("ghcr.io", "a", "s")
	z.answers("{\"Username\":\"a\u202eb\",\"Secret\":\"s\"}")
	w.run("ghcr.io", "get").
		check(t, "get", `{"ServerURL":"ghcr.io","Username":"a\u202eb","Secret":"s"}`+"\n", "", 0)
}
