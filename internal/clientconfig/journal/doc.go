// Package journal is where zen remembers what it changed in clients' files, and which
// links it made, so that it can be undone. It holds no secret, and no text of a file but
// the names of helpers. It changes nothing but its own two files.
package journal
