package selftest

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// ChildArgument is the hidden first argument with which the zen command becomes the
// registry client of a self-test: it calls ChildMain with the arguments that follow.
const ChildArgument = "__selftest"

const (
	verbPush = "push"
	verbPull = "pull"
)

// Exit statuses of the child. exitRefused must differ from what a crashed or missing
// program gives.
const (
	exitOK      = 0
	exitError   = 1
	exitRefused = 43
)

// ChildMain pushes a random image or pulls one, with credentials from the default
// keychain of the environment, and prints the image's digest. Its arguments are "push" or
// "pull", and a reference.
func ChildMain(args []string, stdout, stderr io.Writer) int {
	if len(args) != 2 {
		fmt.Fprintln(stderr, "usage: push|pull REFERENCE")
		return exitError
	}
	digest, err := transfer(args[0], args[1])
	if err == nil {
		fmt.Fprintln(stdout, digest)
		return exitOK
	}
	fmt.Fprintln(stderr, err)
	if e, ok := errors.AsType[*transport.Error](err); ok && e.StatusCode == http.StatusUnauthorized {
		return exitRefused
	}
	return exitError
}

func transfer(verb, reference string) (digest v1.Hash, err error) {
	ref, err := name.ParseReference(reference, name.StrictValidation)
	if err != nil {
		return digest, err
	}
	// Never through a proxy: the registry is on this machine.
	direct := remote.DefaultTransport.(*http.Transport).Clone()
	direct.Proxy = nil
	options := []remote.Option{
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
		remote.WithTransport(direct),
	}
	if verb == verbPush {
		return push(ref, options)
	}
	img, err := remote.Image(ref, options...)
	if err != nil {
		return digest, err
	}
	return img.Digest()
}

func push(ref name.Reference, options []remote.Option) (digest v1.Hash, err error) {
	img, err := random.Image(1024, 1)
	if err != nil {
		return digest, err
	}
	if err := remote.Write(ref, img, options...); err != nil {
		return digest, err
	}
	return img.Digest()
}
