package guard

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
)

// canary is every password here. It must come out nowhere but in the files that it is
// written into, and in the vault.
const canary = "canary-c0ffee"

func basic(secret string) string { return base64.StdEncoding.EncodeToString([]byte("alice:" + secret)) }

// auths is a member of a file in docker's format with a login of alice's for each host.
func auths(hosts ...string) string {
	var all []string
	for _, host := range hosts {
		all = append(all, fmt.Sprintf(`%q: {"auth": %q}`, host, basic(canary)))
	}
	return `"auths": {` + strings.Join(all, ", ") + `}`
}

// fakeVault is a vault by the address of registries, for a profile with @ and its name
// behind that.
type fakeVault struct {
	mu       sync.Mutex
	stored   map[string]string // "alice:password"
	minted   map[string]string // name of the service connector
	verdicts map[string]string // by "alice:password": Verification
	locked   bool
	stores   int
	verified int
}

func newVault() *fakeVault {
	return &fakeVault{stored: map[string]string{}, minted: map[string]string{}, verdicts: map[string]string{}}
}

func text(cred credential.Credential) string {
	return cred.Username + ":" + string(cred.Secret.Reveal())
}

var errLocked = credential.NewError(credential.Locked, "the vault is locked", "")

func (v *fakeVault) Holds(
	_ context.Context,
	profile, serverURL string,
	cred credential.Credential,
) (access.Holding, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	a, err := address.Parse(serverURL)
	if err != nil {
		return access.Holding{}, err
	}
	if name := v.minted[a.String()]; name != "" {
		return access.Holding{Connector: name, Exact: true}, nil
	}
	for up, ok := a, true; ok; up, ok = up.Parent() {
		have := v.stored[up.String()+"@"+profile]
		if have == "" {
			have = v.stored[up.String()]
		}
		if have != "" {
			if v.locked {
				return access.Holding{Exact: up == a}, errLocked
			}
			return access.Holding{Exact: up == a, Same: have == text(cred)}, nil
		}
	}
	return access.Holding{}, credential.NewError(credential.NotLoggedIn, "not logged in to any registry", "")
}

func (v *fakeVault) Verify(
	_ context.Context,
	_ string,
	cred credential.Credential,
) (api.CredentialReport, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.verified++
	verdict := v.verdicts[text(cred)]
	if verdict == "" {
		verdict = api.VerificationValid
	}
	return api.CredentialReport{Verification: verdict, Detail: "the registry says " + verdict}, nil
}

func (v *fakeVault) Store(_ context.Context, profile, serverURL string, cred credential.Credential) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.locked {
		return errLocked
	}
	v.stores++
	a, err := address.Parse(serverURL)
	if err != nil {
		return err
	}
	delete(v.minted, a.String())
	if profile != "" {
		profile = "@" + profile
	}
	v.stored[a.String()+profile] = text(cred)
	return nil
}

func (v *fakeVault) has(t *testing.T, registry, want string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if got := v.stored[registry]; got != want {
		t.Errorf("the vault has %q for %s, want %q", got, registry, want)
	}
}

// home is a home directory that is guarded, and what is needed for that.
type home struct {
	t     *testing.T
	dir   string
	vars  map[string]string
	env   clientconfig.Env
	vault *fakeVault
	log   *logged
	guard *Guard
	clock time.Time
}

// logged is a log that may be read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newHome(t *testing.T, mode Mode) *home {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &home{t: t, dir: dir, vars: map[string]string{}, vault: newVault(), log: &logged{}}
	h.vars["HOME"], h.vars["PATH"], h.vars["XDG_RUNTIME_DIR"] = dir, h.at("bin"), h.at("run")
	h.env = clientconfig.Env{
		Getenv: func(k string) string { return h.vars[k] },
		State:  h.at("state"),
		Root:   h.at("root"),
	}
	h.write("bin/docker-credential-zen", "#!/bin/sh\n")
	h.must(os.Chmod(h.at("bin/docker-credential-zen"), 0o755))
	h.restart(mode)
	t.Cleanup(func() {
		for what, text := range map[string]string{
			"the log":  h.log.String(),
			"a notice": fmt.Sprint(h.guard.Notices()),
		} {
			if strings.Contains(text, canary) || strings.Contains(text, basic(canary)) {
				t.Errorf("a secret is in %s:\n%s", what, text)
			}
		}
		if t.Failed() {
			t.Logf("log:\n%s", h.log.String())
		}
	})
	return h
}

