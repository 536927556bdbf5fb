package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/ipc/server"
	"github.com/zen-agent/zen/internal/paths"
)

// importZend keeps credentials in memory, and says of those that end in "-bad" that their
// registry refuses them.
type importZend struct {
	t *testing.T

	mu     sync.Mutex
	kept   map[string]api.Login // by address
	secret map[string]string    // by address
	calls  []string
	fail   map[string]error // by method
	slots  []api.VaultSlot  // of the vault
	lie    bool             // answers get with something else than was stored
	onCall func(method string)
}

func (z *importZend) Call(method string, params []byte, _ time.Time) (ipc.Reply, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	var p struct{ ServerURL, Username, Secret string }
	if err := json.Unmarshal(params, &p); err != nil {
		z.t.Error(err)
	}
	if z.onCall != nil {
		z.onCall(method)
	}
	if method != api.MethodLogins && method != api.MethodVaultStatus {
		z.calls = append(z.calls, strings.TrimSpace(method+" "+p.ServerURL+" "+p.Username))
	}
	if err := z.fail[method]; err != nil {
		return ipc.Reply{}, err
	}
	result, err := z.answer(method, p.ServerURL, p.Username, p.Secret)
	if err != nil {
		return ipc.Reply{}, err
	}
	encoded, err := json.Marshal(result)
	return ipc.Reply{Result: encoded}, err
}

func (z *importZend) answer(method, server, username, secret string) (any, error) {
	if method == api.MethodVaultStatus {
		return api.VaultStatus{Slots: z.slots}, nil
	}
	if method == api.MethodLogins {
		list := api.LoginList{}
		for _, l := range z.kept {
			list.Items = append(list.Items, l)
		}
		return list, nil
	}
	a, err := address.Parse(server)
	if err != nil {
		return nil, err
	}
	at := a.String()
	switch method {
	case api.MethodStore:
		z.kept[at], z.secret[at] = api.Login{Address: at, Username: username, Source: "docker login"}, secret
		return api.Empty{}, nil
	case api.MethodGet:
		l, ok := z.kept[at]
		if !ok {
			return nil, credential.NewError(credential.NotLoggedIn, "not logged in to "+at, "")
		}
		if z.lie {
			return map[string]string{"ServerURL": server, "Username": l.Username, "Secret": "something " +
				"else"}, nil
		}
		return map[string]string{"ServerURL": server, "Username": l.Username, "Secret": z.secret[at]}, nil
	case api.MethodCredentialVerify:
		switch {
		case strings.HasSuffix(secret, "-bad"):
			return api.CredentialReport{Verification: api.VerificationRejected, Detail: at + " refused " +
				"the credentials"}, nil
		case strings.HasSuffix(secret, "-far"):
			return api.CredentialReport{Verification: api.VerificationUnreachable, Detail: at + " cannot " +
				"be reached"}, nil
		}
		return api.CredentialReport{Verification: api.VerificationValid}, nil
	}
	return nil, credential.NewError(credential.UnknownMethod, method, "")
}

// has gives zen a login.
func (z *importZend) has(at, username, secret, connector string) {
	z.kept[at] = api.Login{
		Address:       at,
		Username:      username,
		ConnectorID:   connector,
		ConnectorName: connector,
		Source:        "docker login",
	}
	z.secret[at] = secret
}

// importBox is a home in which zen import is run.
type importBox struct {
	*setupBox

	zend *importZend
}

func newImportBox(t *testing.T) *importBox {
	b := &importBox{setupBox: newSetupBox(t), zend: &importZend{
		t: t, kept: map[string]api.Login{}, secret: map[string]string{}, fail: map[string]error{},
	}}
	b.vars["XDG_RUNTIME_DIR"] = filepath.Join(b.dir, "run")
	return b
}

// run is zen import with the words of line.
func (b *importBox) run(line string) ran { return b.runIn(b.t.Context(), line) }

