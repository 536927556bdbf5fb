// Package fileedit changes small files that belong to other programs, so that nothing of
// theirs is lost: it follows symbolic links, keeps mode and owner, writes beside the file
// and renames, and looks whether somebody else wrote in between. It must not know what
// the files mean.
//
// The usual atomic-write packages (renameio among them) have no answer to that last
// point: docker, podman and helm rewrite their files by rename without any lock. Here a
// file is written only when nobody else has written it for a while. The new one is
// exchanged with the old one where the system can do that, and if the one that came out
// is not the one the change was made from, it is put back, unless something newer is in
// its place, and the change made anew.
package fileedit
