package adopt

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/clientconfig/logins"
	"github.com/zen-agent/zen/internal/credential"
)

// fake is a zen with at most one login for each profile.
type fake struct {
	mu       sync.Mutex
	stored   map[string]string // "user:password" by profile
	has      access.Holding    // what is said of a login that is not the same
	err      error             // instead of an answer
	lies     bool              // it answers with something else than what was stored
	verdict  string
	verified int
}

func (f *fake) Holds(
	_ context.Context, profile, server string, cred credential.Credential,
) (access.Holding, error) {
	have, ok := f.stored[profile]
	switch {
	case f.err != nil:
		return f.has, f.err
	case !ok:
		return access.Holding{}, errNobody()
	}
	h := f.has
	h.Exact = h.Exact && !strings.Contains(server, "/") // it has none for a repository
	h.Same = have == cred.Username+":"+string(cred.Secret.Reveal()) && !f.lies
	return h, nil
}

func errNobody() error {
	return credential.NewError(credential.NotLoggedIn, "not logged in to any "+
		"registry", "")
}

func (f *fake) Verify(context.Context, string, credential.Credential) (api.CredentialReport, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.verified++
	return api.CredentialReport{Verification: f.verdict, Detail: "it says " + f.verdict}, nil
}

func (f *fake) Store(_ context.Context, profile, _ string, cred credential.Credential) error {
	f.stored[profile] = cred.Username + ":" + string(cred.Secret.Reveal())
	return nil
}

// Give hands out what is stored for a profile.
func (f *fake) Give(_ context.Context, profile, _ string) (credential.Credential, string, error) {
	user, secret, ok := strings.Cut(f.stored[profile], ":")
	if !ok {
		return credential.Credential{}, "", errNobody()
	}
	cred := credential.Credential{Username: user, Secret: credential.SecretString(secret)}
	return cred, f.has.Connector, nil
}

