package guard

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/adopt"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// look is one look at all files.
type look struct {
	*Guard

	mode  Mode
	found []finding
	again time.Duration
}

// look looks at all files, does what the mode says, and makes known what is still wrong
// then. The result is the time after which something has to be looked at again; 0 if
// nothing has.
func (g *Guard) look(ctx context.Context) time.Duration {
	if err := g.memory.load(); err != nil {
		g.log.Warn("Guard: cannot read what was done before", "error", err)
	}
	l := &look{Guard: g, mode: g.currentMode()}
	if !g.env.HelperInstalled() {
		l.mode = Report // who uninstalled zen wants nobody to ask it
	}
	files, err := g.files()
	if err != nil {
		l.add(finding{
			what: "the clients' files are not all known: " + err.Error(), hint: credential.HintOf(err),
		})
	}
	for _, f := range files {
		if ctx.Err() != nil {
			return 0
		}
		l.file(ctx, f)
		for _, path := range clientconfig.Leftovers(f.target) {
			l.leftover(f, path)
		}
	}
	if ctx.Err() == nil {
		g.publish(l.found)
	}
	return l.again
}

func (l *look) add(f finding) { l.found = append(l.found, f) }

func (l *look) trouble(f file, err error) {
	p := clientconfig.Unread(clientconfig.LoginFile{Client: f.client, Path: f.path}, err)
	l.add(finding{what: p.Message, hint: p.Hint})
}

// forgot reports what could not be remembered: it would be done again after a restart.
func (g *Guard) forgot(err error) {
	if err != nil {
		g.log.Warn("Guard: cannot remember what was done", "error", err)
	}
}

// young is the age up to which a temporary file may still be in use.
const young = time.Minute

// leftover tells of a file that a client left behind with logins in it.
func (l *look) leftover(f file, path string) {
	info, err := os.Stat(path)
	if err != nil {
		return
	}
	if age := l.now().Sub(info.ModTime()); age < young {
		if wait := young - max(age, 0); l.again == 0 || wait < l.again {
			l.again = wait
		}
		return
	}
	p := clientconfig.LeftBehind(clientconfig.LoginFile{Client: f.client, Path: f.path}, path)
	if len(p.Registries) > 0 {
		l.add(finding{what: p.Message, hint: l.where(f, "zen import --remove")})
	}
}

// scene is one file during a look.
type scene struct {
	*look
	file

	kept      []*logins.Login
	now, then *jsonedit.Document // a file in docker's format, as it is and as it will be once it was repaired
	answers   map[*logins.Login]bool
	adopter   *adopt.Adopter
	ready     []*adopt.Item // zen answers with the very same, so that they may go
}

// file looks at one file.
func (l *look) file(ctx context.Context, f file) {
	s := &scene{look: l, file: f, answers: map[*logins.Login]bool{}, adopter: &adopt.Adopter{
		Zen: l.zen, Rule: adopt.KeepProven, State: l.env.State, Now: l.Guard.now,
	}}
	strays, err := s.read(ctx)
	defer s.wipe()
	if err != nil {
		l.trouble(f, err)
		return
	}
	s.forget(ctx, strays)
	todo := s.repairable(ctx, strays)
	if s.docker() {
		if s.then, err = clientconfig.Mend(s.now, todo); err != nil {
			l.trouble(f, err)
			return
		}
	}
	for _, k := range s.kept {
		s.consider(ctx, k)
	}
	repaired := s.repair(ctx, todo)
	s.takeOut(ctx, repaired)
}

// read reads what the file holds.
func (s *scene) read(ctx context.Context) (strays []clientconfig.Stray, err error) {
	if s.logins {
		if s.kept, err = logins.Read(s.client, s.path); err != nil {
			return nil, err
		}
	}
	if s.docker() {
		if s.now, err = clientconfig.ReadDocker(s.path); err != nil {
			return nil, err
		}
	}
	if s.recorded == nil {
		return nil, nil
	}
	return s.env.Strays(ctx, *s.recorded)
}

func (s *scene) wipe() {
	logins.Wipe(s.kept)
	for _, d := range []*jsonedit.Document{s.now, s.then} {
		if d != nil {
			clear(d.Bytes())
		}
	}
}

// forget ends quarrels that a person has settled.
func (s *scene) forget(ctx context.Context, strays []clientconfig.Stray) {
	s.forgot(s.memory.forget(ctx, s.path, func(part string) bool {
		return !slices.ContainsFunc(
			strays,
			func(stray clientconfig.Stray) bool { return stray.Member == part },
		) &&
			!slices.ContainsFunc(s.kept, func(k *logins.Login) bool { return s.place(k).Part == part })
	}))
}

