package doctor_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/doctor"

	"github.com/zen-agent/zen/internal/paths"
)

// broken is one set-up and what a check says about it.
type broken struct {
	check string
	name  string
	setup func(*machine)
	want  []string
}

func secret() string {
	return `{"auth": "` + base64.StdEncoding.EncodeToString([]byte("alice:"+canary)) + `"}`
}

func setUps() []broken {
	return slices.Concat(systemSetUps(), zendSetUps(), helperSetUps(), clientSetUps(), plaintextSetUps())
}

func systemSetUps() []broken {
	other := func(m *machine) { m.facts.UID++ }
	return []broken{
		{"user", "all is well", nil, []string{"ok: zen runs as alice, whose home directory is DIR/home"}},
		{"user", "no HOME", func(m *machine) { m.env["HOME"] = "" }, []string{
			"warning: HOME is not set: clients look for their configuration elsewhere, or nowhere => " +
				"export HOME=~",
		}},
		{"user", "HOME is not there", func(m *machine) { m.env["HOME"] = "/no/such" }, []string{
			"warning: HOME is /no/such, which does not exist => mkdir -m 700 /no/such",
		}},
		{"user", "somebody else's HOME", other, []string{
			"problem: HOME is DIR/home, which is alice's, and zen runs as  => set HOME to your own home " +
				"directory",
		}},
		{"user", "sudo that keeps HOME", func(m *machine) { m.sudo(1000) }, []string{
			"problem: sudo left HOME at DIR/home, which is bob's: clients read the configuration there, " +
				"but root has a zend and logins " +
				"of its own => run zen and docker without sudo",
		}},
		{"user", "sudo that sets HOME", func(m *machine) { m.sudo(0) }, []string{
			"warning: zen runs as root by sudo: root has a zend and logins of its own, none of bob's => " +
				"run zen and docker without sudo, or log in for root too: sudo zen login NAME",
		}},
		{
			"user",
			"root in a container",
			func(m *machine) { m.sudo(1000); delete(m.env, "SUDO_USER") },
			[]string{
				"warning: HOME is DIR/home, which is bob's, and zen runs as root => export HOME=/root",
			},
		},

		{"directories", "not made yet", nil, []string{"ok: the vault is in DIR/zen/data, the logs are in " +
			"DIR/zen/state"}},
		{"directories", "there are none", func(m *machine) {
			m.facts.DirsErr = credential.NewError(credential.InvalidInput, "HOME is not set to an "+
				"absolute path", "set HOME")
		}, []string{"problem: HOME is not set to an absolute path => set HOME"}},
		{
			"directories",
			"open to all",
			func(m *machine) { m.mkdir("run/zen"); m.chmod("run/zen", 0o755) },
			[]string{
				"problem: DIR/run/zen can be read by other users => chmod 700 DIR/run/zen",
			},
		},
		{"directories", "a link to an open directory", func(m *machine) {
			m.mkdir("elsewhere")
			m.chmod("elsewhere", 0o755)
			if err := os.Symlink("../elsewhere", m.at("zen/data")); err != nil {
				m.t.Fatal(err)
			}
		}, []string{"problem: DIR/zen/data can be read by other users => chmod 700 DIR/zen/data"}},
		{"directories", "a link to a directory of the user's", func(m *machine) {
			m.mkdir("elsewhere")
			m.chmod("elsewhere", 0o700)
			if err := os.Symlink("../elsewhere", m.at("zen/data")); err != nil {
				m.t.Fatal(err)
			}
		}, []string{"ok: the vault is in DIR/zen/data, the logs are in DIR/zen/state"}},
		{"directories", "read-only", func(m *machine) {
			m.mkdir("zen/state")
			m.facts.System.Writable = func(path string) bool { return !strings.HasPrefix(path, m.at("zen")) }
		}, []string{
			"problem: DIR/zen/data cannot be made: nothing can be written to DIR/zen => ls -ld DIR/zen",
			"problem: DIR/zen/state cannot be written to => ls -ld DIR/zen/state",
		}},
		{"directories", "disk full", func(m *machine) {
			m.facts.System.Free = func(path string) (uint64, bool) { return 4096, path == m.at("zen") }
		}, []string{
			"problem: the disk of DIR/zen/data is full => make room: df -h DIR/zen",
			"problem: the disk of DIR/zen/state is full => make room: df -h DIR/zen",
		}},

		{"runtime-directory", "all is well", nil, []string{"ok: the socket is DIR/run/zen/zend.sock"}},
		{
			"runtime-directory",
			"no directories",
			func(m *machine) { m.facts.DirsErr = errors.New("none") },
			nil,
		},
		{
			"runtime-directory",
			"path too long",
			func(m *machine) { m.facts.Dirs.Runtime = "/" + strings.Repeat("x", 200) },
			[]string{
				"problem: the socket's path is too long (211 bytes, at most " + strconv.Itoa(
					paths.MaxSocketPath,
				) + "): /" + strings.Repeat(
					"x",
					200,
				) + "/zend.sock => " +
					"set ZEN_SOCKET to a shorter path",
			},
		},
		{"runtime-directory", "variable not set, and the system's used", func(m *machine) {
			m.facts.UID = 1000
			m.fallback("XDG_RUNTIME_DIR", "", m.at("root/run/user/1000/zen"), "is not set")
		}, []string{"ok: the socket is DIR/run/zen/zend.sock"}},
		{"runtime-directory", "variable not set", func(m *machine) {
			m.fallback("XDG_RUNTIME_DIR", "", m.at("home/.cache/zen/run"), "is not set")
		}, []string{
			"warning: XDG_RUNTIME_DIR is not set; zen uses DIR/home/.cache/zen/run. A session in which " +
				"it is set would start a zend of " +
				"its own => set XDG_RUNTIME_DIR in every session or in none",
		}},
		{"runtime-directory", "variable is another user's", func(m *machine) {
			m.fallback("XDG_RUNTIME_DIR", "/run/user/1", m.at("home/.cache/zen/run"), "belongs to user 1")
		}, []string{
			"warning: XDG_RUNTIME_DIR is /run/user/1, which belongs to user 1; zen uses " +
				"DIR/home/.cache/zen/run instead => " +
				"set XDG_RUNTIME_DIR to an absolute path that is yours alone, or: unset XDG_RUNTIME_DIR",
		}},

		{"runtime-directory", "HOME is another matter", func(m *machine) {
			m.fallback("HOME", m.at("home"), "/root", "is not yours")
		}, []string{"ok: the socket is DIR/run/zen/zend.sock"}},

		{"settings", "none", nil, []string{"ok: DIR/zen/config/config.toml is valid or absent"}},
		{"settings", "no directories", func(m *machine) { m.facts.DirsErr = errors.New("none") }, nil},
		{"settings", "a mistake", func(m *machine) {
			m.write("zen/config/config.toml", "list = "+
				"\"some\"\n")
		}, []string{
			`problem: config.toml, line 1: list: "some" is not allowed; write "all", "static" or "none"; ` +
				`a zend that starts now hands out nothing` +
				` => edit DIR/zen/config/config.toml`,
		}},
		{"settings", "what zend says of them comes first", func(m *machine) {
			m.write("zen/config/config.toml", "list = \"some\"\n")
			m.facts.Zend.Status.Notices = []api.Notice{{Text: "another"}, {Text: "zen hands out " +
				"nothing", Hint: "edit it", Urgent: true}}
			m.facts.Zend.Status.Logins = []api.Login{{Address: "ghcr.io", Problem: "config.toml is broken"}}
		}, []string{"problem: zen hands out nothing => edit it"}},
		{"settings", "nothing is listed", func(m *machine) {
			m.write("zen/config/config.toml", "list = "+
				"\"none\"\n")
		}, []string{
			"ok: DIR/zen/config/config.toml is valid or absent",
		}},
		{"settings", "nothing is listed for regctl", func(m *machine) {
			m.program("regctl")
			m.write("zen/config/config.toml", "list = \"none\"\n")
		}, []string{
			`warning: list = "none" in DIR/zen/config/config.toml: regctl asks only for registries that ` +
				`are listed, so for none => ` +
				`write list = "all" or list = "static"`,
		}},
	}
}