func (b *importBox) runIn(ctx context.Context, line string) ran {
	b.t.Helper()
	var out, err bytes.Buffer
	a := &app{
		UI: &ui.UI{
			In: strings.NewReader(""), Out: &ui.DataWriter{W: &out}, Err: &err,
			Getenv: func(k string) string { return b.vars[k] },
		},
		now:  noon,
		zend: func(bool) (zend.Caller, error) { return b.zend, nil },
		dirs: func() (paths.Dirs, error) { return paths.Dirs{State: filepath.Join(b.dir, "state")}, nil },
	}
	code := a.run(ctx, append([]string{"import"}, strings.Fields(line)...))
	r := ran{
		strings.ReplaceAll(out.String(), b.dir, "HOME"),
		strings.ReplaceAll(err.String(), b.dir, "HOME"),
		code,
	}
	for _, text := range []string{r.stdout, r.stderr} {
		if strings.Contains(text, canary) ||
			strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(canary))[:16]) {
			b.t.Errorf("zen import %s prints a secret:\n%s", line, text)
		}
	}
	return r
}

// rows runs zen import for a script and returns a line for each login.
func (b *importBox) rows(line string) (rows []string, r ran) {
	b.t.Helper()
	r = b.run(line + " -o json")
	var doc struct {
		Items []struct {
			Source, Registry, Username, Status, Verification, Detail string
			Removed                                                  bool
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
		b.t.Fatalf("%v:\n%s%s", err, r.stdout, r.stderr)
	}
	for _, i := range doc.Items {
		row := strings.Join([]string{i.Source, i.Registry, i.Username, i.Status}, " ")
		if i.Verification != "" && i.Verification != api.VerificationValid {
			row += " " + i.Verification
		}
		if i.Removed {
			row += " removed"
		}
		if i.Detail != "" {
			row += ": " + strings.ReplaceAll(i.Detail, b.dir, "HOME")
		}
		rows = append(rows, row)
	}
	return rows, r
}

// want checks what import prints for a script, and its exit status.
func (b *importBox) want(line string, code int, rows ...string) ran {
	b.t.Helper()
	got, r := b.rows(line)
	if diff := cmp.Diff(rows, got); diff != "" || r.code != code {
		b.t.Errorf(
			"zen import %s: exit status %d, want %d; -want +got\n%s\n%s",
			line,
			r.code,
			code,
			diff,
			r.stderr,
		)
	}
	return r
}

func (b *importBox) auths(file string, entries ...string) {
	b.t.Helper()
	var list []string
	for _, e := range entries { // "registry user secret"
		f := strings.Fields(e)
		list = append(
			list,
			fmt.Sprintf("%q: {\"auth\": %q}", f[0], base64.StdEncoding.EncodeToString([]byte(f[1]+":"+f[2]))),
		)
	}
	b.write(file, `{"auths": {`+strings.Join(list, ", ")+`}}`, 0o600)
}

const (
	dockerConfig = ".docker/config.json"
	podmanConfig = ".config/containers/auth.json"
)

// helper puts a docker-credential-NAME on PATH whose one login is alice's for a registry.
func (b *importBox) helper(name, registry, secret string) {
	b.write("bin/docker-credential-"+name, `#!/bin/sh
kept='`+b.dir+`/kept-`+name+`'
case "$1" in
list) [ -e "$kept" ] && echo '{"`+registry+`":"alice"}' || echo '{}' ;;
get) [ -e "$kept" ] || { echo 'credentials not found in native keychain'; exit 1; }
	printf '{"ServerURL":"`+registry+`","Username":"alice","Secret":"%s"}\n' "$(cat "$kept")" ;;
erase) rm "$kept" ;;
store) sed 's/.*"Secret":"\([^"]*\)".*/\1/' > "$kept" ;;
esac
`, 0o755)
	b.write("kept-"+name, secret, 0o600)
	b.vars["PATH"] = filepath.Join(b.dir, "bin") // the helpers' own environment is the test's
}

func TestImportDryRun(t *testing.T) {
	b := newImportBox(t)
	r := b.run("")
	if r.code != 0 || r.stdout != "" || !strings.Contains(r.stderr, "There are no logins to import.") {
		t.Errorf("nothing at all: %+v", r)
	}
	b.auths(dockerConfig, "ghcr.io alice "+canary, "quay.io bob "+canary+"-bad")
	before := b.read(dockerConfig)
	for _, line := range []string{"", "--dry-run", "-o json"} {
		if r = b.run(line); r.code != 0 || !strings.Contains(r.stdout, "to import") ||
			!strings.Contains(r.stderr, "This was a dry run") {
			t.Errorf("zen import %s: %+v", line, r)
		}
	}
	if !strings.Contains(r.stderr, "docker would ask zen for credentials from then on, as after: zen "+
		"setup docker") {
		t.Errorf("does not say what would be set up: %s", r.stderr)
	}
	if b.read(dockerConfig) != before || len(b.zend.calls) != 0 {
		t.Errorf("something was done: %q", b.zend.calls)
	}
	for _, line := range []string{"--from nowhere", "--prefer it", "--yes --dry-run", "--undo " +
		"--remove", "extra"} {
		if r := b.run(line); r.code != credential.ExitUsage {
			t.Errorf("zen import %s: %+v", line, r)
		}
	}
}

// The whole way: verified, stored, read back, docker pointed at zen, and only then taken
// out.
func TestImportFromFile(t *testing.T) {
	b := newImportBox(t)
	b.config(
		"{\n\t\"auths\": {\n\t\t\"ghcr.io\": {\n\t\t\t\"auth\": \"" + base64.StdEncoding.EncodeToString(
			[]byte("alice:"+canary),
		) +
			"\"\n\t\t}\n\t},\n\t\"other\": 1.0\n}\n",
	)
	r := b.want("--yes", 0, "docker ghcr.io alice imported removed")
	if want := "{\n\t\"auths\": {\n\t\t\"ghcr.io\": {}\n\t},\n\t\"other\": 1.0,\n\t\"credsStore\": " +
		"\"zen\"\n}\n"; b.read(dockerConfig) != want {
		t.Errorf("left %q, want %q", b.read(dockerConfig), want)
	}
	if diff := cmp.Diff([]string{"credential.verify ghcr.io alice", "store ghcr.io alice", "get ghcr.io"},
		b.zend.calls); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if !strings.Contains(r.stderr, "docker asks zen for credentials from now on") ||
		b.zend.secret["ghcr.io"] != canary {
		t.Errorf("%s, zen has %q", r.stderr, b.zend.secret)
	}
	b.want("--yes", 0)
	if text := b.read("state/imported.json"); strings.Contains(text, canary) ||
		!strings.Contains(text, `"ghcr.io"`) {
		t.Errorf("remembered %s", text)
	}
}

// One failing entry does not stop the others.
func TestImportResults(t *testing.T) {
	b := newImportBox(t)
	b.auths(dockerConfig, "a.example alice "+canary, "b.example bob "+canary+"-bad", "c.example "+
		"carl "+canary+"-far", "e@vil x "+canary,
		"http://d.example/v2/ dave "+canary)
	b.write(".regctl/config.json", `[]`, 0o600)
	r := b.want("--yes", 1,
		"docker a.example alice imported removed",
		"docker b.example bob failed rejected: b.example refused the credentials",
		"docker c.example carl imported unreachable removed: c.example cannot be reached",
		"docker vil x failed: it is not the name of a registry: the registry address has an @ in it",
		"docker d.example dave imported removed",
		"regctl   failed: HOME/.regctl/config.json:1:1: not an object",
	)
	text := b.read(dockerConfig)
	for _, part := range []string{`"b.example": {"auth": "`, `"e@vil": {"auth": "`, `"a.example": ` +
		`{}`, `"c.example": {}`} {
		if !strings.Contains(text, part) {
			t.Errorf("there is no %s in %s", part, text)
		}
	}
	// Docker still needs the file for what stays there: it asks zen for the others only.
	if strings.Contains(text, "credsStore") || !strings.Contains(text, `"a.example": `+
		`"zen"`) || strings.Contains(text, `"b.example": "zen"`) {
		t.Errorf("docker is set up as %s", text)
	}
	if !strings.Contains(r.stderr, "credHelpers") {
		t.Errorf("says %s", r.stderr)
	}
	calls := strings.Join(b.zend.calls, "\n")
	if strings.Contains(calls, "http://") || !strings.Contains(calls, "store d.example dave") {
		t.Errorf("the scheme of a key went to zend: %q", b.zend.calls)
	}
	b.want("--yes --no-verify --from docker", 1,
		"docker b.example bob imported skipped removed", "docker vil x failed: it is not the name of a "+
			"registry: the registry address has an @ in it")
}

func TestImportSeveralPlaces(t *testing.T) {
	b := newImportBox(t)
	b.auths(dockerConfig, "https://index.docker.io/v1/ alice "+canary, "quay.io q "+canary+"-bad")
	b.auths(dockerConfig+"123", "docker.io alice "+canary+"-older")
	b.auths(podmanConfig, "docker.io alice "+canary, "quay.io q "+canary+"-bad")
	b.want("--dry-run", 0,
		"docker docker.io alice to import",
		"docker quay.io q to import",
		"containers docker.io alice to import",
		"containers quay.io q to import",
		"docker docker.io alice to import: only if that of ~/.docker/config.json cannot be imported, or "+
			"is the same",
	)
	b.want("--yes", 1,
		"docker docker.io alice imported removed",
		"docker quay.io q failed rejected: quay.io refused the credentials",
		// podman has one list of helpers for all registries, and still needs its file for
		// the other login.
		"containers docker.io alice in zen: still in its old place: podman, skopeo and buildah have one "+
			"list of helpers for all "+
			"registries: podman login would not reach a helper of single hosts",
		"containers quay.io q failed rejected: quay.io refused the credentials",
		"docker docker.io alice conflict: the login of ~/.docker/config.json for this registry was imported",
	)
	if n := strings.Count(strings.Join(b.zend.calls, "\n"), "credential.verify quay.io q"); n != 1 {
		t.Errorf("a refused password was tried %d times", n)
	}
	b.auths(podmanConfig, "docker.io alice "+canary)
	b.auths(dockerConfig, "quay.io q "+canary)
	b.want("--yes --prefer zen --remove", 0,
		"docker quay.io q imported removed",
		"containers docker.io alice in zen removed",
		"docker docker.io alice dropped removed: zen has another login for this registry, by docker login",
	)
	if got := b.read(podmanConfig); got != `{"auths": {}}` {
		t.Errorf("podman's file is %s", got)
	}
	if _, err := os.Stat(filepath.Join(b.dir,
		".config/containers/registries.conf.d/99-zen.conf")); err != nil {
		t.Errorf("podman does not ask zen: %v", err)
	}
	if _, err := os.Stat(filepath.Join(b.dir, dockerConfig+"123")); !os.IsNotExist(err) {
		t.Errorf("the leftover is still there: %v", err)
	}
}

func TestImportConflicts(t *testing.T) {
	const conflict = "zen has another login for this registry, by service connector 'hub'"
	setup := func(t *testing.T) *importBox {
		b := newImportBox(t)
		b.auths(dockerConfig, "docker.io alice "+canary)
		b.zend.has("docker.io", "alice", "minted", "hub")
		return b
	}
	b := setup(t)
	b.want("", 0, "docker docker.io alice conflict: "+conflict)
	before := b.read(dockerConfig)
	r := b.want("--yes", 1, "docker docker.io alice conflict: "+conflict)
	if b.read(dockerConfig) != before || b.zend.secret["docker.io"] != "minted" ||
		strings.Contains(r.stderr, "from now on") {
		t.Errorf("something was changed: %s", r.stderr)
	}
	b.want("--yes --prefer zen", 0, "docker docker.io alice dropped removed: "+conflict)
	if strings.Contains(b.read(dockerConfig), `"auth"`) || b.zend.secret["docker.io"] != "minted" {
		t.Errorf("left %s, zen has %q", b.read(dockerConfig), b.zend.secret)
	}
	b = setup(t)
	b.want("--yes --prefer source", 0, "docker docker.io alice imported removed: in place of zen's login "+
		"by service connector 'hub'")
	if b.zend.secret["docker.io"] != canary {
		t.Error("zen's login was not replaced")
	}
	b = setup(t)
	b.zend.has("docker.io", "alice", canary, "hub")
	b.want("--yes", 0, "docker docker.io alice in zen removed")
	if strings.Contains(strings.Join(b.zend.calls, " "), "store") {
		t.Errorf("stored what was there: %q", b.zend.calls)
	}
}

// Nothing leaves its place when zen does not give back what it was given.
func TestImportIsReadBack(t *testing.T) {
	tests := []struct {
		name  string
		setup func(*importZend)
		say   string
	}{
		{
			"another secret", func(z *importZend) { z.lie = true },
			"zen stored it, but answers with another login",
		},
		{
			"get fails",
			func(z *importZend) {
				z.fail[api.MethodGet] = credential.NewError(credential.Internal, "no way",
					"")
			},
			"no way",
		},
		{"store fails", func(z *importZend) {
			z.fail[api.MethodStore] = credential.NewError(credential.CannotWrite, "disk full", "")
		}, "disk full"},
		{"verify fails", func(z *importZend) {
			z.fail[api.MethodCredentialVerify] = credential.NewError(credential.Internal, "no idea", "")
		}, "no idea"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newImportBox(t)
			b.auths(dockerConfig, "a.example alice "+canary, "b.example bob "+canary)
			before := b.read(dockerConfig)
			tt.setup(b.zend)
			r := b.run("--yes -o csv")
			if r.code != 1 || strings.Count(r.stdout, tt.say) != 2 || b.read(dockerConfig) != before {
				t.Errorf("%+v\n%s", r, b.read(dockerConfig))
			}
			if tt.name == "store fails" && strings.Count(strings.Join(b.zend.calls, "\n"), "store") != 1 {
				t.Errorf("a full disk was tried again: %q", b.zend.calls)
			}
		})
	}
}