// helper is the one that the client asks for a login's registry, by a document of its
// file if that is in docker's format.
func (s *scene) helper(d *jsonedit.Document, k *logins.Login) string {
	return adopt.HelperOf(s.env, d, k)
}

func (s *scene) asksZen(d *jsonedit.Document, k *logins.Login) bool {
	return clientconfig.IsZen(s.helper(d, k))
}

// profile is the one under which the client will ask zen.
func (s *scene) profile(k *logins.Login) string { return clientconfig.Profile(s.helper(s.then, k)) }

// repairable tells of the strays that are left as they are, and returns the others.
func (s *scene) repairable(ctx context.Context, strays []clientconfig.Stray) (todo []clientconfig.Stray) {
	var left, again []clientconfig.Stray
	for _, stray := range strays {
		i := s.memory.find(place{s.path, stray.Member}, stray.Helper)
		switch {
		case s.mode != Repair && s.mode != Import:
			left = append(left, stray)
		case i >= 0 && !s.news():
			s.forgot(s.memory.again(ctx, i))
			again = append(again, stray)
		default:
			todo = append(todo, stray)
		}
	}
	s.tellStrays(left, "")
	s.tellStrays(again, "; zen already fixed this once, and it was changed back")
	return todo
}

func (s *scene) tellStrays(strays []clientconfig.Stray, why string) {
	if len(strays) == 0 {
		return
	}
	words := []string{"zen setup", strays[0].Client}
	for _, stray := range strays {
		if stray.Registry != "" {
			words = append(words, "--host", safetext.ShellWord(stray.Registry))
		}
	}
	s.add(
		finding{
			file: s.path,
			what: " does not name zen any more: " + strayText(strays, "is"),
			why:  why,
			hint: s.where(s.file, strings.Join(words, " ")),
		},
	)
}

func strayText(strays []clientconfig.Stray, is string) string {
	var all []string
	for _, stray := range strays {
		text := stray.Member + " " + is + " gone"
		if stray.Helper != "" {
			text = stray.Member + " " + is + " " + safetext.Name(stray.Helper)
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// repair makes strays name zen again and reports whether the file is as it will be. It is
// not done when a client would lose a login by it that zen cannot answer for.
func (s *scene) repair(ctx context.Context, todo []clientconfig.Stray) bool {
	if len(todo) == 0 {
		return true
	}
	var lost []string
	for _, k := range s.kept {
		if s.docker() && !s.asksZen(s.now, k) && s.asksZen(s.then, k) && !s.answered(ctx, k) {
			lost = append(lost, registry(k))
		}
	}
	if len(lost) > 0 {
		s.add(finding{
			file: s.path, what: " does not name zen any more: " + strayText(todo, "is"),
			why: "; zen leaves it so, because " + s.client + " would lose its logins: " + strings.Join(
				lost,
				", ",
			), hint: s.where(s.file, "zen import"),
		})
		return false
	}
	done, err := s.env.Repair(ctx, *s.recorded, todo)
	if err != nil {
		s.tellStrays(todo, "; "+err.Error())
		return false
	}
	if len(done) > 0 {
		s.mended[s.path] = nil
		for _, k := range s.kept {
			s.mended[s.path] = append(s.mended[s.path], s.digest(k))
		}
		for _, stray := range done {
			s.forgot(s.memory.did(ctx, place{s.path, stray.Member}, stray.Helper, s.look.now()))
		}
		s.tell(remedy{text: safetext.Name(s.path) + " names zen again: " + strayText(done, "was")})
	}
	return len(done) == len(todo)
}

// answered reports whether zen answers for a login's registry at all.
func (s *scene) answered(ctx context.Context, k *logins.Login) bool {
	if known, ok := s.answers[k]; ok {
		return known
	}
	if k.Useless {
		return true // nobody loses it
	}
	_, err := s.zen.Holds(ctx, s.profile(k), k.ServerURL, k.Credential())
	return err == nil
}

// readersLeft are the logins that left docker's file while podman's family, which reads
// it too, did not ask zen and does not yet. That is looked at each time: nothing changes
// in a guarded file when zen setup podman is run.
func (g *Guard) readersLeft(lately []remedy) (found []finding) {
	if len(g.env.InstalledReaders("podman")) == 0 {
		return nil
	}
	for _, d := range lately {
		if d.file == "" {
			continue
		}
		asked, err := g.env.Asks("podman", d.registry, d.registry.Host())
		if err != nil || len(asked) > 0 && clientconfig.IsZen(asked[0].Helper) {
			continue
		}
		found = append(found, finding{
			file: d.file, what: " is read by podman, skopeo and buildah too, which do not ask zen yet " +
				"for what left it",
			registries: []string{d.registry.String()}, hint: "zen setup podman", since: d.time,
		})
	}
	return found
}