// sudo makes zen run as root for bob, in a home directory of owner's.
func (m *machine) sudo(owner int) {
	m.facts.UID = 0
	m.env["SUDO_USER"] = "bob"
	m.facts.System.Owner = func(string) (int, bool) { return owner, true }
	m.facts.System.UserName = func(uid int) string { return map[int]string{0: "root", 1000: "bob"}[uid] }
}

func (m *machine) fallback(variable, wanted, used, why string) {
	m.facts.Dirs.Fallbacks = []paths.Fallback{{Variable: variable, Wanted: wanted, Used: used, Why: why}}
}

// vault sets what zend says of the vault.
func vault(state, problem, hint string, slots ...api.VaultSlot) func(*machine) {
	return func(m *machine) {
		m.facts.Zend.Status.Vault = api.VaultStatus{State: state, Problem: problem, Hint: hint, Slots: slots}
	}
}

func stopped(m *machine) { m.facts.Zend = doctor.Zend{Program: "/opt/zend"} }

func zendSetUps() []broken {
	session := api.VaultSlot{Kind: "session", Detail: "the kernel's user keyring (there is no Secret " +
		"Service)"}
	memory := api.VaultSlot{Kind: "memory", Detail: "zend's memory"}
	passphrase := api.VaultSlot{Kind: "passphrase", Detail: "a passphrase"}
	return []broken{
		{"one-zend", "no directories", func(m *machine) { m.facts.DirsErr = errors.New("none") }, nil},
		{"one-zend", "one", nil, []string{"ok: there is no second zend"}},
		{
			"one-zend",
			"two",
			func(m *machine) { m.facts.Others = []string{"/run/user/7/zen/zend.sock", "/a b"} },
			[]string{
				"problem: another zend of yours listens at /run/user/7/zen/zend.sock; only one of them can " +
					"have the vault => " +
					"ZEN_SOCKET=/run/user/7/zen/zend.sock zen daemon stop",
				"problem: another zend of yours listens at /a b; only one of them can have the vault => " +
					"ZEN_SOCKET='/a b' zen daemon stop",
			},
		},

		{"zend", "runs", nil, []string{"ok: zend 1.2.3 runs (process 42)"}},
		{"zend", "does not run", stopped, []string{"ok: zend does not run; the next client starts " +
			"/opt/zend"}},
		{"zend", "cannot start", func(m *machine) {
			m.facts.Zend = doctor.Zend{Problem: "/opt/zend is not executable", Hint: "chmod +x /opt/zend"}
		}, []string{"problem: /opt/zend is not executable => chmod +x /opt/zend"}},

		{"zend-version", "the same", nil, []string{"ok: zend and zen are of version 1.2.3"}},
		{"zend-version", "does not run", stopped, nil},
		{"zend-version", "older", func(m *machine) { m.facts.Zend.Status.Version = "1.2.2" }, []string{
			"warning: zend is of version 1.2.2, zen of version 1.2.3 => zen daemon restart",
		}},

		{"zend-notices", "none", nil, []string{"ok: zend has no notices"}},
		{"zend-notices", "does not run", stopped, nil},
		{"zend-notices", "some", func(m *machine) {
			m.facts.Zend.Status.Notices = []api.Notice{
				{Text: "the disk is full", Hint: "make room"},
				{Text: "told by settings", Urgent: true},
			}
		}, []string{"warning: the disk is full => make room"}},
		{"zend-notices", "of the guard", func(m *machine) {
			m.docker(`{"auths": {"ghcr.io": ` + secret() + `, "quay.io": ` + secret() + `}}`)
			m.facts.Zend.Status.Notices = []api.Notice{
				{Text: m.at("home/.docker/config.json") + " stores credentials in plain text: ghcr.io, " +
					"quay.io", Hint: "zen import"},
				{Text: m.at("home/.docker/config.json") + " stores credentials in plain text: quay.io; " +
					"the vault is locked", Hint: "zen unlock"},
				{Text: "the login for ghcr.io is in the vault now", Done: true},
			}
		}, []string{"warning: DIR/home/.docker/config.json stores credentials in plain text: quay.io; " +
			"the vault is locked => zen unlock"}},

		{"vault", "open", nil, []string{"ok: it is open"}},
		{"vault", "absent", vault("absent", "", ""), []string{"ok: there is no vault yet; the first " +
			"login makes one"}},
		{"vault", "nobody asked", vault("locked", "", ""), []string{
			"ok: nobody needed it since zend was started; the first use opens it",
		}},
		{"vault", "locked", vault("locked", "the vault was locked with zen lock", "unlock the vault: zen "+
			"unlock"), []string{
			"problem: locked: the vault was locked with zen lock => unlock the vault: zen unlock",
		}},
		{"vault", "keyring locked", vault("locked", "the OS keyring is locked", "zen unlock"), []string{
			"problem: locked: the OS keyring is locked => zen unlock",
		}},
		{"vault", "key lost", vault("key lost", "its key died with the last boot", "log in again"), []string{
			"problem: key lost: its key died with the last boot => log in again",
		}},
		{"vault", "damaged", vault("damaged", "line 7 was changed", "zen vault restore"), []string{
			"problem: damaged: line 7 was changed => zen vault restore",
		}},
		{"vault", "too new", vault("too new", "a newer zen wrote it", "install the newer zen "+
			"again"), []string{
			"problem: too new: a newer zen wrote it => install the newer zen again",
		}},
		{"vault", "a state of a newer zend", vault("upside down", "", ""), []string{"problem: it is " +
			"upside down => zen vault status"}},
		{"vault", "open, with a notice", vault("unlocked", "the old file was kept aside", "rm it"), []string{
			"warning: the old file was kept aside => rm it",
		}},
		{"vault", "no zend and no vault", stopped, []string{"ok: there is no vault yet; the first login " +
			"makes one"}},
		{"vault", "no zend", func(m *machine) { stopped(m); m.write("zen/data/vault.json", "{}") }, []string{
			"skipped: zend does not run, and only zend can tell whether the vault opens => zen doctor " +
				"--start",
		}},

		{"vault-key", "in the keyring", nil, []string{"ok: os-keyring: the login keyring"}},
		{"vault-key", "none yet", vault("absent", "", ""), nil},
		{"vault-key", "no zend", stopped, nil},
		{"vault-key", "session", vault("unlocked", "", "", session), []string{
			"warning: every login ends with the next boot of the machine, since nothing else keeps the " +
				"vault's key: the kernel's user " +
				"keyring (there is no Secret Service) => zen vault passphrase",
		}},
		{"vault-key", "memory", vault("unlocked", "", "", memory), []string{
			"warning: every login ends when zend does, since nothing else keeps the vault's key: zend's " +
				"memory => zen vault passphrase",
		}},
		{
			"vault-key",
			"session and passphrase",
			vault("unlocked", "", "", session, passphrase),
			[]string{"ok: passphrase: a passphrase"},
		},

		{"ssh-session", "Linux", func(m *machine) { m.env["SSH_CONNECTION"] = "1.2.3.4 1 2.3.4.5 22" }, nil},
		{
			"ssh-session",
			"a Mac's own screen",
			func(m *machine) { m.facts.OS = "darwin" },
			[]string{"ok: this is no SSH session"},
		},
		{
			"ssh-session",
			"a Mac, and zend is open",
			func(m *machine) { m.facts.OS, m.env["SSH_TTY"] = "darwin", "/dev/ttys0" },
			[]string{
				"ok: this is an SSH session, and zend has the vault open already",
			},
		},
		{
			"ssh-session",
			"a Mac",
			func(m *machine) { stopped(m); m.facts.OS, m.env["SSH_CONNECTION"] = "darwin", "1.2.3.4" },
			[]string{
				"warning: this is an SSH session: macOS does not let a zend that is started in it use the " +
					"login keychain (error -25308) => " +
					"start it on the Mac's own screen: zen daemon start; or here: security unlock-keychain",
			},
		},

		{"logins", "all is well", nil, []string{"ok: 1 logged in, no known problems"}},
		{"logins", "none", func(m *machine) { m.facts.Zend.Status.Logins = nil }, []string{"ok: not " +
			"logged in " +
			"to any registry"}},
		{"logins", "no zend", stopped, nil},
		{"logins", "a locked vault is told once", func(m *machine) {
			vault("locked", "the vault is locked", "")(m)
			m.facts.Zend.Status.Logins[0].Problem = "the vault is locked"
		}, nil},
		{"logins", "expired", func(m *machine) {
			m.facts.Zend.Status.Logins = []api.Login{
				{Address: "ghcr.io", ServerURL: "ghcr.io", ConnectorName: "gh", Problem: "it expired"},
				{Address: "docker.io", ServerURL: "https://index.docker.io/v1/", Problem: "it was refused"},
			}
		}, []string{
			"problem: ghcr.io: it expired => zen service-connector verify gh",
			"problem: docker.io: it was refused => docker login https://index.docker.io/v1/",
		}},
	}
}

