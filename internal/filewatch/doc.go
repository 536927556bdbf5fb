// Package filewatch tells when something may have changed about files that other programs write: by any editor, by rename, by
// a switched symbolic link, by the end or the return of a directory above them.
//
// It watches directories, since whoever replaces a file takes the watch on it along, and it watches every name on the way that
// a path leads, as the system follows it. Events only say that it is time to look: what is there is for the caller to read, who
// is called once for a burst of them.
package filewatch
