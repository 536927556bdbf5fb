package clientconfig

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/clientconfig/strict"
	"github.com/zen-agent/zen/internal/safetext"
)

// inspect tells what an edit of a file means for the logins that exist.
func (s *setup) inspect(before, after *jsonedit.Document) {
	r := s.report
	for _, l := range FormatOf("docker", s.target).plaintext(before) {
		r.Plaintext = append(r.Plaintext, l.name)
		if helperFor(before, l.key) == "" && helperFor(after, l.key) != "" {
			r.Hidden = append(r.Hidden, l.name)
		}
	}
	if len(r.Hidden) > 0 {
		r.warn(s.whose+" no longer uses the logins that "+safetext.Name(s.target)+" holds in plain text: "+
			strings.Join(r.Hidden, ", "), takeOut(LoginFile{s.whose, s.target}))
	}
	s.inspectOthers(before, after)
	for _, p := range (diagnosis{s.env}).document(LoginFile{s.whose, s.target}, after) {
		p.Registries = slices.DeleteFunc(p.Registries, func(name string) bool {
			return slices.Contains(r.Hidden, name)
		})
		switch {
		case p.Kind == PlainText && len(p.Registries) > 0:
			r.warn(storesInPlainText(s.target, p.Registries), takeOut(LoginFile{s.whose, s.target}))
		case p.Kind == Unreadable, p.Kind == BadEntry, p.Kind == OtherHelper:
			r.warn(p.Message, p.Hint)
		}
	}
}

// moveIn is how what clients and helpers keep comes into zen.
const moveIn = "move them into the vault: zen import"

// Stores are the helpers that keep what they are given, as opposed to those that make
// credentials anew.
func Stores() []string { return []string{"secretservice", "pass", "osxkeychain", "wincred", "desktop"} }

// moveFrom says how the logins that a helper keeps come into zen.
func moveFrom(helper string) string {
	if slices.Contains(Stores(), strings.TrimSuffix(helper, ".exe")) {
		return moveIn + "; or go back: zen setup --undo"
	}
	return "log in again through zen, or go back: zen setup --undo"
}

// keepsNothing reports whether a helper is known to have no logins: -pass keeps them in a
// directory (docker-credential-helpers, pass.go).
func (e Env) keepsNothing(helper string) bool {
	if helper != "pass" {
		return false
	}
	store := e.Getenv("PASSWORD_STORE_DIR")
	if store == "" {
		home, err := e.Home()
		if err != nil {
			return false
		}
		store = filepath.Join(home, ".password-store")
	}
	_, err := os.Stat(filepath.Join(store, "docker-credential-helpers"))
	return os.IsNotExist(err)
}

// inspectOthers tells of helpers that were used until now, or go on being used.
func (s *setup) inspectOthers(before, after *jsonedit.Document) {
	r, name := s.report, s.whose
	store, _ := before.Text(credsStore)
	if store == "" && !containsAuth(before) {
		store = s.env.detected()
	}
	now, _ := after.Text(credsStore)
	switch {
	case store == "" || IsZen(store) || now == store:
	case IsZen(now) && s.env.keepsNothing(store):
	case IsZen(now):
		r.warn("docker-credential-"+safetext.Name(store)+" served all registries until now, and is not "+
			"asked for the logins it keeps any more",
			moveFrom(store))
	case now == "":
		r.warn(name+" used docker-credential-"+safetext.Name(store)+" by itself as long as its "+
			"configuration named no helper; "+
			"from now on it writes logins to all other registries into the file in plain "+
			"text", "zen setup "+name)
	}
}

func (r *Report) warn(message, hint string) {
	r.Warnings = append(r.Warnings, Warning{Message: message, Hint: hint})
}

// containsAuth reports whether docker looks for no helper by itself
// (configfile.ContainsAuth).
func containsAuth(d *jsonedit.Document) bool {
	store, _ := d.Text(credsStore)
	return store != "" || len(d.Keys(credHelpers)) > 0 || len(d.Keys(auths)) > 0
}

// detected is the helper docker picks when its configuration names none (docker/cli,
// credentials.DetectDefaultStore).
func (e Env) detected() string {
	store := ""
	switch runtime.GOOS {
	case "linux":
		store = "secretservice"
		if e.find("pass") != "" {
			store = "pass"
		}
	case "darwin":
		store = "osxkeychain"
	}
	if store == "" || e.find("docker-credential-"+store) == "" {
		return ""
	}
	return store
}

// surroundings tells what outside the file keeps the client from asking zen, and asked,
// if that is another client that reads it.
func (c bound) surroundings(asked Client, r *Report) {
	kinds := []Kind{HelperAbsent, HelperOther, HelperUnsafe, InVariable, Overridden}
	if c.own { // what is wrong with a file in docker's format was reported with the edit
		kinds = append(kinds, Unreadable)
	}
	list := Of(c.Diagnose(c.Name), kinds...)
	if asked.Name != c.Name {
		list = append(list, Of(c.Diagnose(asked.Name), PlainText)...)
	}
	for _, p := range list {
		r.Warnings = append(r.Warnings, p.Warning)
	}
	if foreign(filepath.Dir(r.Target)) {
		r.warn(safetext.Name(filepath.Dir(r.Target))+" belongs to another user",
			"run zen as that user, without sudo")
	}
}

// shadowed are the registries of DOCKER_AUTH_CONFIG; none when docker refuses it.
func (e Env) shadowed() (hosts []string) {
	keys, _ := strict.AuthConfig(e.Getenv("DOCKER_AUTH_CONFIG"))
	for _, key := range keys {
		hosts = append(hosts, loginOf(key).name)
	}
	slices.Sort(hosts)
	return hosts
}