func helperSetUps() []broken {
	version := func(v string, err error) func(*machine) {
		return func(m *machine) {
			m.facts.System.HelperVersion = func(context.Context, string) (string, error) { return v, err }
		}
	}
	gone := func(m *machine) { m.env["PATH"] = "/no/such" }
	return []broken{
		{"helper", "all is well", nil, []string{"ok: clients execute DIR/bin/docker-credential-zen"}},
		{"helper", "not on PATH", gone, []string{
			`problem: docker-credential-zen is not on PATH: no client can ask zen => export ` +
				`PATH=DIR/bin:"$PATH"`,
		}},
		{
			"helper",
			"not executable",
			func(m *machine) { m.chmod("bin/docker-credential-zen", 0o644) },
			[]string{
				"problem: DIR/bin/docker-credential-zen is not executable: no client can ask zen => " +
					"chmod +x " +
					"DIR/bin/docker-credential-zen",
			},
		},

		{"helper-version", "the same", nil, []string{"ok: docker-credential-zen is of version 1.2.3"}},
		{"helper-version", "not on PATH", gone, nil},
		{"helper-version", "older", version("1.0", nil), []string{
			"warning: DIR/bin/docker-credential-zen is of version 1.0, zen of version 1.2.3 => " +
				"install both anew from one release, then: zen daemon restart",
		}},
		{"helper-version", "does not run", version("", errors.New("exec format error")), []string{
			"problem: DIR/bin/docker-credential-zen cannot be executed: exec format error => install zen " +
				"again",
		}},
		{"helper-version", "everybody can change it", func(m *machine) {
			m.chmod("bin/docker-credential-zen", 0o777)
			version("", errors.New("executed"))(m)
		}, []string{"skipped: DIR/bin/docker-credential-zen is not executed for its version: see " +
			"helper-path"}},

		{"helper-path", "all is well", nil, []string{"ok: nobody else can put another " +
			"docker-credential-zen before it"}},
		{"helper-path", "not on PATH", gone, nil},
		{"helper-path", "a directory for everybody", func(m *machine) {
			m.mkdir("tmp")
			m.chmod("tmp", 0o777)
			m.mkdir("after")
			m.chmod("after", 0o777)
			m.env["PATH"] = m.at("tmp") + ":" + m.at("bin") + ":" + m.at("after")
		}, []string{
			"problem: clients look for docker-credential-zen in DIR/tmp first: " +
				"the directory DIR/tmp can be changed by everyone => take DIR/tmp off PATH, or: chmod " +
				"go-w DIR/tmp",
		}},
		{
			"helper-path",
			"everybody can change it",
			func(m *machine) { m.chmod("bin/docker-credential-zen", 0o777) },
			[]string{
				"problem: DIR/bin/docker-credential-zen is not safe to execute: it can be changed by " +
					"everyone => " +
					"chmod go-w DIR/bin/docker-credential-zen",
			},
		},
		{
			"helper-path",
			"everybody can change a directory above",
			func(m *machine) { m.chmod("", 0o777) },
			[]string{
				"problem: DIR/bin/docker-credential-zen is not safe to execute: the directory DIR can be " +
					"changed by everyone => " +
					"chmod go-w DIR",
			},
		},
		{"helper-path", "another zen's", func(m *machine) {
			m.write("old/docker-credential-zen", "")
			m.chmod("old/docker-credential-zen", 0o755)
			m.env["PATH"] = m.at("old") + ":" + m.at("bin")
		}, []string{
			"warning: clients execute DIR/old/docker-credential-zen, not DIR/bin/docker-credential-zen, " +
				"which belongs to this zen => " +
				`export PATH=DIR/bin:"$PATH"`,
		}},
	}
}