func TestImportWithOlderZend(t *testing.T) {
	b := newImportBox(t)
	b.auths(dockerConfig, "a.example alice "+canary)
	b.zend.fail[api.MethodCredentialVerify] = credential.NewError(credential.UnknownMethod, "what?", "")
	b.want("--yes", 0, "docker a.example alice imported skipped removed")
}

// Somebody whose vault ends with the session has to know before a file is emptied.
func TestImportIntoVaultThatEnds(t *testing.T) {
	const warning = "does not outlast the next boot"
	for kind, warns := range map[string]bool{
		"session": true, "memory": true, "os-keyring": false,
		"passphrase": false,
	} {
		b := newImportBox(t)
		b.auths(dockerConfig, "a.example alice "+canary)
		b.zend.slots = []api.VaultSlot{{Kind: kind}}
		for _, line := range []string{"", "--yes"} {
			if r := b.run(line); r.code != 0 || strings.Contains(r.stderr, warning) != warns {
				t.Errorf("%s, zen import %s: %+v", kind, line, r)
			}
		}
		b.zend.slots = append(b.zend.slots, api.VaultSlot{Kind: "passphrase"})
		b.auths(dockerConfig, "a.example alice "+canary)
		if r := b.run("--yes"); strings.Contains(r.stderr, warning) {
			t.Errorf("%s and passphrase: %+v", kind, r)
		}
	}
}