// restart is what a new zend knows.
func (h *home) restart(mode Mode) {
	h.guard = New(Options{
		Env: h.env, Zen: h.vault, Log: slog.New(slog.NewTextHandler(h.log, nil)),
		Now: func() time.Time { return time.Now().Add(h.clock.Sub(time.Time{})) },
	})
	h.guard.SetMode(mode)
}

func (h *home) at(name string) string { return filepath.Join(h.dir, name) }

func (h *home) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) write(name, text string) {
	h.t.Helper()
	h.must(os.MkdirAll(filepath.Dir(h.at(name)), 0o700))
	h.must(os.WriteFile(h.at(name), []byte(text), 0o600))
}

func (h *home) read(name string) string {
	h.t.Helper()
	b, err := os.ReadFile(h.at(name))
	h.must(err)
	return string(b)
}

// docker is docker's configuration.
const docker = ".docker/config.json"

func (h *home) config(text string) { h.t.Helper(); h.write(docker, text) }

func (h *home) wantFile(name, want string) {
	h.t.Helper()
	if got := h.read(name); got != want {
		h.t.Errorf("%s:\n%s\nwant:\n%s", name, got, want)
	}
}

func (h *home) setup(client string, hosts ...string) {
	h.t.Helper()
	_, err := h.env.Apply(h.t.Context(), client, clientconfig.Options{Hosts: hosts})
	h.must(err)
}

func (h *home) undo(client string) {
	h.t.Helper()
	_, err := h.env.Undo(h.t.Context(), client, clientconfig.Options{})
	h.must(err)
}

func (h *home) look() { h.t.Helper(); h.guard.look(h.t.Context()) }

// notices are their texts and hints, with ~ for the home directory.
func (h *home) notices() (list []string) {
	for _, n := range h.guard.Notices() {
		list = append(list, strings.ReplaceAll(n.Text+" -> "+n.Hint, h.dir, "~"))
	}
	return list
}

func (h *home) wantNotices(want ...string) {
	h.t.Helper()
	if got := h.notices(); !slices.Equal(got, want) {
		h.t.Errorf("notices:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// secretIn are the files in which the canary is, without those of the vault.
func (h *home) secretIn() (list []string) {
	h.t.Helper()
	h.must(filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // it went away meanwhile
		}
		b, err := os.ReadFile(path)
		if err == nil && (bytes.Contains(b, []byte(canary)) || bytes.Contains(b, []byte(basic(canary)))) {
			list = append(list, strings.TrimPrefix(path, h.dir+"/"))
		}
		return nil
	}))
	return list
}

func (h *home) wantSecretIn(want ...string) {
	h.t.Helper()
	if got := h.secretIn(); !slices.Equal(got, want) {
		h.t.Errorf("the password is in %q, want %q", got, want)
	}
}