func clientSetUps() []broken {
	return []broken{
		{"client-files", "none", nil, []string{"ok: 0 configuration files of clients can be read"}},
		{"client-files", "one", func(m *machine) { m.docker("{}") }, []string{"ok: 1 configuration file " +
			"of a client can be read"}},
		{
			"client-files",
			"some",
			func(m *machine) { m.docker("{}"); m.write("home/.config/helm/registry/config.json", "{}") },
			[]string{
				"ok: 2 configuration files of clients can be read",
			},
		},
		{"client-files", "broken", func(m *machine) { m.docker("{\n\t\"auths\": {},\n}") }, []string{
			"problem: DIR/home/.docker/config.json:3:1: invalid character '}' looking for beginning of " +
				"object key string; docker cannot read it, asks nobody, and overwrites it at the next " +
				"docker login => correct the file; zen changed nothing in it",
		}},
		{"client-files", "an auth that cannot be decoded", func(m *machine) {
			m.docker(`{"auths": {"https://index.docker.io/v1/": {"auth": "` + canary + `"}}}`)
		}, []string{
			"problem: DIR/home/.docker/config.json:1:52: the auth of https://index.docker.io/v1/ is not " +
				"the base64 of USER:PASSWORD: docker warns each time, and crane and others with its code " +
				"fail for every registry => take the entry out of auths in " +
				"DIR/home/.docker/config.json, then log in again",
		}},
		{"client-files", "what podman refuses", func(m *machine) {
			m.write("home/.config/containers/auth.json", "")
			m.write("home/.config/containers/registries.conf", "a = [")
			m.write("home/.config/containers/registries.conf.d/00-x.conf", "short-name-mode = 7")
		}, []string{
			"problem: DIR/home/.config/containers/auth.json is empty, and podman, skopeo and buildah " +
				"refuse to pull anything then => echo '{}' > DIR/home/.config/containers/auth.json",
			"problem: DIR/home/.config/containers/registries.conf is refused by podman, skopeo and " +
				"buildah: toml: line 1 (last key \"a\"): unexpected EOF; expected value => correct " +
				"DIR/home/.config/containers/registries.conf",
			"problem: DIR/home/.config/containers/registries.conf.d/00-x.conf is refused by podman, " +
				"skopeo and buildah: toml: line 1 (last key \"short-name-mode\"): incompatible types: TOML " +
				"value has type int64; destination has type string => correct " +
				"DIR/home/.config/containers/registries.conf.d/00-x.conf",
		}},
		{"cred-helpers", "keys that are no registries", func(m *machine) {
			m.program("docker-credential-x")
			m.docker(`{"credsStore": "zen", "credHelpers": {"${URL}": "x", "": "x"}}`)
		}, []string{
			"warning: for ${URL} docker asks docker-credential-x, not zen (credHelpers in " +
				"DIR/home/.docker/config.json) => take credHelpers[\"${URL}\"], which is not a registry, " +
				"out of DIR/home/.docker/config.json",
			"warning: for \"\" docker asks docker-credential-x, not zen (credHelpers in " +
				"DIR/home/.docker/config.json) => take credHelpers[\"\"], which is not a registry, out of " +
				"DIR/home/.docker/config.json",
		}},
		{"client-files", "UTF-16", func(m *machine) { m.docker("\xff\xfe{\x00}\x00") }, []string{
			"problem: DIR/home/.docker/config.json is UTF-16, which no client can read; docker cannot " +
				"read it, asks nobody, and overwrites it at the next docker login => umask 077; iconv " +
				"-f UTF-16 -t UTF-8 DIR/home/.docker/config.json > DIR/home/.docker/config.json.utf8 && " +
				"mv DIR/home/.docker/config.json.utf8 DIR/home/.docker/config.json",
		}},
		{"client-files", "byte order mark", func(m *machine) { m.docker("\ufeff{}") }, []string{
			`problem: DIR/home/.docker/config.json begins with a byte order mark: docker cannot read it => ` +
				`sed -i '1s/^\xEF\xBB\xBF//' DIR/home/.docker/config.json`,
		}},
		{
			"client-files",
			"broken for one repository",
			func(m *machine) { m.write("home/.docker/buildx/config/ghcr.io/o/config.json", "[]") },
			[]string{
				"problem: DIR/home/.docker/buildx/config/ghcr.io/o/config.json:1:1: not an object => " +
					"correct " +
					"the file; zen changed nothing in it",
			},
		},
		{"client-files", "root's", func(m *machine) {
			m.docker("{}")
			m.facts.UID = 1000
			m.facts.System.Owner = func(path string) (int, bool) {
				return map[bool]int{true: 0, false: 1000}[strings.HasSuffix(path, ".json")], true
			}
			m.facts.System.UserName = func(int) string { return "root" }
		}, []string{
			"problem: DIR/home/.docker/config.json is root's: docker cannot keep its configuration there " +
				"=> " +
				`sudo chown "$(id -un)" DIR/home/.docker/config.json`,
		}},

		{"client-setup", "no clients", nil, []string{
			"ok: no client that zen knows is on PATH: docker, podman, skopeo, buildah, helm, buildx, " +
				"nerdctl, crane, oras, regctl",
		}},
		{"client-setup", "all ask", func(m *machine) {
			m.program("docker", "crane", "podman", "helm")
			m.docker(`{"credsStore": "zen"}`)
			m.write("home/.config/helm/registry/config.json", `{"credsStore": "zen-work"}`)
			m.write("home/.config/containers/registries.conf.d/99-zen.conf", `credential-helpers = ["zen"]`)
		}, []string{
			"ok: docker, crane ask zen (credsStore in DIR/home/.docker/config.json)",
			"ok: podman, skopeo and buildah ask zen (credential-helpers in " +
				"DIR/home/.config/containers/registries.conf.d/99-zen.conf)",
			"ok: helm asks zen (credsStore in DIR/home/.config/helm/registry/config.json)",
		}},
		{"client-setup", "single registries", func(m *machine) {
			m.program("docker")
			m.docker(`{"credHelpers": {"ghcr.io": "zen", "quay.io": "x"}}`)
		}, []string{"ok: docker asks zen for ghcr.io only (credHelpers in DIR/home/.docker/config.json)"}},
		{"client-setup", "nobody asks, but there is a login", func(m *machine) {
			m.program("docker", "podman", "helm", "docker-credential-desktop")
			m.docker(`{"credsStore": "desktop"}`)
		}, []string{
			"problem: docker does not ask zen: DIR/home/.docker/config.json names " +
				"docker-credential-desktop => zen setup docker",
			"problem: podman, skopeo and buildah do not ask zen: no configuration names a helper => zen " +
				"setup podman",
			"problem: helm does not ask zen: DIR/home/.config/helm/registry/config.json names no helper, " +
				"so passwords are written into it " +
				"in plain text => zen setup helm",
		}},
		{"client-setup", "one asks", func(m *machine) {
			m.program("docker", "helm")
			m.docker(`{"credsStore": "zen"}`)
			m.write("home/.config/helm/registry/config.json", `{"auths": {"ghcr.io": {}}}`)
		}, []string{
			"ok: docker asks zen (credsStore in DIR/home/.docker/config.json)",
			"warning: helm does not ask zen: DIR/home/.config/helm/registry/config.json names no helper, " +
				"so passwords are written into it " +
				"in plain text => zen setup helm",
		}},
		{"client-setup", "not logged in to any registry", func(m *machine) {
			m.program("docker")
			m.docker(`{"auths": {"x.io": {}}}`)
			m.facts.Zend.Status.Logins = nil
		}, []string{
			"warning: docker does not ask zen: DIR/home/.docker/config.json names no helper, so " +
				"passwords are written into it in plain text => " +
				"zen setup docker",
		}},
		{"client-setup", "changed since", func(m *machine) {
			m.program("docker")
			stopped(m)
			m.docker(`{"auths": {}}`)
			if _, err := m.facts.Env.Apply(m.t.Context(), "docker", clientconfig.Options{}); err != nil {
				m.t.Fatal(err)
			}
			m.docker(`{"credsStore": "desktop"}`)
		}, []string{
			"problem: docker does not ask zen: DIR/home/.docker/config.json names " +
				"docker-credential-desktop. It was set up; another program " +
				"changed the file since => zen setup docker",
		}},
		{
			"client-setup",
			"broken",
			func(m *machine) { m.program("docker"); m.docker("["); stopped(m) },
			[]string{
				"warning: docker does not ask zen: DIR/home/.docker/config.json:1:2: unexpected end of " +
					"JSON " +
					"input => zen doctor client-files",
			},
		},

		{"configured-helpers", "none", func(m *machine) { m.docker(`{"credsStore": "zen"}`) }, []string{
			"ok: every helper that a configuration names is on PATH",
		}},
		{"configured-helpers", "installed", func(m *machine) {
			m.program("docker-credential-pass")
			m.docker(`{"credsStore": "pass"}`)
		}, []string{"ok: every helper that a configuration names is on PATH"}},
		{"configured-helpers", "Docker Desktop went away", func(m *machine) {
			m.docker(`{"credsStore": ` +
				`"desktop.exe"}`)
		}, []string{
			"problem: DIR/home/.docker/config.json still names docker-credential-desktop.exe " +
				"(credsStore), which went away with Docker " +
				"Desktop => zen setup docker",
		}},
		{"configured-helpers", "Dev Containers and Rancher Desktop went away", func(m *machine) {
			m.docker(`{"credsStore": "dev-containers-0b1c", "credHelpers": {"a.io": "rancher-desktop"}}`)
		}, []string{
			"problem: DIR/home/.docker/config.json still names docker-credential-dev-containers-0b1c " +
				"(credsStore), which went away with VS Code's Dev Containers => zen setup docker",
			"problem: DIR/home/.docker/config.json still names docker-credential-rancher-desktop " +
				"(credHelpers[\"a.io\"]), which went away with Rancher Desktop => zen setup docker " +
				"--host a.io",
		}},
		{"configured-helpers", "several files", func(m *machine) {
			m.program("podman")
			m.docker(`{"credHelpers": {"gcr.io": "gcloud", "quay.io": ""}}`)
			m.write("home/.config/helm/registry/config.json", `{"credsStore": "secretservice"}`)
			m.write("home/.config/containers/auth.json", `{"credHelpers": {"a.io": "gone"}, `+
				`"credsStore": "not read"}`)
			m.write("home/.config/containers/registries.conf", `credential-helpers = `+
				`["containers-auth.json", "lost"]`)
		}, []string{
			"problem: DIR/home/.docker/config.json names docker-credential-gcloud " +
				"(credHelpers[\"gcr.io\"]), which is not on PATH => " +
				"zen setup docker --host gcr.io",
			"problem: DIR/home/.config/containers/auth.json names docker-credential-gone " +
				"(credHelpers[\"a.io\"]), which is not on PATH => " +
				"zen setup podman",
			"problem: DIR/home/.config/containers/registries.conf names docker-credential-lost " +
				"(credential-helpers), which is not on PATH => " +
				"zen setup podman",
			"problem: DIR/home/.config/helm/registry/config.json names docker-credential-secretservice " +
				"(credsStore), which is not on PATH => " +
				"zen setup helm",
		}},
		{"configured-helpers", "a profile without its link", func(m *machine) {
			m.docker(`{"credsStore": ` +
				`"zen-work"}`)
		}, []string{
			"problem: DIR/home/.docker/config.json names docker-credential-zen-work (credsStore), which " +
				"is not on PATH => " +
				"zen setup docker --profile work",
		}},

		{"cred-helpers", "none", func(m *machine) {
			m.docker(`{"credsStore": "pass", "credHelpers": ` +
				`{"a.io": "x"}}`)
		}, []string{
			"ok: no credHelpers entry bypasses zen",
		}},
		{"cred-helpers", "some", func(m *machine) {
			m.program("docker-credential-gcloud")
			m.docker(
				`{"credsStore": "zen", "credHelpers": {"gcr.io": "gcloud", "ghcr.io": "", "b.io": "gone",
				"c.io": "zen",
				"https://index.docker.io/v1/": "gcloud"}}`,
			)
		}, []string{
			"warning: for gcr.io docker asks docker-credential-gcloud, not zen (credHelpers in " +
				"DIR/home/.docker/config.json) => " +
				"zen setup docker --host gcr.io",
			"problem: for ghcr.io docker asks the logins in the file, not zen (credHelpers in " +
				"DIR/home/.docker/config.json); zen's login " +
				"for it is not used => zen setup docker --host ghcr.io",
			"warning: for docker.io docker asks docker-credential-gcloud, not zen (credHelpers in " +
				"DIR/home/.docker/config.json) => " +
				"zen setup docker --host docker.io",
		}},

		{"docker-auth-config", "not set", nil, []string{"ok: DOCKER_AUTH_CONFIG is not set"}},
		{"docker-auth-config", "another registry", func(m *machine) {
			m.env["DOCKER_AUTH_CONFIG"] = `{"auths": {"quay.io": ` + secret() + `}}`
		}, []string{
			"warning: DOCKER_AUTH_CONFIG is set: docker takes the login for quay.io from there, not from " +
				"zen => unset DOCKER_AUTH_CONFIG",
		}},
		{"docker-auth-config", "a registry with a login", func(m *machine) {
			m.env["DOCKER_AUTH_CONFIG"] = `{"auths": {"https://ghcr.io/v1/": ` + secret() + `}}`
		}, []string{
			"problem: DOCKER_AUTH_CONFIG is set: docker takes the login for ghcr.io from there, not from " +
				"zen => unset DOCKER_AUTH_CONFIG",
		}},
		{
			"docker-auth-config",
			"nonsense",
			func(m *machine) { m.env["DOCKER_AUTH_CONFIG"] = canary },
			[]string{
				"warning: DOCKER_AUTH_CONFIG is set, and docker refuses it as a whole: it is not JSON of " +
					"the form that docker wants => unset DOCKER_AUTH_CONFIG",
			},
		},

		{"docker-access", "no docker", nil, nil},
		{"docker-access", "no engine", func(m *machine) { m.facts.UID = 1000; m.program("docker") }, nil},
		{"docker-access", "access", func(m *machine) { m.engine(true) }, []string{"ok: docker's engine " +
			"can be used without sudo"}},
		{"docker-access", "no access", func(m *machine) { m.engine(false) }, []string{
			"warning: docker's engine (DIR/root/var/run/docker.sock) cannot be used as alice; sudo " +
				"docker reads root's configuration and " +
				`has none of these logins => sudo usermod -aG docker "$(id -un)", then log in to the ` +
				`machine again (this gives root's rights)`,
		}},
		{
			"docker-access",
			"another engine",
			func(m *machine) { m.engine(false); m.env["DOCKER_HOST"] = "ssh://x" },
			nil,
		},
		{
			"docker-access",
			"another context",
			func(m *machine) { m.engine(false); m.docker(`{"currentContext": "rootless"}`) },
			nil,
		},
		{"docker-access", "root", func(m *machine) { m.engine(false); m.facts.UID = 0 }, nil},

		{"docker-snap", "no docker", nil, nil},
		{"docker-snap", "docker", func(m *machine) { m.program("docker") }, []string{"ok: docker is not " +
			"a snap"}},
		{"docker-snap", "a snap", func(m *machine) {
			m.write("root/snap/bin/docker", "")
			m.chmod("root/snap/bin/docker", 0o755)
			m.env["PATH"] += ":" + m.at("root/snap/bin")
		}, []string{
			"problem: DIR/root/snap/bin/docker is a snap: it reads " +
				"~/snap/docker/current/.docker/config.json and cannot execute " +
				"docker-credential-zen => install docker from its own packages instead: " +
				"https://docs.docker.com/engine/install/",
		}},

		{"podman", "not installed", func(m *machine) { m.env["REGISTRY_AUTH_FILE"] = "/none" }, nil},
		{"podman", "all is well", func(m *machine) { m.program("skopeo") }, []string{
			"ok: nothing overrides the helpers of podman, skopeo and buildah",
		}},
		{"podman", "DOCKER_CONFIG", func(m *machine) {
			m.program("podman")
			m.docker("{}")
			m.env["DOCKER_CONFIG"] = m.at("home/.docker")
		}, []string{
			`warning: DOCKER_CONFIG is set: "podman login" of newer versions writes passwords into ` +
				`DIR/home/.docker/config.json in plain text => ` +
				"log in with zen login, or unset DOCKER_CONFIG",
		}},
		{"podman", "overridden", func(m *machine) {
			m.program("podman")
			m.write("home/.config/containers/registries.conf.d/99-zzz.conf", `credential-helpers = ["pass"]`)
			m.env["REGISTRY_AUTH_FILE"] = m.at("none.json")
		}, []string{
			`warning: DIR/home/.config/containers/registries.conf.d/99-zzz.conf comes after zen's file ` +
				`and sets credential-helpers = ["pass"] ` +
				"=> take credential-helpers out of DIR/home/.config/containers/registries.conf.d/99-zzz.conf",
			"warning: REGISTRY_AUTH_FILE is set, but there is no DIR/none.json: podman and buildah " +
				"refuse to work then => " +
				"unset REGISTRY_AUTH_FILE",
		}},
	}
}