// The login stays as long as its client would take it from there.
func TestImportLeavesWhatClientsNeed(t *testing.T) {
	b := newImportBox(t)
	b.auths(dockerConfig, "a.example alice "+canary)
	before := b.read(dockerConfig)
	b.want("--yes --no-setup", 0, "docker a.example alice imported: still in its old place: docker does "+
		"not ask zen yet")
	if b.read(dockerConfig) != before {
		t.Errorf("docker's file is %s", b.read(dockerConfig))
	}
	if err := os.Remove(filepath.Join(b.dir, "bin/docker-credential-zen")); err != nil {
		t.Fatal(err)
	}
	b.want("--yes", 1, "docker a.example alice in zen: still in its old place: docker-credential-zen is "+
		"not on PATH: no client can ask zen")
	if b.read(dockerConfig) != before {
		t.Errorf("docker's file is %s", b.read(dockerConfig))
	}
	b.program("docker-credential-zen")
	b.write(dockerConfig, strings.TrimSuffix(before, "}")+`, "credsStore": "zen", "credHelpers": `+
		`{"a.example": ""}}`, 0o600)
	b.want("--yes", 1, "docker a.example alice in zen: still in its old place: docker takes it from "+
		"HOME/.docker/config.json (credHelpers)")
	// A file that another helper stands before is of no use to docker; nothing has to be
	// set up for it.
	b.program("docker-credential-other")
	b.write(dockerConfig, strings.TrimSuffix(before, "}")+`, "credsStore": "other"}`, 0o600)
	b.want("--yes", 0, "docker a.example alice in zen removed")
	if text := b.read(dockerConfig); text != `{"auths": {"a.example": {}}, "credsStore": "other"}` {
		t.Errorf("docker's file is %s", text)
	}
	b.auths(dockerConfig, "a.example alice "+canary)
	if err := os.Chmod(filepath.Join(b.dir, dockerConfig), 0o400); err != nil {
		t.Fatal(err)
	}
	b.want("--yes", 1, `docker a.example alice in zen: still in its old place: HOME/.docker/config.json `+
		`is read-only`)
}

