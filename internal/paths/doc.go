// Package paths is the only place that knows where zen keeps its files and socket.
//
// docker-credential-zen links it: it must stay small (no os, fmt or encoding/json) and reads nothing but the environment,
// directory metadata and, when HOME is not set, /etc/passwd.
package paths