// engine makes docker's socket, which can be used or not.
func (m *machine) engine(usable bool) {
	m.program("docker")
	m.write("root/var/run/docker.sock", "")
	m.facts.UID = 1000
	m.facts.System.Writable = func(path string) bool { return usable }
	m.facts.System.UserName = func(int) string { return "alice" }
}

func plaintextSetUps() []broken {
	return []broken{
		{"plaintext-logins", "none", func(m *machine) {
			m.docker(`{"auths": {"ghcr.io": {}, "a.io": ` +
				`{"auth": ""}}}`)
		}, []string{
			"ok: no client stores credentials in plain text",
		}},
		{"plaintext-logins", "everywhere", func(m *machine) {
			m.docker(
				`{"auths": {"ghcr.io": ` + secret() + `, "https://ghcr.io": ` + secret() +
					`, "https://alice:` + canary + `@x/": ` + secret() +
					`, "b.io": {"identitytoken": "` + canary + `"}}, "credsStore": "zen"}`,
			)
			m.write("home/.config/containers/auth.json", `{"auths": {"quay.io/team": `+secret()+`}}`)
			m.write("home/.config/helm/registry/config.json", `{"auths": {"charts.io": `+secret()+`}}`)
			m.write("home/.regctl/config.json", `{"hosts": {"r.io": {"user": "alice", "pass": `+
				`"`+canary+`"}, "s.io": {"tls": "disabled"}}}`)
		}, []string{
			"warning: DIR/home/.docker/config.json stores credentials in plain text: ghcr.io, b.io, x/ " +
				"=> zen import",
			"warning: DIR/home/.config/containers/auth.json stores credentials in plain text: " +
				"quay.io/team => zen import",
			"warning: DIR/home/.config/helm/registry/config.json stores credentials in plain text: " +
				"charts.io => zen import",
			"warning: DIR/home/.regctl/config.json stores credentials in plain text: r.io => zen import",
		}},

		{"plaintext-logins", "where zen import does not look", func(m *machine) {
			for _, file := range []string{
				"home/.config/helm/registry.json", "home/.apptainer/docker-config.json",
				"home/.singularity/docker-config.json", "home/.docker/plaintext-credentials.config.json",
				"home/.docker/buildx/config/ghcr.io/config.json",
			} {
				m.write(file, `{"auths": {"a.io": `+secret()+`}}`)
			}
			m.facts.Zend.Status.Guard = "report"
		}, []string{
			"warning: DIR/home/.config/helm/registry.json stores credentials in plain text: a.io => log in " +
				"again: helm registry login HOST; then rm DIR/home/.config/helm/registry.json",
			"warning: DIR/home/.apptainer/docker-config.json stores credentials in plain text: a.io => " +
				"apptainer registry logout docker://HOST, or rm DIR/home/.apptainer/docker-config.json",
			"warning: DIR/home/.singularity/docker-config.json stores credentials in plain text: a.io => " +
				"singularity remote logout docker://HOST, or rm DIR/home/.singularity/docker-config.json",
			"warning: DIR/home/.docker/plaintext-credentials.config.json stores credentials in plain " +
				"text: a.io => docker logout HOST while Rancher Desktop runs, or rm " +
				"DIR/home/.docker/plaintext-credentials.config.json",
			"warning: DIR/home/.docker/buildx/config/ghcr.io/config.json stores credentials in plain " +
				"text: a.io => log in through zen, then take them out of " +
				"DIR/home/.docker/buildx/config/ghcr.io/config.json",
		}},

		{"plaintext-logins", "the guard reports", func(m *machine) {
			m.docker(`{"auths": {"ghcr.io": ` + secret() + `}}`)
			m.facts.Zend.Status.Guard = "report"
		}, []string{
			"warning: DIR/home/.docker/config.json stores credentials in plain text: ghcr.io => zen " +
				"import; so that zend does it by itself from " +
				"then on: guard = \"import\" in DIR/zen/config/config.toml",
		}},
		{"plaintext-logins", "the guard imports", func(m *machine) {
			m.docker(`{"auths": {"ghcr.io": ` + secret() + `}}`)
			m.facts.Zend.Status.Guard = "import"
		}, []string{"warning: DIR/home/.docker/config.json stores credentials in plain text: ghcr.io => " +
			"zen import"}},

		{"leftover-files", "none", func(m *machine) {
			m.docker("{}")
			m.write("home/.docker/config.json.bak", "{}")
			m.write("home/.docker/config.json5x", "{}")
		}, []string{"ok: no client left temporary files behind"}},
		{"leftover-files", "some", func(m *machine) {
			m.docker("{}")
			m.write("home/.docker/config.json123456", `{"auths": {"ghcr.io": `+secret()+`}}`)
			m.write("home/.docker/config.json7", ``)
			m.write("home/.docker/config.json8", `{"auths": {"gh`)
		}, []string{
			"warning: DIR/home/.docker/config.json123456 was left behind by a client that was " +
				"interrupted, and stores credentials in plain text: " +
				"ghcr.io => zen import",
			"warning: DIR/home/.docker/config.json7 was left behind by a client that was interrupted => " +
				"rm DIR/home/.docker/config.json7",
			"warning: DIR/home/.docker/config.json8 was left behind by a client that was interrupted => " +
				"rm DIR/home/.docker/config.json8",
		}},
	}
}

