// Package callers is a module of its own that pins the registry clients and the client
// libraries with which the end-to-end tests try zen, so that their many dependencies are
// none of zen's. `make callers` builds them into .build/callers: docker's command line of
// today, buildx, crane, oras, helm and regctl as their projects have them, and the
// program ask, which calls what these and others are made of: docker-credential-helpers,
// docker's configuration file, oras-go's stores, go-containerregistry's keychains. All
// are built with the versions that go.mod settles on for the whole.
//
// The directory rosetta replaces a module that docker's command line needs for one line
// of `docker version`.
//
// Left out: nerdctl, docker compose's and podman's own modules, which the module proxy
// does not serve whole (podman, skopeo and buildah come from Debian), and buildkitd,
// which needs an engine's privileges of its own; docker's engine has BuildKit in it.
package callers