// What a client writes while the import runs is not lost.
func TestImportBesideDockerLogin(t *testing.T) {
	b := newImportBox(t)
	b.auths(dockerConfig, "a.example alice "+canary, "b.example bob "+canary)
	b.zend.onCall = func(method string) {
		if method == api.MethodStore {
			b.auths(dockerConfig, "a.example alice "+canary+"-new", "b.example bob "+canary, "c.example "+
				"carl "+canary)
		}
	}
	b.want("--yes", 1, "docker a.example alice imported: still in its old place: another program changed "+
		"it meanwhile",
		"docker b.example bob imported removed")
	b.zend.onCall = nil
	b.want("--yes", 1, "docker a.example alice conflict: zen has another login for this registry, by "+
		"docker login",
		"docker c.example carl imported removed")
	b.want("--yes --prefer source", 0, "docker a.example alice imported removed: in place of zen's login "+
		"by docker login")
	if b.zend.secret["a.example"] != canary+"-new" {
		t.Errorf("zen has %q", b.zend.secret["a.example"])
	}
}

func TestImportFromHelper(t *testing.T) {
	b := newImportBox(t)
	b.helper("pass", "https://a.example", canary)
	b.config(`{"auths": {"a.example": {}}, "credsStore": "pass"}`)
	b.want("", 0, "pass a.example alice to import")
	b.zend.has("a.example", "alice", "other", "")
	b.want("", 0, "pass a.example alice to compare")
	delete(b.zend.kept, "a.example")
	r := b.want("--yes", 0, "pass a.example alice imported")
	if !strings.Contains(r.stderr, "Asking docker-credential-pass...") ||
		!strings.Contains(r.stderr, "zen setup docker") {
		t.Errorf("says %s", r.stderr)
	}
	b.want("--yes --remove --no-setup", 1, "pass a.example alice in zen: still in its old place: docker "+
		"asks docker-credential-pass for it")
	if b.read("kept-pass") != canary {
		t.Error("erased what docker needs")
	}
	b.want("--yes --remove", 0, "pass a.example alice in zen removed")
	if text := b.read(dockerConfig); !strings.Contains(text, `"credsStore": "zen"`) {
		t.Errorf("docker is set up as %s", text)
	}
	if _, err := os.Stat(filepath.Join(b.dir, "kept-pass")); err == nil {
		t.Error("not erased")
	}
	b.want("--yes --remove", 0)
	b.want("--undo --yes", 0, "pass a.example alice restored")
	if strings.TrimSpace(b.read("kept-pass")) != canary {
		t.Errorf("given back as %q", b.read("kept-pass"))
	}
}

