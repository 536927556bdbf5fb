// Package filewatch tells when something may have changed about files that other programs
// write: by any editor, by rename, by a switched symbolic link, by the end or the return
// of a directory above them. Events only say that it is time to look: what is there is
// for the caller to read, who is called once for a burst of them.
//
// It watches as little as that takes, since whatever the system tells wakes zend. On
// Linux, on the way to each file as the system follows it:
//
//   - of a directory, that it itself is removed, moved or replaced, and nothing that
//     happens in it. So /, /home, /tmp or a home
//     directory do not wake it up, whoever may write there;
//   - of a symbolic link, its end too: a switched link is another link, or the old one
//     moved;
//   - of the file, what is written to it, and its attributes;
//   - of the last directory that is there, which names come and go in it, and their
//     attributes, but not what is written to them.
//     It is the file's, or the one in which the next name of the path is missing;
//   - of the directory above that one, what is removed from it, because a directory that
//     some process works in or has open does
//     not tell of its end before that process leaves it. Directories that everybody writes to
//     (with the sticky bit) are left out.
//
// Each look begins with finding the way anew, so that whatever was missing then becomes a
// watch of its own.
//
// What is not noticed before the next event is what the system tells nobody: a file
// system that is mounted over a directory, what other machines do to a network file
// system, and what a process writes through a memory map. The same goes for an empty
// directory with the sticky bit above it that is removed while a process works in it,
// until that process leaves it.
//
// Other systems are watched through fsnotify, which tells of all that happens in a
// directory: there it is the directories of links, the file's own, and the one above it.
package filewatch
