package logins

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
)

// box is a home of its own.
type box struct {
	t    *testing.T
	dir  string
	vars map[string]string
}

func newBox(t *testing.T) *box {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, dir: dir, vars: map[string]string{}}
	b.vars["HOME"], b.vars["PATH"], b.vars["XDG_RUNTIME_DIR"] = b.at("home"), b.at("bin"), b.at("run")
	for _, sub := range []string{"home", "bin", "run"} {
		if err := os.Mkdir(b.at(sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func (b *box) at(name string) string { return filepath.Join(b.dir, name) }

func (b *box) write(name, text string) {
	b.t.Helper()
	mode := os.FileMode(0o600)
	if strings.HasPrefix(name, "bin/") {
		mode = 0o700
	}
	if err := os.MkdirAll(filepath.Dir(b.at(name)), 0o700); err != nil {
		b.t.Fatal(err)
	}
	longAgo := time.Now().Add(-time.Hour) // a new one is left alone for a while
	if err := errors.Join(os.WriteFile(b.at(name), []byte(text), mode),
		os.Chtimes(b.at(name), longAgo, longAgo)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *box) read(name string) string {
	b.t.Helper()
	text, err := os.ReadFile(b.at(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func (b *box) finder() Finder {
	environ := []string{"PATH=/usr/bin:/bin"}
	for name, value := range b.vars {
		if name != "PATH" {
			environ = append(environ, name+"="+value)
		}
	}
	return Finder{
		Env: clientconfig.Env{
			Getenv: func(name string) string { return b.vars[name] },
			State:  b.at("state"),
			Root:   b.at("root"),
		},
		Environ: environ, Limit: 20 * time.Second,
	}
}

// find returns what is found, and the logins as lines.
func (b *box) find(from ...string) (Found, []string) {
	b.t.Helper()
	found, err := b.finder().Find(b.t.Context(), from)
	if err != nil {
		b.t.Fatal(err)
	}
	var lines []string
	for _, l := range found.Logins {
		lines = append(lines, b.line(l))
	}
	return found, lines
}

func (b *box) line(l *Login) string {
	line := fmt.Sprintf(
		"%s %s %s=>%s %s:%s",
		l.Source,
		strings.TrimPrefix(l.Place(), b.dir+"/"),
		l.Key,
		l.ServerURL,
		l.Username,
		l.Secret.Reveal(),
	)
	if l.Leftover {
		line += " leftover"
	}
	if l.Problem != nil {
		line += " !" + l.Problem.Error()
	}
	return line
}

// helper puts a docker-credential-NAME on PATH that keeps its logins in files: a
// directory for each server, its name with slashes as underscores, and in it "server",
// "user" and "secret".
func (b *box) helper(name string) {
	b.write("bin/docker-credential-"+name, fileHelper(b.at("kept-"+name)))
}

func fileHelper(dir string) string {
	return `#!/bin/sh
# A credential helper for tests.
dir='` + dir + `'
mkdir -p "$dir"
id() { printf %s "$1" | tr / _; }
case "$1" in
list)
	sep='{'
	for d in "$dir"/*/; do
		[ -e "$d/server" ] || continue
		printf '%s"%s":"%s"' "$sep" "$(cat "$d/label" 2>/dev/null || cat "$d/server")" "$(cat "$d/user")"
		sep=,
	done
	[ "$sep" = , ] || printf '{'
	printf '}\n' ;;
get)
	server=$(cat); d="$dir/$(id "$server")"
	[ -e "$d/server" ] || { echo 'credentials not found in native keychain'; exit 1; }
	printf '{"ServerURL":"%s","Username":"%s","Secret":"%s"}\n' "$server" \
		"$(cat "$d/user")" "$(cat "$d/secret")" ;;
erase)
	d="$dir/$(id "$(cat)")"
	[ -e "$d/server" ] || { echo 'credentials not found in native keychain'; exit 1; }
	rm -r "$d" ;;
store)
	in=$(cat)
	field() { printf %s "$in" | sed 's/.*"'"$1"'":"\([^"]*\)".*/\1/'; }
	d="$dir/$(id "$(field ServerURL)")"; mkdir -p "$d"
	field ServerURL > "$d/server"; field Username > "$d/user"; field Secret > "$d/secret" ;;
esac
`
}

// keep gives a helper a login.
func (b *box) keep(name, server, user, secret string) {
	dir := "kept-" + name + "/" + strings.ReplaceAll(server, "/", "_") + "/"
	b.write(dir+"server", server)
	b.write(dir+"user", user)
	b.write(dir+"secret", secret)
}

// auth is the base64 that docker writes.
func auth(username, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
}

func reason(err error) credential.Reason { return credential.ReasonOf(err) }