// A helper that cannot say what it has may have more than was taken out of it: docker goes
// on asking it for the rest.
func TestImportFromHelperThatCannotList(t *testing.T) {
	b := newImportBox(t)
	b.helper("osxkeychain", "a.example", canary)
	program := "bin/docker-credential-osxkeychain"
	b.write(program, strings.Replace(b.read(program), `case "$1" in`, `case "$1" in
list) echo 'no list today'; exit 1 ;;`, 1), 0o755)
	b.config(`{"auths": {"a.example": {}}, "credsStore": "osxkeychain"}`)
	b.want("--yes --remove", 1, "osxkeychain a.example alice imported removed",
		"osxkeychain   failed: docker-credential-osxkeychain failed: no list today")
	if text := b.read(dockerConfig); !strings.Contains(text, `"a.example": "zen"`) ||
		!strings.Contains(text, `"credsStore": "osxkeychain"`) {
		t.Errorf("docker is set up as %s", text)
	}
}

func TestImportUndo(t *testing.T) {
	b := newImportBox(t)
	if r := b.run("--undo"); r.code != 0 || !strings.Contains(r.stderr, "could put back") {
		t.Errorf("nothing to undo: %+v", r)
	}
	b.auths(dockerConfig, "a.example alice "+canary, "b.example bob "+canary, "c.example "+
		"carl "+canary, "d.example dave "+canary)
	b.auths(podmanConfig, "e.example erin "+canary)
	docker, podman := b.read(dockerConfig), b.read(podmanConfig)
	if r := b.run("--yes"); r.code != 0 {
		t.Fatal(r)
	}
	emptied := b.read(dockerConfig)
	if r := b.run("--undo"); r.code != 0 || b.read(dockerConfig) != emptied ||
		!strings.Contains(r.stderr, "dry run") {
		t.Errorf("undone without being asked: %+v", r)
	}
	b.zend.has("b.example", "bob", "minted", "conn")
	b.zend.has("c.example", "somebody else", canary, "")
	b.config(strings.Replace(emptied, `"d.example": {}`, `"d.example": {"auth": "eDp5"}`, 1))
	b.want("--undo --yes --from docker", 1,
		"docker a.example alice restored",
		"docker b.example bob failed: zen answers by service connector 'conn' now; its credentials "+
			"are not written to files",
		"docker c.example carl failed: zen has the login of another user by now, 'somebody else'",
		"docker d.example dave failed: there is another login by now",
	)
	b.zend.has("b.example", "bob", canary, "")
	b.zend.has("c.example", "carl", canary, "")
	b.config(strings.Replace(b.read(dockerConfig), `"d.example": {"auth": "eDp5"}`, `"d.example": {}`, 1))
	b.want("--undo --yes", 0, "docker b.example bob restored", "docker c.example carl "+
		"restored", "docker d.example dave restored",
		"containers e.example erin restored")
	if _, status := b.zen("--undo"); status != 0 {
		t.Error("zen setup --undo fails")
	}
	if b.read(dockerConfig) != docker || b.read(podmanConfig) != podman {
		t.Errorf("left\n%s\nwas\n%s\n%s\nwas\n%s", b.read(dockerConfig), docker, b.read(podmanConfig), podman)
	}
	b.want("--undo --yes", 0)
}