// file makes a file in docker's format and returns the logins in it.
func file(t *testing.T, name, text string) []*logins.Login {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := logins.Read("docker", name)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// of alice:pw, as the only key of its host
const path = `{"auths":{"ghcr.io/team":{"auth":"YWxpY2U6cHc="}}}`

const alice = `{"auths":{"ghcr.io":{"auth":"YWxpY2U6cHc="}}}` // alice:pw

// One table of conflicts: what zen has, under each rule and verdict of the registry.
func TestConflicts(t *testing.T) {
	const yes, no, unsure = api.VerificationValid, api.VerificationRejected, api.VerificationAnonymous
	const away = api.VerificationUnreachable
	stored, minted := access.Holding{Exact: true}, access.Holding{Exact: true, Connector: "prod"}
	locked := credential.NewError(credential.Locked, "the vault is locked", "zen unlock")
	broken := credential.NewError(credential.Rejected, "the server refuses", "zen login prod")
	const another = "zen has another login for this registry, by "
	tests := []struct {
		name    string
		found   string // the file; "" for alice's
		at      string // what zen is to have it for; "" for ghcr.io
		has     string // in zen; "" for nothing
		holding access.Holding
		err     error
		rule    Rule
		verdict string
		want    State
		why     string
		asked   int // how often the registry is asked
	}{
		{name: "nothing", verdict: yes, want: Done, asked: 1},
		{name: "nothing, not sure", verdict: unsure, want: Done, asked: 1},
		{name: "nothing, rejected", verdict: no, want: Failed, why: "it says rejected", asked: 1},
		{name: "nothing, unreachable", verdict: away, want: Done, asked: 1},
		{name: "a path, and nothing", found: path, verdict: yes, want: Done, asked: 1},
		{
			name: "a path, and the same for the host", found: path, has: "alice:pw", holding: stored,
			want: Same,
		},
		{
			name: "a path, and another for the host", found: path, has: "bob:pw", holding: stored,
			verdict: yes, at: "ghcr.io/team", want: Done, asked: 1,
		},
		{
			name: "a path, and a connector for the host", found: path, has: "-:-", holding: minted,
			rule: KeepProven, verdict: yes, at: "ghcr.io/team", want: Done, asked: 1,
		},
		{name: "the same", has: "alice:pw", holding: stored, want: Same},
		{name: "the same above", has: "alice:pw", want: Same},
		{name: "another above", has: "bob:pw", verdict: yes, want: Done, asked: 1},
		{name: "other user", has: "bob:pw", holding: stored, want: Conflict, why: another + "docker login"},
		{
			name: "other secret", has: "alice:old", holding: stored, want: Conflict,
			why: another + "docker login",
		},
		{
			name: "a connector", has: "-:-", holding: minted, want: Conflict,
			why: another + "service connector 'prod'",
		},
		{name: "keep zen's", has: "bob:pw", holding: stored, rule: KeepZen, want: Dropped},
		{name: "keep a connector's", has: "-:-", holding: minted, rule: KeepZen, want: Dropped},
		{
			name: "keep the found one", has: "bob:pw", holding: stored, rule: KeepFound, verdict: yes,
			want: Done, asked: 1,
		},
		{
			name: "a rejected one takes no place", has: "bob:pw", holding: stored, rule: KeepFound,
			verdict: no, want: Failed, why: "it says rejected", asked: 1,
		},
		{
			name: "proven", has: "bob:pw", holding: stored, rule: KeepProven, verdict: yes, want: Done,
			asked: 1,
		},
		{
			name: "not proven", has: "bob:pw", holding: stored, rule: KeepProven, verdict: unsure,
			want: Conflict, why: another + "docker login", asked: 1,
		},
		{
			name: "not proven, unreachable", has: "bob:pw", holding: stored, rule: KeepProven, verdict: away,
			want: Conflict, why: another + "docker login", asked: 1,
		},
		{
			name: "the found one is kept, unreachable", has: "bob:pw", holding: stored, rule: KeepFound,
			verdict: away, want: Done, asked: 1,
		},
		{
			name: "proven, beside a connector", has: "-:-", holding: minted, rule: KeepProven, verdict: yes,
			want: Conflict, why: another + "service connector 'prod'",
		},
		{name: "locked", err: locked, holding: stored, want: Failed, why: "the vault is locked"},
		{
			name: "what zen has fails", err: broken, holding: minted, want: Conflict,
			why: "zen has a login by service connector 'prod', which fails: the server refuses",
		},
		{
			name: "what zen has fails, and gives way", err: broken, holding: minted, rule: KeepFound,
			verdict: no, want: Failed, why: "it says rejected", asked: 1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			zen := &fake{stored: map[string]string{}, has: tt.holding, err: tt.err, verdict: tt.verdict}
			if tt.has != "" {
				zen.stored[""] = tt.has
			}
			dir := t.TempDir()
			l := file(t, filepath.Join(dir, "config.json"), cmp.Or(tt.found, alice))[0]
			it := &Item{Login: l, State: Planned}
			a := &Adopter{Zen: zen, Rule: tt.rule, State: dir, Now: time.Now}
			a.Compare(t.Context(), it)
			a.Check(t.Context(), []*Item{it})
			a.Take(t.Context(), it)
			why := ""
			if it.Why != nil {
				why = it.Why.Error()
			}
			if it.State != tt.want || why != tt.why || zen.verified != tt.asked {
				t.Errorf("%q because %q, asked %d times; want %q because %q, %d", it.State, why, zen.verified,
					tt.want, tt.why, tt.asked)
			}
			if held := tt.want == Done || tt.want == Same || tt.want == Dropped; it.Held() != held {
				t.Errorf("held: %v", it.Held())
			}
			if at := cmp.Or(tt.at, "ghcr.io"); l.ServerURL != at {
				t.Errorf("it is for %s, want %s", l.ServerURL, at)
			}
			if tt.want == Done && zen.stored[""] != "alice:pw" {
				t.Errorf("zen has %q", zen.stored[""])
			}
		})
	}
}

