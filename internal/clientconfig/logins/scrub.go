package logins

import (
	"context"
	"os"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

// Scrub takes logins out of their file, all in one change: the members that hold their
// secrets, and nothing else. What another program changed since it was read stays, and is
// returned.
func Scrub(ctx context.Context, file string, list []*Login) (stay []*Login, err error) {
	_, err = fileedit.Edit(ctx, file, func(before fileedit.Content) (fileedit.Content, error) {
		stay = nil
		if !before.Exists {
			return before, nil
		}
		d, err := list[0].format.Parse(file, before.Data)
		if err != nil {
			return before, err
		}
		for _, l := range list {
			next, done, err := l.takeOut(d)
			if err != nil {
				return before, err
			}
			if d = next; !done {
				stay = append(stay, l)
			}
		}
		return fileedit.Content{Data: d.Bytes(), Exists: true}, nil
	})
	return stay, err
}

// takeOut removes the login from a document. An entry that is gone already counts as
// done, one that holds something else by now does not.
func (l *Login) takeOut(d *jsonedit.Document) (*jsonedit.Document, bool, error) {
	now := &Login{Key: l.Key, format: l.format}
	if !l.format.read(d, now) {
		return d, true, nil
	}
	defer now.Secret.Wipe()
	if !l.Same(now) {
		return d, false, nil
	}
	var err error
	for _, name := range now.members {
		if d, _, err = d.Remove(l.format.Path(l.Key, name)...); err != nil {
			return d, false, err
		}
	}
	if !l.format.Marker && len(d.Keys(l.format.Path(l.Key)...)) == 0 {
		d, _, err = d.Remove(l.format.Path(l.Key)...)
	}
	return d, err == nil, err
}

// RemoveLeftover deletes the file that a client left behind and that l was in, if no
// login is in it any more.
func (l *Login) RemoveLeftover() error {
	d, err := l.format.open(l.File)
	if err != nil || d == nil {
		return err
	}
	left := l.format.logins(l.Client, l.File, d)
	defer Wipe(left)
	if len(left) > 0 {
		return nil
	}
	if err := os.Remove(l.File); err != nil {
		return &credential.Error{Reason: credential.CannotWrite, Message: "cannot remove a " +
			"file: " + err.Error(), Cause: err}
	}
	return nil
}

// Restore writes the login into its file again, in plain text, as its client would have.
// It is not done when the entry holds a login by now.
func (l *Login) Restore(ctx context.Context) (done bool, err error) {
	f := formatOf(l.Client, l.File)
	_, err = fileedit.Edit(ctx, l.File, func(before fileedit.Content) (fileedit.Content, error) {
		d, err := f.Parse(l.File, before.Data)
		if err != nil {
			return before, err
		}
		now := &Login{Key: l.Key, format: f}
		if f.read(d, now) {
			done = l.Same(now)
			now.Secret.Wipe()
			return before, nil
		}
		if d, err = l.putBack(f, d); err != nil {
			return before, err
		}
		done = true
		return fileedit.Content{Data: d.Bytes(), Exists: true}, nil
	})
	return done && err == nil, err
}

func (l *Login) putBack(f format, d *jsonedit.Document) (*jsonedit.Document, error) {
	set := func(name string, value []byte) (err error) {
		defer clear(value)
		text := safejson.AppendString(nil, value)
		defer clear(text)
		d, _, err = d.Set(string(text), f.Path(l.Key, name)...)
		return err
	}
	var err error
	switch {
	case l.IsToken():
		err = set(f.Token, l.Secret.Clone().Reveal())
	case f.Auth != "":
		err = set(f.Auth, encodeAuth(l.Username, l.Secret))
	default:
		if err = set(f.User, []byte(l.Username)); err == nil {
			err = set(f.Password, l.Secret.Clone().Reveal())
		}
	}
	return d, err
}
