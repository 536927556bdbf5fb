// Package strict knows what the clients' own code refuses in files that are fit to be
// edited: types, and credentials that cannot be decoded. It reads no files, and its
// messages hold no value of one.
package strict