func TestChecks(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range setUps() {
		seen[b.check] = true
		t.Run(b.check+"/"+b.name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			if b.setup != nil {
				b.setup(m)
			}
			before := m.snapshot()
			if diff := cmp.Diff(b.want, m.results(b.check)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			m.results() // whatever is broken, every check says something and none panics
			if after := m.snapshot(); after != before {
				t.Errorf("something was changed:\n%s", cmp.Diff(before, after))
			}
		})
	}
	for _, name := range doctor.Checks() {
		if !seen[name] {
			t.Errorf("%s is not tested", name)
		}
		if !regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`).MatchString(name) {
			t.Errorf("%q is no name for a check", name)
		}
	}
}

// A helper that docker picks by itself. On many machines that is one which nobody ever
// set up.
func TestClientSetupWithADetectedHelper(t *testing.T) {
	helper := "pass"
	if runtime.GOOS == "darwin" {
		helper = "osxkeychain"
	}
	m := newMachine(t)
	m.program("docker", "pass", "docker-credential-"+helper)
	want := "problem: docker does not ask zen: DIR/home/.docker/config.json names no helper, and " +
		"docker-credential-" + helper +
		" is there, so that is used => zen setup docker"
	if got := m.results("client-setup"); len(got) != 1 || got[0] != want {
		t.Errorf("%q", got)
	}
}

func TestRunNamesTheChecks(t *testing.T) {
	m := newMachine(t)
	results := doctor.Run(t.Context(), m.facts, "vault", "user")
	if len(results) != 2 || results[0].Check != "user" || results[1].Check != "vault" {
		t.Errorf("%+v", results)
	}
	if all := doctor.Run(t.Context(), m.facts); doctor.Count(all, doctor.OK) != len(all) || len(all) < 15 {
		t.Errorf("on a machine where all is well: %+v", all)
	}
	m.docker(`{"credsStore": "gone"}`)
	if all := doctor.Run(t.Context(), m.facts); doctor.Count(all, doctor.Problem) != 1 {
		t.Errorf("%+v", all)
	}
}

// The machine that the test itself runs on.
func TestThisSystem(t *testing.T) {
	s := doctor.ThisSystem()
	dir := t.TempDir()
	if uid, ok := s.Owner(dir); !ok || uid != os.Getuid() {
		t.Errorf("%s is %d's, %v", dir, uid, ok)
	}
	if _, ok := s.Owner(dir + "/none"); ok {
		t.Error("a file that does not exist has an owner")
	}
	if !s.Writable(dir) || s.Writable(dir+"/none") {
		t.Error("what can be written cannot, or the other way round")
	}
	if free, known := s.Free(dir); known && free == 0 {
		t.Error("no room for a test's directory")
	}
	if s.UserName(0) == "" || s.UserName(1<<30) != "user 1073741824" {
		t.Errorf("user names %q, %q", s.UserName(0), s.UserName(1<<30))
	}
}

func TestHelperVersion(t *testing.T) {
	version := doctor.ThisSystem().HelperVersion
	for _, tt := range []struct{ name, script, want, fails string }{
		{"as the protocol has it", `echo "docker-credential-zen (github.com/zen-agent/zen) ` +
			`1.2.3-dev+abc"`, "1.2.3-dev+abc", ""},
		{"asked for its version", `test "$*" = version && echo "x (y) 7"`, "7", ""},
		{"fails", `echo "x (y) 7"; exit 3`, "", "exit status 3"},
		{"something else", `echo hello`, "", "it tells no version"},
		{"a book", `printf 'x (y) 1\n2\n'`, "", "it tells no version"},
	} {
		m := newMachine(t)
		m.write("bin/h", "#!/bin/sh\n"+tt.script+"\n")
		m.chmod("bin/h", 0o700)
		got, err := version(t.Context(), m.at("bin/h"))
		if got != tt.want || (err == nil) != (tt.fails == "") || err != nil && err.Error() != tt.fails {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
	}
	if _, err := version(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not "+
		"a file") {
		t.Errorf("a directory: %v", err)
	}
	m := newMachine(t)
	m.chmod("bin", 0o777)
	_, err := version(t.Context(), m.at("bin/docker-credential-zen"))
	if err == nil || !strings.Contains(err.Error(), "is not safe to execute") {
		t.Errorf("one that everyone can exchange: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if _, err := version(ctx, "/bin/sleep"); err == nil || err.Error() != "it does not answer" {
		t.Errorf("out of time: %v", err)
	}
}

// Whoever reads the name of a check must find it in the documentation.
func TestEveryCheckIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range doctor.Checks() {
		if !strings.Contains(string(text), "\n| `"+name+"` | ") {
			t.Errorf("docs/troubleshooting.md has no row for %s", name)
		}
	}
	for _, name := range clientconfig.Names() {
		if !regexp.MustCompile(`[ (|]` + name + `[,) ]`).Match(text) {
			t.Errorf("docs/troubleshooting.md does not tell how %s asks", name)
		}
	}
}
