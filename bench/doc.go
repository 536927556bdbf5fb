// Package bench measures what users wait for: whole runs of docker-credential-zen get, beside an empty program and beside
// docker's own helpers where they are installed, in turns so that all see the same machine. It has no code but its
// measurements, which run with the build tag bench (make bench).
package bench