// Every file in which a client keeps logins is found, whatever is in zend's environment.
func TestReports(t *testing.T) {
	h := newHome(t, Report)
	h.vars["DOCKER_CONFIG"] = h.at("ci") // that of the shell from which zend was started
	h.vars["REGISTRY_AUTH_FILE"] = "relative/auth.json"
	for name, text := range map[string]string{
		docker: `{` +
			auths("ghcr.io", "quay.io/team", "https://index.docker.io/v1/") + `}`,
		"ci/config.json":                    `{"credsStore": "zen", ` + auths("ghcr.io") + `}`,
		".config/containers/auth.json":      `{` + auths("quay.io") + `}`,
		"run/containers/auth.json":          `{` + auths("a.example") + `}`,
		".config/helm/registry/config.json": `{` + auths("b.example") + `}`,
		".regctl/config.json": `{"hosts": {"c.example": {"user": "alice", "pass": ` +
			`"` + canary + `"}, "d.example": {}}}`,
		".dockercfg":              `{"e.example": {"auth": "` + basic(canary) + `"}}`,
		".docker/config.json.bak": `{` + auths("not.looked.at") + `}`,
	} {
		h.write(name, text)
	}
	before := h.secretIn()
	h.look()
	h.wantNotices(
		"~/ci/config.json stores credentials in plain text: ghcr.io -> DOCKER_CONFIG=~/ci zen import",
		"~/run/containers/auth.json stores credentials in plain text: a.example -> zen import",
		"~/.config/containers/auth.json stores credentials in plain text: quay.io -> zen import",
		"~/.dockercfg stores credentials in plain text: e.example -> zen import",
		"~/.config/helm/registry/config.json stores credentials in plain text: b.example -> zen import",
		"~/.regctl/config.json stores credentials in plain text: c.example -> zen import",
		"~/.docker/config.json stores credentials in plain text: ghcr.io, docker.io, quay.io -> zen "+
			"import",
	)
	logged := h.log.String()
	if n := strings.Count(logged, "level=WARN"); n != 7 {
		t.Errorf("%d warnings", n)
	}
	h.look()
	if h.log.String() != logged {
		t.Errorf("the log repeats itself:\n%s", strings.TrimPrefix(h.log.String(), logged))
	}
	h.wantSecretIn(before...)
	if h.vault.stores+h.vault.verified > 0 {
		t.Error("the vault was used")
	}
	since := h.guard.Notices()[0].Time
	h.must(os.Remove(h.at(docker)))
	h.clock = h.clock.Add(time.Hour)
	h.look()
	if list := h.guard.Notices(); len(list) != 6 || !list[0].Time.Equal(since) {
		t.Errorf("%+v", list)
	}
}

// What cannot be read is told, and does not keep the rest from being looked at.
func TestReportsTrouble(t *testing.T) {
	h := newHome(t, Import)
	h.config(`{"auths": {`)
	h.write(
		".config/containers/auth.json",
		`{"auths": {"ghcr.io": {"registrytoken": "`+canary+`"}}, "credHelpers": {"ghcr.io": "zen"}}`,
	)
	h.must(os.Symlink("config.json", h.at(".regctl")))
	h.write("state/setup/undo.json", "{")
	h.look()
	h.wantNotices(
		"the clients' files are not all known: ~/state/setup/undo.json, where zen remembers what it "+
			"changed, is damaged -> "+
			"move it away, then try again: mv ~/state/setup/undo.json ~/state/setup/undo.json.damaged",
		"~/.docker/config.json:1:12: unexpected end of JSON input; docker cannot read it, asks nobody, and "+
			"overwrites it at the next docker login -> correct the file; zen changed "+
			"nothing in it",
		"~/.config/containers/auth.json stores credentials in plain text: ghcr.io; it is a registry's "+
			"own token, which no helper can hand out and "+
			"which ends by itself -> log in again with a user name",
	)
}

