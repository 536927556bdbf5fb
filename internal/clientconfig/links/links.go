// Package links makes and removes the names of their own under which clients execute
// docker-credential-zen for a profile: links on PATH. It touches no client's file.
package links

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/journal"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/execsafe"
	"github.com/zen-agent/zen/internal/safetext"
)

// Links are the links on this machine.
type Links struct{ clientconfig.Env }

// Make makes sure that clients find the helper of a profile, on PATH: in the directory of
// docker-credential-zen, else in one below the user's home. It returns what it made, or
// would make; nil if there is one already.
func (k Links) Make(ctx context.Context, profile string, dryRun bool) (*journal.Link, error) {
	helper, err := clientconfig.HelperOf(profile)
	if err != nil {
		return nil, err
	}
	zen := k.FindHelper(clientconfig.Helper)
	if zen == "" {
		zen = k.HelperBeside()
	}
	if zen == "" {
		w := k.HelperAbsent()
		return nil, credential.NewError(credential.NoSuchEntity, w.Message, w.Hint)
	}
	if found := k.FindHelper(helper); found != "" {
		if !clientconfig.SameFile(found, zen) {
			return nil, credential.NewError(
				credential.Exists,
				safetext.Name(found)+" is not "+safetext.Name(zen),
				"rm "+safetext.ShellWord(found),
			)
		}
		return nil, nil
	}
	name := "docker-credential-" + helper + clientconfig.ExeSuffix
	dirs := k.dirs(zen)
	if len(dirs) == 0 {
		return nil, credential.NewError(
			credential.CannotWrite,
			"no directory on PATH can hold "+name,
			"sudo ln -s "+safetext.ShellWord(filepath.Base(zen))+" "+safetext.ShellWord(
				filepath.Join(filepath.Dir(zen), name),
			),
		)
	}
	l := &journal.Link{Profile: profile, Path: filepath.Join(dirs[0], name), Target: zen}
	if dirs[0] == filepath.Dir(zen) {
		l.Target = filepath.Base(zen)
	}
	if _, err := os.Lstat(l.Path); err == nil {
		return nil, credential.NewError(credential.Exists, safetext.Name(l.Path)+" is in the way: it "+
			"leads to no program",
			"rm "+safetext.ShellWord(l.Path))
	}
	if dryRun {
		return l, nil
	}
	return l, k.make(ctx, l)
}

// dirs are the directories of PATH into which the user can put a link, and only the
// user below the home directory.
func (k Links) dirs(zen string) []string {
	list := k.Path()
	home, err := k.Home()
	if i := slices.Index(list, filepath.Dir(zen)); i >= 0 {
		list = append([]string{list[i]}, list...)
	}
	return slices.DeleteFunc(list, func(dir string) bool {
		below := err == nil && strings.HasPrefix(dir, home+string(filepath.Separator)) &&
			execsafe.Directory(dir) == nil
		return dir != filepath.Dir(zen) && !below || !writable(dir)
	})
}

// make remembers a link before it is made: a memory of one that is not there does no
// harm.
func (k Links) make(ctx context.Context, l *journal.Link) error {
	if err := journal.In(k.State).AddLink(ctx, *l); err != nil {
		return err
	}
	err := os.Symlink(l.Target, l.Path)
	if err == nil {
		return nil
	}
	_ = journal.In(k.State).DropLink(ctx, *l)
	return &credential.Error{
		Reason: credential.CannotWrite, Message: "the link cannot be made: " + err.Error(), Cause: err,
		Hint: "make it yourself: ln -s " + safetext.ShellWord(l.Target) + " " + safetext.ShellWord(l.Path),
	}
}

// RemoveUnused removes the links that zen made and that no client's configuration names any
// more, and returns them. In a dry run the files of the reports count as what they would
// be.
func (k Links) RemoveUnused(
	ctx context.Context, undone []*clientconfig.Report, dryRun bool,
) ([]journal.Link, error) {
	list, err := journal.In(k.State).Links()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	goes := func(r *clientconfig.Report, file string) bool { return r.Changed && r.Target == file }
	named, err := k.HelpersNamed(func(file string) bool {
		return dryRun &&
			slices.ContainsFunc(undone, func(r *clientconfig.Report) bool { return goes(r, file) })
	})
	if err != nil {
		return nil, nil // a file that cannot be read may name any of them: they stay
	}
	var removed []journal.Link
	for _, l := range list {
		if helper, err := clientconfig.HelperOf(l.Profile); err != nil || slices.Contains(named, helper) {
			continue
		}
		text, err := os.Readlink(l.Path)
		ours := err == nil && text == l.Target
		switch {
		case dryRun:
		case ours:
			err = k.Remove(ctx, l)
		default:
			err = journal.In(k.State).DropLink(ctx, l)
		}
		if !dryRun && err != nil {
			return removed, err
		}
		if ours {
			removed = append(removed, l)
		}
	}
	return removed, nil
}

// Remove removes a link that Make made.
func (k Links) Remove(ctx context.Context, l journal.Link) error {
	if err := os.Remove(l.Path); err != nil {
		return &credential.Error{
			Reason: credential.CannotWrite, Message: "the link cannot be removed: " + err.Error(), Cause: err,
			Hint: "sudo rm " + safetext.ShellWord(l.Path),
		}
	}
	return journal.In(k.State).DropLink(ctx, l)
}

// writable reports whether the user can put files into dir.
func writable(dir string) bool { return unix.Access(dir, unix.W_OK|unix.X_OK) == nil }
