// Package paths is the only place that knows where zen keeps its files and socket, and
// how to open them so that nobody else can have put something in their place.
//
// docker-credential-zen links it: it must stay small (no os, fmt or encoding/json).
// Besides zen's own files it reads nothing but the environment, directory metadata and,
// when HOME is not set, /etc/passwd.
package paths
