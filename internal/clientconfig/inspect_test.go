package clientconfig_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/clientconfig"
)

// warnings of a report, with the machine's directory taken out.
func (m *machine) warnings(r *clientconfig.Report) []string {
	var list []string
	for _, w := range r.Warnings {
		list = append(list, strings.ReplaceAll(w.Message+" => "+w.Hint, m.dir, "DIR"))
	}
	return list
}

func TestHiddenLogins(t *testing.T) {
	secret := `{"auth": "` + basic() + `"}`
	files := map[string]string{
		"plain": `{"auths": {"ghcr.io": ` + secret + `, "https://index.docker.io/v1/": ` + secret + `,
			"quay.io": {},
			"https://index.docker.io/v1/access-token": {"password": "` + canary + `"}, "a.io": ` +
			`{"identitytoken": "` + canary + `"},
			"b.io": {"RegistryToken": "` + canary + `"}, "c.io": {"auth": "", "email": "x@y"}, ` +
			`"https://old.io/v1/": ` + secret + `}}`,
		"desktop": `{"auths": {"ghcr.io": ` + secret + `}, "credsStore": "desktop"}`,
		"one host": `{"auths": {"ghcr.io": ` + secret + `, "a.io": ` + secret + `}, "credHelpers": ` +
			`{"ghcr.io": "", "a.io": "gcloud"}}`,
		"strange": `{"auths": {"https://bob:` + canary + `@x.io/": ` + secret + `, "\u001b[31m": ` + secret +
			`}}`,
	}
	tests := []struct {
		file              string
		options           clientconfig.Options
		hidden, plaintext string
	}{
		{"plain", all(), "ghcr.io docker.io docker.io/v1/access-token a.io b.io old.io", "ghcr.io " +
			"docker.io docker.io/v1/access-token a.io b.io old.io"},
		{"plain", hosts("ghcr.io", "old.io"), "ghcr.io old.io", "ghcr.io docker.io " +
			"docker.io/v1/access-token a.io b.io old.io"},
		{"desktop", all(), "", "ghcr.io"},
		{"one host", all(), "", "ghcr.io a.io"},
		{"one host", hosts("ghcr.io"), "ghcr.io", "ghcr.io a.io"},
		{"strange", all(), `x.io/ "\x1b[31m"`, `x.io/ "\x1b[31m"`},
	}
	for _, tt := range tests {
		m := newMachine(t)
		m.config(files[tt.file])
		r := m.apply(tt.options)
		if got := strings.Join(r.Hidden, " "); got != tt.hidden {
			t.Errorf("%s: hidden %s, want %s", tt.file, got, tt.hidden)
		}
		if got := strings.Join(r.Plaintext, " "); got != tt.plaintext {
			t.Errorf("%s: in plain text %s, want %s", tt.file, got, tt.plaintext)
		}
		if r := m.undo(all()); strings.Join(r.Plaintext, " ") != tt.plaintext || len(r.Hidden) > 0 {
			t.Errorf("%s: undone: %+v", tt.file, r)
		}
	}
}

func TestDiffIsMasked(t *testing.T) {
	m := newMachine(t)
	m.config(`{
	"HttpHeaders": {"Authorization": "` + canary + `"},
	"proxies": {"default": {"httpProxy": "http://bob:` + canary + `@proxy"}},
	"unknown": ["` + canary + `"],
	"psFormat": "table",
	"pin": 1234567,
	"auths": {
		"ghcr.io": {"auth": "` + basic() + `", "email": ""},
		"https://bob:` + canary + `@x.io": {}
	},
	"credsStore": "pass"
}
`)
	file := m.at("home/.docker/config.json")
	want := "--- " + file + "\n+++ " + file + `
@@ -8,5 +8,5 @@
 		"ghcr.io": {"auth": "(hidden)", "email": ""},
 		"(hidden)": {}
 	},
-	"credsStore": "pass"
+	"credsStore": "zen"
 }
`
	if diff := cmp.Diff(want, m.apply(dry(all())).Diff); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// all in one line: all of it is in the diff
	m.config(strings.ReplaceAll(m.read("home/.docker/config.json"), "\n", " "))
	r := m.apply(dry(all()))
	if !strings.Contains(r.Diff, `"psFormat": "table"`) || !strings.Contains(r.Diff, `"pin": `+
		`"(hidden)"`) || strings.Contains(r.Diff, "1234567") {
		t.Errorf("%s", r.Diff)
	}
	m.config("{\r\n\t\"currentContext\": \"\u202e\u009b31m\"\r\n}\r\n")
	if r := m.apply(dry(all())); strings.ContainsAny(r.Diff, "\r\u202e\u009b") {
		t.Errorf("%q", r.Diff)
	}
}

