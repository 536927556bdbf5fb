// Package bench measures what users wait for: whole runs of docker-credential-zen get,
// beside an empty program and beside docker's own helpers, and of a login through a ZenML
// server beside zenml's own, where those are installed, in turns so that all see the same
// machine. It has no code but its measurements, which run with the build tag bench (make
// bench).
package bench