// The login goes into the vault, then out of the file, and nothing else in the file
// changes.
func TestImports(t *testing.T) {
	for name, tt := range map[string]struct{ file, before, after string }{
		"docker": {
			docker, "{\n\t\"credsStore\": \"zen\",\r\n  \"x\":[1.0 ,2],\n\t" + auths("ghcr.io") + "}\n",
			"{\n\t\"credsStore\": \"zen\",\r\n  \"x\":[1.0 ,2],\n\t\"auths\": {\"ghcr.io\": {}}}\n",
		},
		"a profile of zen": {
			docker, `{"credsStore":"zen-work",` + auths("ghcr.io") + `}`,
			`{"credsStore":"zen-work","auths": {"ghcr.io": {}}}`,
		},
		"one registry only": {
			docker, `{"credHelpers": {"ghcr.io": "zen"}, ` + auths("ghcr.io", "quay.io") + `}`,
			`{"credHelpers": {"ghcr.io": "zen"}, "auths": {"ghcr.io": {}, "quay.io": {"auth": ` +
				`"` + basic(canary) + `"}}}`,
		},
		"podman": {
			".config/containers/auth.json", `{"credHelpers": {"ghcr.io": "zen"}, ` + auths("ghcr.io") + `}`,
			`{"credHelpers": {"ghcr.io": "zen"}, "auths": {}}`,
		},
		"helm": {
			".config/helm/registry/config.json", `{"credsStore":"zen",` + auths("ghcr.io") + `}`,
			`{"credsStore":"zen","auths": {"ghcr.io": {}}}`,
		},
		"identity token": {
			docker, `{"credsStore":"zen","auths":{"ghcr.io":{"auth":"` +
				base64.StdEncoding.EncodeToString([]byte("00000000:")) + `","identitytoken":"` + canary +
				`"}}}`,
			`{"credsStore":"zen","auths":{"ghcr.io":{}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t, Import)
			h.write(tt.file, tt.before)
			h.look()
			h.wantFile(tt.file, tt.after)
			registry, user := "ghcr.io", "alice"
			switch name {
			case "identity token":
				user = "<token>"
			case "a profile of zen":
				registry = "ghcr.io@work"
			}
			h.vault.has(t, registry, user+":"+canary)
			want := []string{"the login for ghcr.io was in plain text in ~/" + tt.file + " and is in the " +
				"vault now -> "}
			if name == "one registry only" {
				want = append([]string{"~/" + docker + " stores credentials in plain text: quay.io; " +
					"docker does not ask zen for them -> zen import"}, want...)
			}
			h.wantNotices(want...)
			h.look()
			h.wantNotices(want...)
			if h.vault.stores != 1 {
				t.Errorf("stored %d times", h.vault.stores)
			}
			if record := h.read("state/imported.json"); !strings.Contains(record, `"key": "ghcr.io"`) {
				t.Errorf("zen import --undo knows nothing: %s", record)
			}
			h.clock = h.clock.Add(toldFor + time.Minute)
			if list := h.notices(); len(list) != len(want)-1 {
				t.Errorf("told for ever: %q", list)
			}
		})
	}
}

// regctl has no helper of its own: it asks the one that docker's configuration names.
func TestImportsOfRegctl(t *testing.T) {
	h := newHome(t, Import)
	const before = `{"hosts":{"ghcr.io":{"tls":"enabled","user":"alice","pass":"` + canary + `"}}}`
	h.write(".regctl/config.json", before)
	h.look()
	h.wantFile(".regctl/config.json", before)
	h.wantNotices("~/.regctl/config.json stores credentials in plain text: ghcr.io; regctl does not ask " +
		"zen for them -> zen import")
	h.config(`{"credsStore": "zen"}`)
	h.look()
	h.wantFile(".regctl/config.json", `{"hosts":{"ghcr.io":{"tls":"enabled"}}}`)
	h.vault.has(t, "ghcr.io", "alice:"+canary)
}

// podman's family reads docker's file too. That it does not ask zen is told for as long
// as it is so, and as the deed is told.
func TestPodmanIsToldOf(t *testing.T) {
	const moved = "the login for ghcr.io was in plain text in ~/.docker/config.json and is in the vault " +
		"now -> "
	const left = "~/.docker/config.json is read by podman, skopeo and buildah too, which do not ask zen " +
		"yet for what left it: "
	const hint = " -> zen setup podman"
	h := newHome(t, Import)
	h.config(`{"credsStore":"zen",` + auths("ghcr.io") + `}`)
	h.look()
	h.wantNotices(moved) // nobody else is there
	h.write("bin/podman", "#!/bin/sh\n")
	h.must(os.Chmod(h.at("bin/podman"), 0o755))
	h.wantNotices(left+"ghcr.io"+hint, moved)
	h.setup("podman")
	h.wantNotices(moved)
	h.config(`{"credsStore":"zen",` + auths("quay.io") + `}`)
	h.look()
	other := strings.ReplaceAll(moved, "ghcr.io", "quay.io")
	h.wantNotices(moved, other)
	h.undo("podman")
	h.wantNotices(left+"ghcr.io, quay.io"+hint, moved, other)
	h.setup("podman")
	h.wantNotices(moved, other)
	h.undo("podman")
	h.clock = h.clock.Add(toldFor)
	h.wantNotices()
}

// What zen may not or cannot take over stays where it is, and is told.
func TestLeaves(t *testing.T) {
	const clear = "~/.docker/config.json stores credentials in plain text: ghcr.io; "
	for name, tt := range map[string]struct {
		setup func(h *home, v *fakeVault)
		want  string
	}{
		"locked": {func(_ *home, v *fakeVault) { v.locked = true }, clear + "the vault is locked -> " +
			"unlock the vault: zen unlock"},
		"rejected": {
			func(_ *home, v *fakeVault) { v.verdicts["alice:"+canary] = api.VerificationRejected },
			clear + "the registry says rejected -> log in again: docker login ghcr.io, or import it all " +
				"the same: zen import --no-verify",
		},
		"another login, not accepted": {
			func(_ *home, v *fakeVault) {
				v.stored["ghcr.io"] = "bob:x"
				v.verdicts["alice:"+canary] = api.VerificationUnreachable
			}, clear + "zen has another login for this registry, by docker login -> choose one of the two " +
				"logins: zen import --prefer zen, or --prefer source",
		},
		"a service connector": {
			func(_ *home, v *fakeVault) { v.minted["ghcr.io"] = "prod" },
			clear + "zen has another login for this registry, by service connector 'prod' -> choose one of " +
				"the two logins: zen import --prefer zen, or --prefer source",
		},
		"read-only": {
			func(h *home, _ *fakeVault) { h.must(os.Chmod(h.at(docker), 0o400)) },
			clear + "~/.docker/config.json is read-only -> chmod u+w ~/.docker/config.json",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t, Import)
			h.config(`{"credsStore":"zen",` + auths("ghcr.io") + `}`)
			tt.setup(h, h.vault)
			for range 3 {
				h.look()
				h.wantNotices(tt.want)
			}
			h.wantSecretIn(docker)
			if h.vault.verified > 1 && name != "another login, not accepted" {
				t.Errorf("the registry was asked %d times: it could lock the account", h.vault.verified)
			}
			if name == "another login, not accepted" {
				h.vault.has(t, "ghcr.io", "bob:x")
			}
		})
	}
}

// A login that the registry accepts takes the place of the one that zen was given before,
// as docker login would have done it; one that cannot be asked about is taken when there
// is no other.
func TestTakesOver(t *testing.T) {
	h := newHome(t, Import)
	h.vault.stored["ghcr.io"] = "bob:old"
	h.vault.stored["quay.io"] = "bob:above"
	h.config(`{"credsStore":"zen",` + auths("ghcr.io", "quay.io/team") + `}`)
	h.look()
	h.vault.has(t, "ghcr.io", "alice:"+canary)
	h.vault.has(t, "quay.io", "bob:above")
	h.vault.has(t, "quay.io/team", "alice:"+canary)
	h.wantSecretIn()

	h.vault.verdicts["alice:"+canary+"2"] = api.VerificationUnreachable
	h.config(`{"credsStore":"zen","auths":{"new.example":{"auth":"` + basic(canary+"2") + `"}}}`)
	h.look()
	h.vault.has(t, "new.example", "alice:"+canary+"2")
	h.wantFile(docker, `{"credsStore":"zen","auths":{"new.example":{}}}`)
}

// What failed is tried again when somebody says that it may work by now.
func TestLockedVaultIsOpened(t *testing.T) {
	h := newHome(t, Import)
	h.vault.locked = true
	h.config(`{"credsStore":"zen",` + auths("ghcr.io") + `}`)
	h.look()
	h.wantSecretIn(docker)
	h.vault.locked = false
	h.look()
	h.wantSecretIn()
}

// Who uninstalled zen, which may still run, wants nothing to be done for it.
func TestUninstalled(t *testing.T) {
	h := newHome(t, Import)
	h.config("{}")
	h.setup("docker")
	h.must(os.Remove(h.at("bin/docker-credential-zen")))
	with := `{` + auths("ghcr.io") + `}`
	h.config(with)
	h.look()
	h.wantFile(docker, with)
	h.wantNotices("~/.docker/config.json does not name zen any more: credsStore is gone -> zen setup docker",
		"~/.docker/config.json stores credentials in plain text: ghcr.io -> zen import")
}

// A helper that lies beside zend is enough: zend's PATH need not be the clients'.
func TestHelperBesideZend(t *testing.T) {
	h := newHome(t, Import)
	h.vars["PATH"] = h.at("elsewhere")
	h.env.Program = h.at("bin/zend")
	h.restart(Import)
	h.config(dirty(canary))
	h.look()
	h.wantFile(docker, clean)
}
