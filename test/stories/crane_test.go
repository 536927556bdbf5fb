package stories

import (
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
)

// crane: crane push|pull REFERENCE, by go-containerregistry with the script's Docker
// config, which really executes docker-credential-zen as every client does. The
// environment of this process is changed for that long; scripts that use it do not run in
// parallel with others that do.
func crane(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: crane push|pull REFERENCE")
	}
	err := withEnv(ts, func() error { return transfer(args[0], args[1]) })
	switch {
	case err != nil && !neg:
		ts.Fatalf("crane %s %s: %v", args[0], args[1], err)
	case err == nil && neg:
		ts.Fatalf("crane %s %s succeeded", args[0], args[1])
	}
	if err != nil {
		ts.Logf("crane: %v", err)
	}
}

func transfer(verb, reference string) error {
	ref, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		return err
	}
	auth := remote.WithAuthFromKeychain(authn.DefaultKeychain)
	if verb == "push" {
		img, err := random.Image(512, 1)
		if err != nil {
			return err
		}
		return remote.Write(ref, img, auth)
	}
	img, err := remote.Image(ref, auth)
	if err != nil {
		return err
	}
	_, err = img.RawManifest()
	return err
}

var clientEnv = []string{
	"HOME", "PATH", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_CONFIG_HOME",
	"XDG_STATE_HOME", "DBUS_SESSION_BUS_ADDRESS", "ZEN_PROFILE",
}

// withEnv runs f with the script's environment; one script at a time.
func withEnv(ts *testscript.TestScript, f func() error) error {
	envLock <- struct{}{}
	defer func() { <-envLock }()
	for _, k := range clientEnv {
		old, had := os.LookupEnv(k)
		ts.Check(os.Setenv(k, ts.Getenv(k)))
		defer restore(k, old, had)
	}
	return f()
}

func restore(k, old string, had bool) {
	if had {
		os.Setenv(k, old)
		return
	}
	os.Unsetenv(k)
}

// envLock lets one script at a time own the process's environment.
var envLock = make(chan struct{}, 1)
