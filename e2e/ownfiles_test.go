//go:build e2e && linux

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A FIFO in the place of any file keeps nobody waiting.
func TestFIFOInThePlaceOfAFile(t *testing.T) {
	for _, name := range []string{
		".local/share/zen/vault.json", ".local/share/zen/vault.json.prev",
		".local/share/zen/vault.json.writer",
		".local/share/zen/vault.json.locked", ".local/share/zen/hosts", ".local/state/zen/zend.log",
		".local/state/zen/audit.jsonl",
		".local/state/zen/guard.json", ".local/state/zen/imported.json", ".local/state/zen/setup/undo.json",
		".local/state/zen/setup/links.json", ".config/zen/config.toml", "run/zen/zend.lock",
		"run/zen/spawn.lock", ".docker/config.json",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHomeFor(t, nobody)
			path := h.path(name)
			h.mkdirs(filepath.Dir(path))
			h.check(unix.Mkfifo(path, 0o600))
			h.check(os.Lchown(path, nobody, nobody))
			isFIFO := func() bool {
				info, err := os.Lstat(path)
				return err == nil && info.Mode().Type() == os.ModeNamedPipe
			}
			t.Cleanup(func() {
				if isFIFO() {
					os.Remove(path) // the home's end reads what is left
				}
			})
			h.unknownIsNotFound()
			for _, args := range [][]string{
				{"status"},
				{"doctor", "--start"},
				{"setup", "docker"},
				{"setup", "docker", "--undo"},
				{"import", "--dry-run"},
				{"audit"},
			} {
				if r := h.zen(args...); r.elapsed > 5*time.Second {
					t.Errorf("zen %s takes %v:\n%s", strings.Join(args, " "), r.elapsed, r)
				}
			}
			store := h.helper(
				"store",
				`{"ServerURL":"known.example","Username":"alice","Secret":"the-secret"}`,
			)
			if store.elapsed > 5*time.Second {
				t.Errorf("a login takes %v:\n%s", store.elapsed, store)
			}
			h.unknownIsNotFound()
			said := store.stdout + store.stderr
			if store.code != 0 && !strings.Contains(said, "is not a regular file") &&
				!strings.Contains(said, "zen vault restore") {
				t.Errorf("nobody says what is in the way:\n%s", store)
			}
		})
	}
}

// Root has the environment of another user, as by sudo -E or su: nothing is made in that
// user's directories, nor wherever links in them lead, and root learns whose they are and
// what to type.
func TestRootWithAnotherUsersDirectories(t *testing.T) {
	for _, variable := range []string{"XDG_DATA_HOME", "XDG_STATE_HOME"} {
		for _, made := range []bool{true, false} {
			t.Run(variable, func(t *testing.T) {
				h := newHome(t)
				theirs := h.path("theirs")
				h.check(os.Mkdir(theirs, 0o777))
				h.check(os.Chmod(theirs, 0o777))
				h.check(os.Chown(theirs, nobody, nobody))
				if made {
					h.check(os.Mkdir(theirs+"/zen", 0o777))
					for _, name := range []string{
						"vault.json.writer", "vault.json.locked", "vault.json",
						"hosts", "zend.log", "audit.jsonl", "guard.json",
					} {
						h.check(os.Symlink(h.path("planted-"+name), theirs+"/zen/"+name))
					}
					h.check(os.Chown(theirs+"/zen", nobody, nobody))
				}
				before, err := filepath.Glob(theirs + "/*/*")
				h.check(err)
				h.env[variable] = theirs
				r := h.helper(
					"store",
					`{"ServerURL":"known.example","Username":"alice","Secret":"the-secret"}`,
				)
				status := h.zen("status")
				if variable == "XDG_DATA_HOME" {
					if said := r.stdout + r.stderr; r.code == 0 || !strings.Contains(said, "belongs to "+
						"user 65534") || !strings.Contains(said, "unset XDG_DATA_HOME") {
						t.Errorf("store:\n%s", r)
					}
				}
				if said := status.stdout + status.stderr; !strings.Contains(said, "belongs to user "+
					"65534") || !strings.Contains(said, "unset "+variable) {
					t.Errorf("zen status:\n%s", status)
				}
				h.zen("setup", "docker")
				h.zen("lock")
				h.unknownIsNotFound()
				after, err := filepath.Glob(theirs + "/*/*")
				planted, err2 := filepath.Glob(h.path("planted-*"))
				h.check(errors.Join(err, err2))
				if strings.Join(before, " ") != strings.Join(after, " ") || len(planted) > 0 {
					t.Errorf("made %q, %q", after, planted)
				}
				if _, err := os.Lstat(theirs + "/zen"); !made && err == nil {
					t.Error("a directory was made in another user's")
				}
				if with := h.filesWith("the-secret"); len(with) > 0 {
					t.Errorf("the secret is in %s", with)
				}
			})
		}
	}
}
