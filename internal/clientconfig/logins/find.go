package logins

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// stores are the helpers to move logins from: what one that makes them anew answers is
// worth nothing an hour later.
func stores() []string { return clientconfig.Stores() }

// Sources are the places that can be looked into, in the order in which they are: where
// the same registry is found twice, the first one counts.
func Sources() []string {
	return append(clientconfig.Sources(), stores()...)
}

// desktopKept is where Docker Desktop's helper kept logins; that stays when Docker
// Desktop goes.
func desktopKept(goos string) string {
	if goos == "darwin" {
		return "osxkeychain"
	}
	return "pass"
}

// Finder looks for logins. Only Env is needed.
type Finder struct {
	Env     clientconfig.Env
	Environ []string      // of the helpers; nil: the process's own
	Limit   time.Duration // of one call of a helper; 0: a minute
}

// Found is what there is.
type Found struct {
	Logins   []*Login
	Failures []*Login // stand for places that could not be looked into; only Problem says more
	Notes    []Note
}

// Note is something a person should know, and what to type.
type Note struct{ Message, Hint string }

// named is a helper that a client's configuration names.
type named struct {
	name string   // "pass", "desktop.exe"
	file string   // where
	keys []string // registries whose logins it should have; there may be others
}

// search is one run of Find.
type search struct {
	Finder

	from  []string // nil: everything
	found Found
	named []named
	zen   []string // files of docker-credential-zen
}

// Find looks into the sources named, or into all when there are none. Secrets in files
// are read; helpers are only asked for their lists, which says nothing secret. The error
// is that the environment makes no sense.
func (f Finder) Find(ctx context.Context, from []string) (Found, error) {
	s := &search{Finder: f, from: from}
	files, err := f.Env.LoginFiles()
	if err != nil {
		return Found{}, err
	}
	seen := map[string]bool{}
	var old []clientconfig.LoginFile
	for _, file := range files {
		target, err := fileedit.Resolve(file.Path)
		if err != nil || seen[target] {
			continue
		}
		seen[target] = true
		s.file(file.Client, file.Path, false)
		for _, path := range clientconfig.Leftovers(target) {
			old = append(old, clientconfig.LoginFile{Client: file.Client, Path: path})
		}
	}
	for _, file := range old { // after all that is in use
		s.file(file.Client, file.Path, true)
	}
	s.helpers(ctx)
	return s.found, context.Cause(ctx)
}

func (s *search) wants(source string) bool {
	return len(s.from) == 0 || slices.Contains(s.from, source)
}

// file reads one file: its logins, and the helpers that it names.
func (s *search) file(client, path string, leftover bool) {
	f := formatOf(client, path)
	d, err := f.open(path)
	if d == nil && err == nil {
		return
	}
	wanted := s.wants(f.Source)
	if err != nil {
		if wanted {
			s.found.Failures = append(s.found.Failures, &Login{
				Source: f.Source, File: path, Problem: err,
			})
		}
		return
	}
	if f.Helpers && !leftover {
		s.names(path, d)
	}
	if !wanted {
		return
	}
	list := f.logins(client, path, d)
	if leftover {
		for _, l := range list {
			l.Client, l.Leftover = "", true
		}
		s.noteLeftover(path, list)
	}
	s.found.Logins = append(s.found.Logins, list...)
}

func (s *search) noteLeftover(path string, list []*Login) {
	if len(list) == 0 {
		s.note(safetext.Name(path)+" was left behind by a client that was interrupted; it holds no "+
			"login", "rm "+safetext.Name(path))
	}
}

func (s *search) note(message, hint string) {
	s.found.Notes = append(s.found.Notes, Note{message, hint})
}

// names notes the helpers that a file in docker's format names, and the registries that
// they serve as far as it says.
func (s *search) names(path string, d *jsonedit.Document) {
	add := func(name, key string) {
		if name == "" || clientconfig.IsZen(name) {
			return
		}
		i := slices.IndexFunc(s.named, func(n named) bool { return n.name == name && n.file == path })
		if i < 0 {
			i = len(s.named)
			s.named = append(s.named, named{name: name, file: path})
		}
		if key != "" && !slices.Contains(s.named[i].keys, key) {
			s.named[i].keys = append(s.named[i].keys, key)
		}
	}
	store, _ := d.Text("credsStore")
	add(store, "")
	for _, key := range d.Keys("credHelpers") {
		name, _ := d.Text("credHelpers", key)
		add(name, key)
	}
	for _, key := range d.Keys("auths") { // markers of docker login
		add(clientconfig.HelperFor(d, key), key)
	}
}