func TestWarnings(t *testing.T) {
	const notSeen = ", and is not asked for the logins it keeps any more => "
	const moveIn = "move them into the vault: zen import"
	tests := []struct {
		name    string
		options clientconfig.Options
		prepare func(m *machine)
		want    []string
	}{
		{"all is well", all(), func(m *machine) { m.config(`{"auths": {}}`) }, nil},
		{"no file", all(), func(m *machine) {}, nil},
		{"another store", all(), func(m *machine) { m.config(`{"credsStore": "desktop"}`) }, []string{
			"docker-credential-desktop served all registries until now" + notSeen + moveIn + "; or go " +
				"back: zen setup --undo",
		}},
		{"a store that makes credentials anew", all(), func(m *machine) {
			m.config(`{"credsStore": ` +
				`"ecr-login"}`)
		}, []string{
			"docker-credential-ecr-login served all registries until now" + notSeen + "log in again " +
				"through zen, or go back: zen setup --undo",
		}},
		{"an empty store of pass", all(), func(m *machine) { m.config(`{"credsStore": "pass"}`) }, nil},
		{"a store of pass", all(), func(m *machine) {
			m.config(`{"credsStore": "pass"}`)
			m.mkdir("home/.password-store/docker-credential-helpers", 0o700)
		}, []string{"docker-credential-pass served all registries until now" + notSeen + moveIn +
			"; or go back: zen setup --undo"}},
		{"another store stays", hosts("ghcr.io"), func(m *machine) {
			m.config(`{"credsStore": ` +
				`"desktop"}`)
		}, nil},
		{"other helpers", all(), func(m *machine) {
			m.config(`{"credHelpers": {"gcr.io": "gcloud", "https://index.docker.io/v1/": "", "ghcr.io": ` +
				`"zen"}}`)
		}, []string{
			"for gcr.io docker asks docker-credential-gcloud, not zen (credHelpers in " +
				"DIR/home/.docker/config.json) => zen setup docker --host gcr.io",
			"for docker.io docker asks the logins in the file, not zen (credHelpers in " +
				"DIR/home/.docker/config.json) => zen setup docker --host docker.io",
		}},
		{"byte order mark", all(), func(m *machine) { m.config("\ufeff{}") }, []string{
			`DIR/home/.docker/config.json begins with a byte order mark: docker cannot read it => sed -i ` +
				`'1s/^\xEF\xBB\xBF//' DIR/home/.docker/config.json`,
		}},
		{"credentials in plain text", all(), func(m *machine) {
			m.config(`{"auths": {"ghcr.io": {"auth": "` + basic() + `"}, "gcr.io": {"auth": ` +
				`"` + basic() + `"}}, "credHelpers": {"gcr.io": "gcloud"}}`)
		}, []string{
			"docker no longer uses the logins that DIR/home/.docker/config.json holds in plain text: " +
				"ghcr.io => " + moveIn,
			"DIR/home/.docker/config.json stores credentials in plain text: gcr.io => " + moveIn,
			"for gcr.io docker asks docker-credential-gcloud, not zen (credHelpers in " +
				"DIR/home/.docker/config.json) => zen setup docker --host gcr.io",
		}},
		{"DOCKER_AUTH_CONFIG", all(), func(m *machine) {
			m.vars["DOCKER_AUTH_CONFIG"] = `{"auths":{"quay.io":{"auth":"` + basic() +
				`"},"https://index.docker.io/v1/":{"auth":"` + basic() + `"}}}`
		}, []string{
			"DOCKER_AUTH_CONFIG is set: docker takes the login for docker.io, quay.io from there, not " +
				"from zen => unset DOCKER_AUTH_CONFIG",
		}},
		{
			"broken DOCKER_AUTH_CONFIG",
			all(),
			func(m *machine) { m.vars["DOCKER_AUTH_CONFIG"] = canary },
			[]string{
				"DOCKER_AUTH_CONFIG is set, and docker refuses it as a whole: it is not JSON of the form " +
					"that docker wants => unset DOCKER_AUTH_CONFIG",
			},
		},
		{"no helper", all(), func(m *machine) { m.vars["PATH"] = "" }, []string{
			`docker-credential-zen is not on PATH: no client can ask zen => export PATH=DIR/bin:"$PATH"`,
		}},
		{
			"no helper anywhere",
			all(),
			func(m *machine) { os.Remove(m.at("bin/docker-credential-zen")) },
			[]string{
				"docker-credential-zen is not on PATH: no client can ask zen => install it into a " +
					"directory " +
					"that is on PATH",
			},
		},
		{
			"no helper and no program",
			all(),
			func(m *machine) { m.vars["PATH"], m.env.Program = "bin", "" },
			[]string{
				"docker-credential-zen is not on PATH: no client can ask zen => install it into a " +
					"directory " +
					"that is on PATH",
			},
		},
		{
			"not executable",
			all(),
			func(m *machine) { m.write("bin/docker-credential-zen", "", 0o644) },
			[]string{
				"DIR/bin/docker-credential-zen is not executable: no client can ask zen => chmod +x " +
					"DIR/bin/docker-credential-zen",
			},
		},
		{"dangling link", all(), func(m *machine) {
			os.Remove(m.at("bin/docker-credential-zen"))
			m.symlink("bin/docker-credential-zen", "gone")
		}, []string{
			"DIR/bin/docker-credential-zen leads to no program: no client can ask zen => install zen " +
				"again, or: rm DIR/bin/docker-credential-zen",
		}},
		{"another helper first", all(), func(m *machine) {
			m.program("other/docker-credential-zen")
			m.vars["PATH"] = m.at("other") + ":" + m.at("bin")
		}, []string{
			`clients execute DIR/other/docker-credential-zen, not DIR/bin/docker-credential-zen, which ` +
				`belongs to this zen => export PATH=DIR/bin:"$PATH"`,
		}},
		{"a link to the helper first", all(), func(m *machine) {
			m.symlink("other/docker-credential-zen", m.at("bin/docker-credential-zen"))
			m.vars["PATH"] = m.at("other") + ":" + m.at("bin")
		}, nil},
		{"open directory before", all(), func(m *machine) {
			m.mkdir("open", 0o777)
			m.mkdir("open after", 0o777)
			m.vars["PATH"] = "relative:" + m.at(
				"none",
			) + ":" + m.at(
				"open",
			) + ":" + m.at(
				"bin",
			) + ":" + m.at(
				"open after",
			)
		}, []string{
			"clients look for docker-credential-zen in DIR/open first: the directory DIR/open can be " +
				"changed by everyone" +
				" => take DIR/open off PATH, or: chmod go-w DIR/open",
		}},
		{"open directory", all(), func(m *machine) { m.mkdir("bin", 0o777) }, []string{
			"DIR/bin/docker-credential-zen is not safe to execute: the directory DIR/bin can be changed " +
				"by everyone" +
				" => chmod go-w DIR/bin",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			tt.prepare(m)
			for _, o := range []clientconfig.Options{dry(tt.options), tt.options} {
				if diff := cmp.Diff(tt.want, m.warnings(m.apply(o))); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// docker picks a helper by itself as long as its configuration names none and holds no
// login (Linux: pass before secretservice).
func TestDetectedStore(t *testing.T) {
	skipUnlessLinux(t)
	tests := []struct {
		name     string
		programs []string
		config   string
		options  clientconfig.Options
		want     string
	}{
		{
			"pass",
			[]string{"pass", "docker-credential-pass", "docker-credential-secretservice"},
			"{}",
			all(),
			"docker-credential-pass served all registries until now",
		},
		{
			"secretservice",
			[]string{"docker-credential-secretservice"},
			"{}",
			all(),
			"docker-credential-secretservice served all registries until now",
		},
		{"pass without its helper", []string{"pass", "docker-credential-secretservice"}, "{}", all(), ""},
		{"not with a login", []string{"docker-credential-secretservice"}, `{"auths": {"ghcr.io": ` +
			`{}}}`, all(), ""},
		{
			"one host",
			[]string{"docker-credential-secretservice"},
			"{}", hosts("ghcr.io"),
			"docker used docker-credential-secretservice by itself as long as its configuration named no " +
				"helper; " +
				"from now on it writes logins to all other registries into the file in plain text => zen " +
				"setup docker",
		},
		{"one host more", []string{"docker-credential-secretservice"}, `{"credHelpers": {"quay.io": ` +
			`"zen"}}`, hosts("ghcr.io"), ""},
	}
	for _, tt := range tests {
		m := newMachine(t)
		for _, p := range tt.programs {
			m.program("bin/" + p)
		}
		m.vars["PASSWORD_STORE_DIR"] = m.at("passwords")
		m.mkdir("passwords/docker-credential-helpers", 0o700)
		m.config(tt.config)
		got := m.warnings(m.apply(tt.options))
		if tt.want == "" && len(got) > 0 ||
			tt.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], tt.want)) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestForeignDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	m := newMachine(t)
	m.config("{}")
	if err := os.Chown(m.at("home/.docker"), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(m.at("bin"), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"DIR/bin/docker-credential-zen is not safe to execute: the directory DIR/bin belongs to user 12345" +
			" => move the program into a directory of your own or of root's",
		"DIR/home/.docker belongs to another user => run zen as that user, without sudo",
	}
	if diff := cmp.Diff(want, m.warnings(m.apply(all()))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