// What zen does not answer with has not been stored.
func TestReadBack(t *testing.T) {
	dir := t.TempDir()
	it := &Item{Login: file(t, filepath.Join(dir, "config.json"), alice)[0], State: Planned}
	zen := &fake{stored: map[string]string{}, lies: true}
	a := &Adopter{Zen: zen, NoVerify: true, State: dir, Now: time.Now}
	a.Take(t.Context(), it)
	if it.State != Failed || it.Held() || !credential.Internal.Is(it.Why) {
		t.Errorf("%q: %v", it.State, it.Why)
	}
}

// The same login in two files is checked and stored once; another one is a conflict.
func TestFoundTwice(t *testing.T) {
	for rule, second := range map[Rule]State{KeepBoth: Conflict, KeepZen: Dropped, KeepFound: Conflict} {
		dir := t.TempDir()
		zen := &fake{stored: map[string]string{}, verdict: api.VerificationValid}
		var items []*Item
		const bob = `{"auths":{"https://ghcr.io/v2/":{"auth":"Ym9iOnB3"}}}`
		for name, text := range map[string]string{"1": alice, "2": alice, "3": bob} {
			l := file(t, filepath.Join(dir, name), text)[0]
			items = append(items, &Item{Login: l, State: Planned})
		}
		a := &Adopter{Zen: zen, Rule: rule, State: dir, Now: time.Now}
		a.Check(t.Context(), items)
		count := map[State]int{}
		for _, it := range items {
			a.Take(t.Context(), it)
			count[it.State]++
		}
		if zen.verified != 2 || count[Done] != 1 || count[Same]+count[second] != 2 || count[second] == 0 {
			t.Errorf("rule %d: %d verified, %v", rule, zen.verified, count)
		}
	}
}

// A login goes through a whole life: into the profile of its file's helper, out of the
// file, and back into it.
func TestTakeOutAndRestore(t *testing.T) {
	const text = `{"credsStore":"zen-work","auths":{"ghcr.io":{"auth":"YWxpY2U6cHc="}}}`
	dir := t.TempDir()
	name := filepath.Join(dir, "config.json")
	l := file(t, name, text)[0]
	env := clientconfig.Env{Getenv: func(string) string { return "" }, State: dir}
	it := &Item{Login: l, State: Planned, Profile: ProfileOf(env, l)}
	if it.Profile != "work" {
		t.Fatalf("profile %q", it.Profile)
	}
	zen := &fake{stored: map[string]string{"": "bob:pw"}, verdict: api.VerificationValid}
	a := &Adopter{Zen: zen, State: dir, Now: time.Now}
	a.Compare(t.Context(), it)
	a.Check(t.Context(), []*Item{it})
	a.Take(t.Context(), it)
	a.TakeOut(t.Context(), []*Item{it})
	if !it.Removed || zen.stored["work"] != "alice:pw" || zen.stored[""] != "bob:pw" {
		t.Fatalf("removed: %v, zen has %v", it.Removed, zen.stored)
	}
	if got, err := os.ReadFile(name); err != nil || strings.Contains(string(got), "YWxp") {
		t.Fatalf("%s, %v", got, err)
	}
	records, err := logins.Recorded(dir)
	if err != nil || len(records) != 1 || records[0].Profile != "work" {
		t.Fatalf("%v, %v", records, err)
	}
	back := &Item{Login: logins.Finder{Env: env}.Login(records[0]), State: Restoring}
	if back.Profile = records[0].Profile; back.Profile != "work" {
		t.Errorf("profile %q", back.Profile)
	}
	a.Restore(t.Context(), zen, back)
	if got, err := os.ReadFile(name); back.State != Restored || err != nil || string(got) != text {
		t.Errorf("%q because %v: %s, %v", back.State, back.Why, got, err)
	}
	if records, err = logins.Recorded(dir); err != nil || len(records) != 0 {
		t.Errorf("%v, %v", records, err)
	}
}