// Ctrl-C in the middle: what was stored is in both places, and is told.
func TestImportOfLoginsIsInterrupted(t *testing.T) {
	b := newImportBox(t)
	b.auths(dockerConfig, "a.example alice "+canary, "b.example bob "+canary)
	before := b.read(dockerConfig)
	ctx, cancel := context.WithCancelCause(t.Context())
	b.zend.onCall = func(method string) {
		if method == api.MethodStore {
			cancel(ui.ErrInterrupted)
		}
	}
	r := b.runIn(ctx, "--yes")
	if r.code != credential.ExitInterrupted || b.read(dockerConfig) != before ||
		!strings.Contains(r.stderr, "Aborted!") {
		t.Errorf("interrupted: %+v\n%s", r, b.read(dockerConfig))
	}
	b.want("--yes", 0, "docker a.example alice in zen removed", "docker b.example bob imported removed")
}

// What the table shows of a short list.
func TestImportTable(t *testing.T) {
	b := newImportBox(t)
	b.auths(dockerConfig, "a.example alice "+canary, "b.example bob "+canary+"-bad")
	r := b.run("--yes")
	b.transcript.WriteString("$ zen import --yes\n" + r.stdout + r.stderr)
	b.compare("import.golden")
}

// serve makes the zend reachable for a process at a terminal.
func (z *importZend) serve() *fakeZend {
	methods := map[string]server.Handler{}
	for _, method := range []string{
		api.MethodLogins, api.MethodGet, api.MethodStore,
		api.MethodCredentialVerify,
	} {
		methods[method] = func(_ context.Context, call *server.Call) error {
			reply, err := z.Call(method, call.Params, time.Time{})
			if err == nil {
				call.Result.Append(func(dst []byte) []byte { return append(dst, reply.Result...) })
			}
			return err
		}
	}
	return &fakeZend{t: z.t, socket: serve(z.t, methods)}
}

