package logins

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
)

func TestFindInFiles(t *testing.T) {
	const docker, containers, regctl = "home/.docker/config.json", "home/.config/containers/auth.json",
		"home/.regctl/config.json"
	tests := []struct {
		name  string
		files map[string]string
		vars  map[string]string
		from  []string
		want  []string
	}{
		{name: "nothing at all"},
		{
			name: "docker", files: map[string]string{docker: `{"auths": {
				"ghcr.io": {"auth": "` + auth("alice", "one") + `", "email": "a@b"},
				"https://index.docker.io/v1/": {"auth": "` + auth("bob", "two") + `"},
				"https://index.docker.io/v1/refresh-token": {"auth": "` + auth("bob", "r..c") + `"},
				"marker.example": {},
				"empty.example": {"auth": ""}
			}}`},
			want: []string{
				"docker home/.docker/config.json ghcr.io=>ghcr.io alice:one",
				"docker home/.docker/config.json " +
					"https://index.docker.io/v1/=>https://index.docker.io/v1/ bob:two",
				"docker home/.docker/config.json " +
					"https://index.docker.io/v1/refresh-token=>https://index.docker.io/v1/refresh-token " +
					"bob:r..c",
			},
		},
		{
			name: "other forms of an entry", files: map[string]string{docker: `{"auths": {
				"token.example": {"auth": "` + auth("x", "") + `", "identitytoken": "tok"},
				"old.example": {"username": "carl", "password": "three"},
				"case.example": {"Auth": "` + auth("dave", "four") + `"},
				"both.example": {"auth": "` + auth("erin", "five") + `",
					"username": "other", "password": "other"}
			}}`},
			want: []string{
				"docker home/.docker/config.json token.example=>token.example <token>:tok",
				"docker home/.docker/config.json old.example=>old.example carl:three",
				"docker home/.docker/config.json case.example=>case.example dave:four",
				"docker home/.docker/config.json both.example=>both.example erin:five",
			},
		},
		{
			name: "spellings of a registry; the one that docker asks by comes first",
			files: map[string]string{docker: `{"auths": {
				"https://ghcr.io/v2/": {"auth": "` + auth("a", "1") + `"},
				"http://reg.example:5000": {"auth": "` + auth("a", "2") + `"},
				"https://ghcr.io/some/path": {"auth": "` + auth("a", "3") + `"},
				"ghcr.io": {"auth": "` + auth("a", "4") + `"},
				"ghcr.io:443": {"auth": "` + auth("a", "5") + `"}
			}}`},
			want: []string{
				"docker home/.docker/config.json ghcr.io=>ghcr.io a:4",
				"docker home/.docker/config.json https://ghcr.io/v2/=>ghcr.io a:1",
				"docker home/.docker/config.json http://reg.example:5000=>reg.example:5000 a:2",
				"docker home/.docker/config.json https://ghcr.io/some/path=>ghcr.io a:3",
				"docker home/.docker/config.json ghcr.io:443=>ghcr.io a:5",
			},
		},
		{
			name: "what cannot be imported", files: map[string]string{docker: `{"auths": {
				"user:pw@evil.example": {"auth": "` + auth("a", "1") + `"},
				"broken.example": {"auth": "!!"},
				"nopassword.example": {"auth": "` + auth("a", "") + `"},
				"bearer.example": {"registrytoken": "jwt"},
				"latin.example": {"auth": "` + auth("a", "\xfc") + `"},
				"nouser.example": {"password": "p"},
				"esc.example": {"auth": "` + auth("a\x1b[2J", "p") + `"}
			}}`},
			want: []string{
				"docker home/.docker/config.json broken.example=>broken.example : !its auth is not the " +
					"base64 of USER:PASSWORD",
				"docker home/.docker/config.json nopassword.example=>nopassword.example a: !there is a " +
					"user name and no password",
				"docker home/.docker/config.json bearer.example=>bearer.example : !it is a registry's " +
					"own token, which no helper can hand out and which ends by itself",
				"docker home/.docker/config.json latin.example=>latin.example a:\xfc !the user name or " +
					"the password is not UTF-8, which clients cannot get from a helper",
				"docker home/.docker/config.json nouser.example=>nouser.example :p !there is no user name",
				"docker home/.docker/config.json esc.example=>esc.example a\x1b[2J:p !the user name has " +
					"a control character in it",
				"docker home/.docker/config.json user:pw@evil.example=> a:1 !it is not the name of a " +
					"registry: the registry address has an @ in it",
			},
		},
		{
			name: "containers, with repositories and docker's file among those that podman reads",
			files: map[string]string{
				"run/containers/auth.json": `{"auths": {"quay.io/team": {"auth": "` + auth(
					"a",
					"1",
				) + `"}, "docker.io": {"auth": "` + auth(
					"a",
					"2",
				) + `"}}}`,
				containers: `{"auths": {"https://quay.io/v1/": {"auth": ` +
					`"` + auth("a", "3") + `"}}}`,
				docker: `{"auths": {"ghcr.io": {"auth": "` + auth("a", "4") + `"}}}`,
				"home/.dockercfg": `{"old.example": {"auth": "` + auth("a", "5") + `", "email": ` +
					`"x"}}`,
			},
			from: []string{"containers"},
			want: []string{
				"containers run/containers/auth.json quay.io/team=>quay.io/team a:1",
				"containers run/containers/auth.json docker.io=>https://index.docker.io/v1/ a:2",
				"containers home/.config/containers/auth.json https://quay.io/v1/=>quay.io a:3",
				"containers home/.dockercfg old.example=>old.example a:5",
			},
		},
		{
			name: "files that variables name", files: map[string]string{
				"elsewhere/config.json": `{"auths": {"one.example": {"auth": "` + auth("a", "1") + `"}}}`,
				"elsewhere/auth.json":   `{"auths": {"two.example": {"auth": "` + auth("a", "2") + `"}}}`,
				containers:              `{"auths": {"three.example": {"auth": "` + auth("a", "3") + `"}}}`,
				"elsewhere/helm.json":   `{"auths": {"four.example": {"auth": "` + auth("a", "4") + `"}}}`,
				"elsewhere/regctl.json": `{"hosts": {"five.example": {"user": "a", "pass": "5"}}}`,
			},
			vars: map[string]string{
				"DOCKER_CONFIG": "DIR/elsewhere", "REGISTRY_AUTH_FILE": "DIR/elsewhere/auth.json",
				"HELM_REGISTRY_CONFIG": "DIR/elsewhere/helm.json",
				"REGCTL_CONFIG":        "DIR/elsewhere/regctl.json",
			},
			want: []string{
				"docker elsewhere/config.json one.example=>one.example a:1",
				"containers elsewhere/auth.json two.example=>two.example a:2",
				"containers home/.config/containers/auth.json three.example=>three.example a:3",
				"helm elsewhere/helm.json four.example=>four.example a:4",
				"regctl elsewhere/regctl.json five.example=>five.example a:5",
			},
		},
		{
			name: "regctl", files: map[string]string{regctl: `{"hosts": {
				"docker.io": {"tls": "enabled", "hostname": "registry-1.docker.io", "user": "a", "pass": "1"},
				"mirror": {"tls": "disabled", "hostname": "reg.example:5000", "user": "b", "pass": "2"},
				"ghcr.io": {"token": "t"},
				"none.example": {"tls": "insecure"}
			}}`},
			want: []string{
				"regctl home/.regctl/config.json docker.io=>https://index.docker.io/v1/ a:1",
				"regctl home/.regctl/config.json ghcr.io=>ghcr.io <token>:t",
				"regctl home/.regctl/config.json mirror=>reg.example:5000 b:2",
			},
		},
		{
			name: "the scheme of a key says nothing", files: map[string]string{docker: `{"auths": {
				"http://a.example": {"auth": "` + auth("a", "1") + `"}, "http://b.example/": {"auth": ` +
				`"` + auth("a", "2") + `"},
				"http://c.example/v2/": {"auth": "` + auth("a", "3") + `"}, "http://d.example/v1/": ` +
				`{"auth": "` + auth("a", "4") + `"},
				"http://e.example:80": {"auth": "` + auth("a", "5") + `"}, "http://f.example:443": ` +
				`{"auth": "` + auth("a", "6") + `"},
				"HTTP://g.example": {"auth": "` + auth("a", "7") + `"}, "h.example:80": {"auth": ` +
				`"` + auth("a", "8") + `"},
				"http://docker.io": {"auth": "` + auth("a", "9") + `"}, "http://localhost:80/v2/": ` +
				`{"auth": "` + auth("a", "10") + `"}
			}}`},
			want: []string{
				"docker home/.docker/config.json h.example:80=>h.example:80 a:8",
				"docker home/.docker/config.json http://a.example=>a.example a:1",
				"docker home/.docker/config.json http://b.example/=>b.example a:2",
				"docker home/.docker/config.json http://c.example/v2/=>c.example a:3",
				"docker home/.docker/config.json http://d.example/v1/=>d.example a:4",
				"docker home/.docker/config.json http://e.example:80=>e.example:80 a:5",
				"docker home/.docker/config.json http://f.example:443=>f.example a:6",
				"docker home/.docker/config.json HTTP://g.example=>g.example a:7",
				"docker home/.docker/config.json http://docker.io=>https://index.docker.io/v1/ a:9",
				"docker home/.docker/config.json http://localhost:80/v2/=>localhost:80 a:10",
			},
		},
		{
			name: "keys of docker's that are no host", files: map[string]string{docker: `{"auths": {
				"one.example/ann/foo": {"auth": "` + auth("a", "1") + `"},
				"caps.example/MY_ORG/Services": {"auth": "` + auth("a", "2") + `"},
				"https://esc.example:5050/Group/My%20Project": {"auth": "` + auth("a", "3") + `"},
				"https://query.example/v2/?x=1": {"auth": "` + auth("a", "4") + `"},
				"oci://oci.example/charts": {"auth": "` + auth("a", "5") + `"},
				"tag.example/x:tag": {"auth": "` + auth("a", "6") + `"},
				"exact.example/ann": {"auth": "` + auth("b", "7") + `"},
				"exact.example": {"auth": "` + auth("a", "8") + `"},
				"exact.example/MY_ORG": {"auth": "` + auth("c", "9") + `"},
				"same.example/ann": {"auth": "` + auth("a", "10") + `"},
				"https://same.example/v1/": {"auth": "` + auth("a", "10") + `"},
				"index.docker.io/ann/app": {"auth": "` + auth("a", "11") + `"}
			}}`},
			want: []string{
				"docker home/.docker/config.json exact.example/ann=>exact.example/ann b:7",
				"docker home/.docker/config.json exact.example=>exact.example a:8",
				"docker home/.docker/config.json one.example/ann/foo=>one.example a:1",
				"docker home/.docker/config.json caps.example/MY_ORG/Services=>caps.example a:2",
				"docker home/.docker/config.json https://esc.example:5050/Group/My%20Project=>" +
					"esc.example:5050 a:3",
				"docker home/.docker/config.json https://query.example/v2/?x=1=>query.example a:4",
				"docker home/.docker/config.json oci://oci.example/charts=>oci.example a:5",
				"docker home/.docker/config.json tag.example/x:tag=>tag.example a:6",
				"docker home/.docker/config.json exact.example/MY_ORG=>exact.example c:9",
				"docker home/.docker/config.json same.example/ann=>same.example a:10",
				"docker home/.docker/config.json https://same.example/v1/=>same.example a:10",
				"docker home/.docker/config.json index.docker.io/ann/app=>docker.io/ann/app a:11",
			},
		},
		{
			name: "several logins for a host", files: map[string]string{docker: `{"auths": {
				"a.example/x": {"auth": "` + auth("a", "1") + `"},
				"https://a.example/y": {"auth": "` + auth("b", "2") + `"},
				"*.b.example": {"auth": "` + auth("a", "3") + `"},
				"${HOST}": {"auth": "` + auth("a", "4") + `"}
			}}`},
			want: []string{
				"docker home/.docker/config.json a.example/x=>a.example a:1 !the file has several logins " +
					"for a.example with different credentials, of which docker takes any",
				"docker home/.docker/config.json https://a.example/y=>a.example b:2 !the file has " +
					"several logins for a.example with different credentials, of which docker takes any",
				"docker home/.docker/config.json *.b.example=> a:3 !it is not the name of a registry: " +
					"docker knows no patterns here, and takes * as it is",
				"docker home/.docker/config.json ${HOST}=> a:4 !it is not the name of a registry: a " +
					"variable in it was not replaced by its value",
			},
		},
		{
			name: "keys of podman's", files: map[string]string{containers: `{"auths": {
				"a.example/x": {"auth": "` + auth("a", "1") + `"},
				"https://a.example/y": {"auth": "` + auth("b", "2") + `"}
			}}`},
			want: []string{
				"containers home/.config/containers/auth.json a.example/x=>a.example/x a:1",
				"containers home/.config/containers/auth.json https://a.example/y=>a.example b:2",
			},
		},
		{
			name: "leftovers come last", files: map[string]string{
				docker: `{"auths": {"ghcr.io": {"auth": "` + auth(
					"a",
					"new",
				) + `"}}}`,
				docker + "123456": `{"auths": {"ghcr.io": {"auth": "` + auth(
					"a",
					"old",
				) + `"}}}`,
				docker + ".bak": `{"auths": {"ghcr.io": {"auth": "` + auth(
					"a",
					"backup",
				) + `"}}}`,
				docker + "9x": `{"auths": {"ghcr.io": {"auth": "` + auth(
					"a",
					"other",
				) + `"}}}`,
				"run/containers/.tmp-auth.json77": `{"auths": {"quay.io": {"auth": "` + auth(
					"a",
					"tmp",
				) + `"}}}`,
				regctl: `{"hosts": {"quay.io": {"user": "b", "pass": "p"}}}`,
			},
			want: []string{
				"docker home/.docker/config.json ghcr.io=>ghcr.io a:new",
				"regctl home/.regctl/config.json quay.io=>quay.io b:p",
				"docker home/.docker/config.json123456 ghcr.io=>ghcr.io a:old leftover",
				"containers run/containers/.tmp-auth.json77 quay.io=>quay.io a:tmp leftover",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBox(t)
			for name, text := range tt.files {
				b.write(name, text)
			}
			for name, value := range tt.vars {
				b.vars[name] = strings.ReplaceAll(value, "DIR", b.dir)
			}
			found, got := b.find(tt.from...)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if len(found.Failures) > 0 {
				t.Errorf("failures: %v", found.Failures)
			}
		})
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	b := newBox(t)
	b.write("home/.docker/config.json", "{\n  \"auths\": {,}\n}")
	b.write("home/.regctl/config.json", "[]")
	b.write("home/.config/containers/auth.json", `{"auths": {"ghcr.io": {"auth": "`+auth("a", "1")+`"}}}`)
	found, lines := b.find()
	if len(lines) != 1 || len(found.Failures) != 2 {
		t.Fatalf("found %q, failures %v", lines, found.Failures)
	}
	if text := found.Failures[0].Problem.Error(); !strings.Contains(text, ".docker/config.json:2:13") ||
		found.Failures[0].Source != "docker" {
		t.Errorf("says %q", text)
	}
	if text := found.Failures[1].Problem.Error(); !strings.Contains(text, ".regctl/config.json:1:1") {
		t.Errorf("says %q", text)
	}
	if _, lines := b.find("containers"); len(lines) != 1 {
		t.Errorf("other sources suffer: %q", lines)
	}
}

// The same file by two names is read once.
func TestLinkedFiles(t *testing.T) {
	b := newBox(t)
	b.write("home/.docker/config.json", `{"auths": {"ghcr.io": {"auth": "`+auth("a", "1")+`"}}}`)
	if err := os.MkdirAll(b.at("home/.config/containers"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(b.at("home/.docker/config.json"),
		b.at("home/.config/containers/auth.json")); err != nil {
		t.Fatal(err)
	}
	if _, lines := b.find(); len(lines) != 1 {
		t.Errorf("found %q", lines)
	}
}

func TestScrub(t *testing.T) {
	const dockerFile, podmanFile, regctlFile = "home/.docker/config.json",
		"home/.config/containers/auth.json", "home/.regctl/config.json"
	secret := auth("alice", "one")
	tests := []struct{ name, file, before, after string }{
		{
			"docker keeps its marker", dockerFile,
			"\ufeff{\r\n\t\"auths\": {\r\n\t\t\"ghcr.io\": {\r\n\t\t\t\"auth\": \"" + secret +
				"\"\r\n\t\t}\r\n\t},\r\n\t\"x\": 1.50\r\n}",
			"\ufeff{\r\n\t\"auths\": {\r\n\t\t\"ghcr.io\": {}\r\n\t},\r\n\t\"x\": 1.50\r\n}",
		},
		{
			"what else an entry has stays", dockerFile,
			`{"auths": {"ghcr.io": {"email": "a@b", "auth": "` + secret + `", "identitytoken": "tok", ` +
				`"zz": [1]}}, "credsStore": "zen"}`,
			`{"auths": {"ghcr.io": {"email": "a@b", "zz": [1]}}, "credsStore": "zen"}`,
		},
		{
			"user name and password",
			dockerFile,
			`{"auths":{"ghcr.io":{"username":"alice","password":"one"}}}`,
			`{"auths":{"ghcr.io":{}}}`,
		},
		{
			"two spellings of a member", dockerFile,
			`{"auths":{"ghcr.io":{"Auth":"` + auth(
				"x",
				"y",
			) + `","auth":"` + secret + `"}}}`, `{"auths":{"ghcr.io":{}}}`,
		},
		{
			"only what can be imported", dockerFile,
			`{"auths":{"ghcr.io":{"auth":"` + secret + `"},"bad.example":{"auth":"!!"}}}`,
			`{"auths":{"ghcr.io":{},"bad.example":{"auth":"!!"}}}`,
		},
		{
			"podman has no markers", podmanFile,
			`{"auths": {"ghcr.io": {"auth": "` + secret + `"}, "quay.io": {"auth": "` + secret +
				`", "note": 1}}}`,
			`{"auths": {"quay.io": {"note": 1}}}`,
		},
		{
			"regctl", regctlFile, `{"hosts": {"ghcr.io": {"tls": "enabled", "user": "alice", "pass": ` +
				`"one", "blobMax": -1}}}`,
			`{"hosts": {"ghcr.io": {"tls": "enabled", "blobMax": -1}}}`,
		},
		{"dockercfg", "home/.dockercfg", `{"ghcr.io": {"auth": "` + secret + `"}}`, `{}`},
		{
			"leftover",
			dockerFile + "1",
			`{"auths":{"ghcr.io":{"auth":"` + secret + `"}}}`,
			`{"auths":{"ghcr.io":{}}}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBox(t)
			b.write(tt.file, tt.before)
			if used, ok := strings.CutSuffix(tt.file, "1"); ok {
				b.write(used, "{}")
			}
			stay, err := Scrub(t.Context(), b.at(tt.file), b.importable())
			if err != nil || len(stay) != 0 {
				t.Fatalf("stays %v, %v", stay, err)
			}
			if got := b.read(tt.file); got != tt.after {
				t.Errorf("left %q, want %q", got, tt.after)
			}
		})
	}
}

// importable are the logins that can be imported.
func (b *box) importable() (list []*Login) {
	b.t.Helper()
	found, _ := b.find()
	for _, l := range found.Logins {
		if l.Problem == nil {
			list = append(list, l)
		}
	}
	return list
}

// What another program wrote since the file was read is never taken out.
func TestScrubLeavesWhatChanged(t *testing.T) {
	const file = "home/.docker/config.json"
	b := newBox(t)
	b.write(
		file,
		`{"auths":{"a.example":{"auth":"`+auth(
			"u",
			"1",
		)+`"},"b.example":{"auth":"`+auth(
			"u",
			"2",
		)+`"},"c.example":{"auth":"`+auth(
			"u",
			"3",
		)+`"}}}`,
	)
	list := b.importable()
	after := `{"auths":{"a.example":{"auth":"` + auth(
		"u",
		"new",
	) + `"},"b.example":{"auth":"` + auth(
		"u",
		"2",
	) + `"}},"new":true}`
	b.write(file, after)
	stay, err := Scrub(t.Context(), b.at(file), list)
	if err != nil || len(stay) != 1 || stay[0].Key != "a.example" {
		t.Fatalf("stays %v, %v", stay, err)
	}
	if got, want := b.read(file), strings.Replace(after, `{"auth":"`+auth("u", "2")+`"}`, "{}",
		1); got != want {
		t.Errorf("left %q, want %q", got, want)
	}
	b.write(file, "{ not json")
	if _, err := Scrub(t.Context(), b.at(file), list); err == nil || b.read(file) != "{ not json" {
		t.Errorf("a broken file: %v, %q", err, b.read(file))
	}
	if err := os.Remove(b.at(file)); err != nil {
		t.Fatal(err)
	}
	if stay, err := Scrub(t.Context(), b.at(file), list); err != nil || len(stay) != 0 {
		t.Errorf("a file that is gone: %v, %v", stay, err)
	}
	if _, err := os.Stat(b.at(file)); err == nil {
		t.Error("the file was made anew")
	}
}

func TestRestore(t *testing.T) {
	files := map[string]string{
		"home/.docker/config.json": `{
	"auths": {
		"ghcr.io": {
			"auth": "` + auth("alice", "one") + `"
		},
		"token.example": {
			"identitytoken": "tok"
		}
	}
}`,
		"home/.regctl/config.json": `{"hosts": {"quay.io": {"tls": "enabled","user": ` +
			`"bob","pass": "two"}}}`,
		"home/.config/containers/auth.json": `{"auths": {"docker.io": {"auth": "` + auth(
			"carl",
			"three",
		) + `"}}}`,
	}
	b := newBox(t)
	for name, text := range files {
		b.write(name, text)
	}
	list := b.importable()
	var records []Record
	for _, l := range list {
		records = append(records, l.Record(noon()))
		if _, err := Scrub(t.Context(), l.File, []*Login{l}); err != nil {
			t.Fatal(err)
		}
	}
	if len(list) != 4 || len(b.importable()) != 0 {
		t.Fatalf("%d logins were found, %d are left", len(list), len(b.importable()))
	}
	for i, r := range records {
		l := b.finder().Login(r)
		l.Secret = list[i].Secret
		if done, err := l.Restore(t.Context()); !done || err != nil {
			t.Errorf("%s: %v, %v", r.Key, done, err)
		}
		if done, err := l.Restore(t.Context()); !done || err != nil {
			t.Errorf("%s again: %v, %v", r.Key, done, err)
		}
	}
	for name, want := range files {
		if got := b.read(name); got != want {
			t.Errorf("%s is %q, was %q", name, got, want)
		}
	}
	l := b.finder().Login(records[0])
	l.Secret = list[1].Secret
	if done, err := l.Restore(t.Context()); done || err != nil ||
		b.read("home/.docker/config.json") != files["home/.docker/config.json"] {
		t.Errorf("another login was overwritten: %v, %v", done, err)
	}
}

func TestRemoveLeftover(t *testing.T) {
	const file = "home/.docker/config.json42"
	b := newBox(t)
	b.write("home/.docker/config.json", "{}")
	b.write(file, `{"auths":{"ghcr.io":{"auth":"`+auth("u", "1")+`"},"bad.example":{"auth":"!!"}}}`)
	list := b.importable()
	if err := list[0].RemoveLeftover(); err != nil {
		t.Fatal(err)
	}
	b.read(file) // still there
	b.write(file, `{"auths":{"ghcr.io":{}}}`)
	if err := list[0].RemoveLeftover(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(b.at(file)); !os.IsNotExist(err) {
		t.Errorf("the leftover is still there: %v", err)
	}
	if err := list[0].RemoveLeftover(); err != nil {
		t.Errorf("removing what is gone: %v", err)
	}
	b.write(file, `{"auths":{}}`)
	if found, _ := b.find(); len(found.Notes) != 1 ||
		!strings.Contains(found.Notes[0].Message, filepath.Base(file)) {
		t.Errorf("a leftover without a login is told as %v", found.Notes)
	}
}

// FuzzTakeOut: whatever a file in docker's format holds, scrubbing removes members of the
// entries that were imported and changes nothing else: no secret stays, every other value
// keeps its bytes.
func FuzzTakeOut(f *testing.F) {
	f.Add(
		`{"auths":{"ghcr.io":{"auth":"` + auth("a", "secret") + `","email":"e"},"x":{}},"credsStore":"zen"}`,
	)
	f.Add("{\n  \"auths\" : { \"a\" : {\"identitytoken\":\"t\", \"auth\" : \"" + auth("a", "") + "\" } , " +
		"\"b\":null }\n}\n")
	f.Add(`{"auths":{"a/b":{"username":"u","password":"p","Password":"q"}}}`)
	f.Add(`{"auths":{"a":{"auth":"` + auth("u", "p") + `","Auth":7}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, client := range []string{"docker", "podman"} {
			format := formatOf(client, "config.json")
			d, err := format.Parse("config.json", []byte(text))
			if err != nil {
				return
			}
			list := format.logins(client, "config.json", d)
			next := d
			taken := map[string]bool{}
			for _, l := range list {
				if l.Problem != nil {
					continue
				}
				var done bool
				if next, done, err = l.takeOut(next); err != nil || !done {
					t.Fatalf("%q: %v, %v", l.Key, done, err)
				}
				taken[l.Key] = true
			}
			for _, l := range format.logins(client, "config.json", next) {
				if l.Problem == nil || taken[l.Key] && l.Username != "" {
					t.Fatalf("%q still holds a login", l.Key)
				}
			}
			sameBut(t, d, next, taken)
		}
	})
}

// sameBut checks that everything outside the entries that were taken is as it was, and
// inside all but secrets.
func sameBut(t *testing.T, d, next *jsonedit.Document, taken map[string]bool) {
	t.Helper()
	same := func(path ...string) {
		before, _ := d.Raw(path...)
		if after, ok := next.Raw(path...); !ok || string(before) != string(after) {
			t.Fatalf("%q was %q and is %q", path, before, after)
		}
	}
	for _, key := range d.Keys() {
		if key != "auths" {
			same(key)
		}
	}
	for _, key := range d.Keys("auths") {
		if !taken[key] {
			same("auths", key)
			continue
		}
		for _, name := range d.Keys("auths", key) {
			if !strings.Contains(" auth identitytoken password username ", " "+strings.ToLower(name)+" ") {
				same("auths", key, name)
			}
		}
	}
}

// A key with a path is the host's login for docker, unless zen has another one for the
// host: then it is that of the path, for which other clients ask.
func TestNarrow(t *testing.T) {
	b := newBox(t)
	b.write("home/.docker/config.json", `{"auths": {"ghcr.io/ann/foo": {"auth": "`+auth("a", "1")+`"}}}`)
	found, _ := b.find("docker")
	l := found.Logins[0]
	if l.ServerURL != "ghcr.io" || !l.Narrow() || l.ServerURL != "ghcr.io/ann/foo" || l.Narrow() ||
		l.Address.Path() != "ann/foo" {
		t.Errorf("%s", b.line(l))
	}
}
