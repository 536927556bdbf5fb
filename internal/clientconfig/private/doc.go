// Package private lets the docker and podman of one process ask zen, by configuration
// files in a directory of zen's own and variables that name them. It changes none of the
// user's files.
package private