// At a terminal the table is followed by a question.
func TestImportAtATerminal(t *testing.T) {
	secret := base64.StdEncoding.EncodeToString([]byte("alice:" + canary))
	script := `mkdir -p $HOME/.docker $HOME/bin
echo '{"auths": {"a.example": {"auth": "` + secret + `"}}}' > $HOME/.docker/config.json
echo '#!/bin/sh' > $HOME/bin/docker-credential-zen; chmod +x $HOME/bin/docker-credential-zen
PATH=$HOME/bin:$PATH exec $ZEN import`
	for _, tt := range []struct {
		answer string
		code   int
		moved  bool
	}{{"n", 1, false}, {"", 1, false}, {"y", 0, true}} {
		t.Run("answer "+tt.answer, func(t *testing.T) {
			z := &importZend{t: t, kept: map[string]api.Login{}, secret: map[string]string{}}
			d := startProgram(t, z.serve(), 200, "/bin/sh", "-c", script)
			d.expect("to import")
			d.expect("docker would ask zen for credentials from then on")
			d.answer("Import these logins? [y/N]: ", tt.answer)
			if tt.moved {
				d.expect("imported, taken out of the file")
			} else {
				d.expect("Aborted!")
			}
			d.end(tt.code)
			d.hides(canary)
			d.hides(secret)
			text, err := os.ReadFile(filepath.Join(d.home, ".docker/config.json"))
			z.mu.Lock()
			defer z.mu.Unlock()
			if err != nil || strings.Contains(string(text), secret) == tt.moved ||
				(z.secret["a.example"] == canary) != tt.moved {
				t.Errorf("%v; docker's file is %s, zen has %d logins", err, text, len(z.kept))
			}
		})
	}
}