// What is not the login that was taken does not go back.
func TestRestoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	for why, zen := range map[string]*fake{
		"zen has the login of another user by now, 'bob'": {stored: map[string]string{"": "bob:pw"}},
		"zen answers by service connector 'prod' now; its credentials are not written to files": {
			stored: map[string]string{"": "alice:pw"}, has: access.Holding{Connector: "prod"},
		},
		"not logged in to any registry": {stored: map[string]string{}},
	} {
		it := &Item{Login: file(t, filepath.Join(dir, "config.json"), alice)[0], State: Restoring}
		(&Adopter{State: dir, Now: time.Now}).Restore(t.Context(), zen, it)
		if it.State != Failed || it.Why == nil || it.Why.Error() != why {
			t.Errorf("%q because %v, want %q", it.State, it.Why, why)
		}
	}
}

// The helper that a client asks for the very registry says which profile it is.
func TestProfileOf(t *testing.T) {
	const auths = `"auths":{"ghcr.io":{"auth":"YWxpY2U6cHc="}}`
	const hosts = `{"hosts":{"ghcr.io":{"user":"alice","pass":"pw"}}}`
	tests := []struct {
		name, client, text string
		docker, conf       string // docker's configuration, podman's registries.conf
		want               string
	}{
		{name: "credsStore", client: "docker", text: `{` + auths + `,"credsStore":"zen-work"}`, want: "work"},
		{
			name: "credHelpers", client: "docker",
			text: `{` + auths + `,"credHelpers":{"ghcr.io":"zen-work"}}`, want: "work",
		},
		{
			name: "credHelpers before credsStore", client: "docker", want: "work",
			text: `{` + auths + `,"credHelpers":{"ghcr.io":"zen-work"},"credsStore":"zen-play"}`,
		},
		{
			name: "another registry's", client: "docker",
			text: `{` + auths + `,"credHelpers":{"quay.io":"zen-work"},"credsStore":"zen"}`,
		},
		{name: "everybody", client: "docker", text: `{` + auths + `,"credsStore":"zen"}`},
		{name: "another helper", client: "docker", text: `{` + auths + `,"credsStore":"zenith-work"}`},
		{name: "none", client: "docker", text: `{` + auths + `}`},
		{name: "helm", client: "helm", text: `{` + auths + `,"credsStore":"zen-work"}`, want: "work"},
		{name: "podman", client: "podman", text: `{` + auths + `}`, conf: `["zen-work"]`, want: "work"},
		{
			name: "podman's entry", client: "podman",
			text: `{` + auths + `,"credHelpers":{"ghcr.io":"zen-work"}}`, want: "work",
		},
		{
			name: "podman, not docker", client: "podman", text: `{` + auths + `}`,
			docker: `{"credsStore":"zen-work"}`,
		},
		{name: "regctl", client: "regctl", text: hosts, docker: `{"credsStore":"zen-work"}`, want: "work"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) string {
				name = filepath.Join(dir, name)
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return name
			}
			vars := map[string]string{
				"HOME": dir, "DOCKER_CONFIG": filepath.Dir(write("config.json", cmp.Or(tt.docker, "{}"))),
				"CONTAINERS_REGISTRIES_CONF": write("registries.conf",
					"credential-helpers = "+cmp.Or(tt.conf, `["containers-auth.json"]`)+"\n"),
			}
			name := write("found.json", tt.text)
			vars["REGISTRY_AUTH_FILE"] = name
			list, err := logins.Read(tt.client, name)
			if err != nil || len(list) != 1 {
				t.Fatalf("%v, %v", list, err)
			}
			env := clientconfig.Env{Getenv: func(k string) string { return vars[k] }, State: dir, Root: dir}
			if got := ProfileOf(env, list[0]); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