// helpers asks the helpers: those that are named by a configuration or by the user, and
// those that are simply there.
func (s *search) helpers(ctx context.Context) {
	if zen := s.Env.FindHelper("zen"); zen != "" {
		s.zen = append(s.zen, zen)
	}
	asked := map[string]bool{}
	for _, n := range s.named {
		source := strings.TrimSuffix(n.name, ".exe")
		switch {
		case !slices.Contains(stores(), source):
			if len(s.from) == 0 {
				s.note(
					"docker-credential-"+n.name+" stays in charge where "+safetext.Name(
						n.file,
					)+" names it: what it hands out is "+
						"made anew each time, or kept where zen does not know how to take it from",
					"",
				)
			}
		case !s.wants(source) && (source != "desktop" || !s.wants(desktopKept(runtime.GOOS))):
		case source == "desktop" && s.Env.FindHelper(n.name) == "":
			asked[n.name] = true
			s.desktopGone(ctx, n, asked)
		case s.wants(source) && !asked[n.name]:
			asked[n.name] = true
			s.ask(ctx, source, n.name, s.keysOf(n.name), true)
		}
	}
	for _, source := range stores() {
		explicit := slices.Contains(s.from, source)
		for _, name := range []string{source, source + ".exe"} { // the latter are Windows programs in WSL
			there := s.Env.FindHelper(name) != ""
			if s.wants(source) && !asked[name] &&
				(there || explicit && name == source && s.Env.FindHelper(name+".exe") == "") {
				used := explicit || slices.ContainsFunc(s.named, func(n named) bool { return n.name == name })
				s.ask(ctx, source, name, s.keysOf(name), used)
			}
		}
	}
}

// keysOf are the registries that configurations leave to a helper.
func (s *search) keysOf(name string) (keys []string) {
	for _, n := range s.named {
		if n.name == name {
			keys = append(keys, n.keys...)
		}
	}
	return keys
}

// desktopGone is for a configuration that Docker Desktop left behind: its helper went
// with it, what that kept did not.
func (s *search) desktopGone(ctx context.Context, n named, asked map[string]bool) {
	kept := desktopKept(runtime.GOOS)
	s.note(safetext.Name(n.file)+" still names docker-credential-"+n.name+", which went away with Docker "+
		"Desktop; what it kept is looked for "+
		"with docker-credential-"+kept, "zen setup docker")
	s.named = append(s.named, named{name: kept, file: n.file, keys: n.keys})
	if !asked[kept] {
		asked[kept] = true
		s.ask(ctx, kept, kept, s.keysOf(kept), s.Env.FindHelper(kept) != "")
	}
}

// ask lists the logins of a helper. What goes wrong with one that nobody named is not a
// failure: it may never have been used.
func (s *search) ask(ctx context.Context, source, name string, keys []string, used bool) {
	h := s.helper(source, name)
	if h.path != "" && s.isZen(h.path) {
		return
	}
	if !used && source == "secretservice" && !hasBus(s.Env) {
		return // as on every machine without a desktop
	}
	list, err := h.listIfPossible(ctx, s.Env)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil && len(list) > 0: // found another way
	case err != nil && used:
		s.found.Failures = append(s.found.Failures, &Login{
			Source: source, Helper: h.program, Problem: err,
		})
	case err != nil:
		s.note(err.Error()+"; no configuration names it, so it is passed over", "")
	}
	for _, key := range keys {
		if l := h.login(key); h.path != "" && l.Problem == nil &&
			!slices.ContainsFunc(list, func(o *Login) bool { return o.Address == l.Address }) {
			list = append(list, l)
		}
	}
	s.found.Logins = append(s.found.Logins, list...)
}

// isZen reports whether a helper is docker-credential-zen under another name: importing
// from it would end with erasing what was imported.
func (s *search) isZen(path string) bool {
	if real, err := filepath.EvalSymlinks(path); err == nil &&
		strings.HasPrefix(filepath.Base(real), "docker-credential-zen") {
		return true
	}
	info, err := os.Stat(path)
	return err == nil && slices.ContainsFunc(s.zen, func(zen string) bool {
		other, err := os.Stat(zen)
		return err == nil && os.SameFile(info, other)
	})
}

// helper is the one called name, which need not exist.
func (f Finder) helper(source, name string) *helper {
	h := &helper{
		source: source, program: "docker-credential-" + name, path: f.Env.FindHelper(name),
		environ: f.Environ, limit: f.Limit,
	}
	if h.environ == nil {
		h.environ = os.Environ()
	}
	if h.limit == 0 {
		h.limit = helperTime
	}
	return h
}

func (h *helper) missing() error {
	return credential.NewError(credential.Unavailable, h.program+" is not on PATH", "install it again, "+
		"or put it on PATH")
}

// listIfPossible does not execute what could only fail. Without a bus libsecret would
// start one.
func (h *helper) listIfPossible(ctx context.Context, env clientconfig.Env) ([]*Login, error) {
	if h.path == "" {
		return nil, h.missing()
	}
	if h.source == "secretservice" && !hasBus(env) {
		return nil, credential.NewError(credential.Unavailable, h.program+" cannot be asked: there is no "+
			"D-Bus session here",
			"run zen import in your desktop session")
	}
	list, err := h.list(ctx)
	if err != nil && h.source == "pass" {
		list = h.passList()
	}
	return list, err
}

// hasBus reports whether there is a session bus that libsecret finds.
func hasBus(env clientconfig.Env) bool {
	if env.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return true
	}
	dir := env.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, "bus"))
	return err == nil
}
