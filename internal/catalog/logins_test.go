package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

func parse(t testing.TB, s string) address.Address {
	t.Helper()
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The order is: longest path, then nearest directory, then profile.
func TestLoginFor(t *testing.T) {
	w := newWorld(t)
	start := w.now
	for _, l := range []api.Login{
		{ID: "hub", Address: "https://index.docker.io/v1/"},
		{ID: "host", Address: "ghcr.io"},
		{ID: "team", Address: "ghcr.io/team"},
		{ID: "app", Address: "ghcr.io/team/app", Profile: "ci"},
		{ID: "work", Address: "quay.io", Dir: "/home/me/src"},
		{ID: "deep", Address: "quay.io", Dir: "/home/me/src/deep/"},
		{ID: "deep-ci", Address: "quay.io", Dir: "/home/me/src/deep", Profile: "ci"},
		{ID: "quay-ci", Address: "quay.io", Profile: "ci"},
		{ID: "quay", Address: "quay.io"},
		{ID: "root", Address: "root.example", Dir: "/"},
		{ID: "port", Address: "localhost:5000"},
		{ID: "short", Address: "old.example/a/b", Until: new(start.Add(time.Hour))},
		{ID: "long", Address: "old.example"},
	} {
		w.login(l)
	}
	for _, tt := range []struct {
		address, dir, profile string
		after                 time.Duration
		want                  string
	}{
		{address: "docker.io", want: "hub"},
		{address: "registry-1.docker.io/library/alpine", want: "hub"},
		{address: "docker.io/v1/access-token", want: ""},
		{address: "ghcr.io", want: "host"},
		{address: "ghcr.io/other", want: "host"},
		{address: "ghcr.io/teams/app", want: "host"},
		{address: "ghcr.io/team", want: "team"},
		{address: "ghcr.io/team/app", want: "team"},
		{address: "ghcr.io/team/app", profile: "ci", want: "app"},
		{address: "ghcr.io/team/app/sub", profile: "ci", want: "app"},
		{address: "ghcr.io:444", want: ""},
		{address: "ghcr.io.evil.example", want: ""},
		{address: "xghcr.io", want: ""},
		{address: "quay.io", want: "quay"},
		{address: "quay.io", dir: "/home/me", want: "quay"},
		{address: "quay.io", dir: "/home/me/srcshop", want: "quay"},
		{address: "quay.io", dir: "/home/me/src", want: "work"},
		{address: "quay.io", dir: "/home/me/src/x/../y", want: "work"},
		{address: "quay.io", dir: "/home/me/src/..", want: "quay"},
		{address: "quay.io", dir: "/home/me/src/deep/er", want: "deep"},
		{address: "quay.io", dir: "/home/me/src/deep", profile: "ci", want: "deep-ci"},
		{address: "quay.io", dir: "/home/me/src", profile: "ci", want: "work"},
		{address: "quay.io", profile: "ci", want: "quay-ci"},
		{address: "quay.io", profile: "cd", want: "quay"},
		{address: "quay.io", dir: "relative", profile: "ci", want: "quay-ci"},
		{address: "root.example", dir: "/anywhere/at/all", want: "root"},
		{address: "root.example", dir: "/", want: "root"},
		{address: "root.example", want: ""},
		{address: "localhost:5000/x", want: "port"},
		{address: "localhost", want: ""},
		{address: "old.example/a/b/c", after: time.Hour - time.Nanosecond, want: "short"},
		{address: "old.example/a/b/c", after: time.Hour, want: "long"},
	} {
		t.Run(
			fmt.Sprintf("%s in %q as %q after %v", tt.address, tt.dir, tt.profile, tt.after),
			func(t *testing.T) {
				l, ok := w.Logins.For(parse(t, tt.address), tt.dir, tt.profile, start.Add(tt.after))
				if l.ID != tt.want || ok != (tt.want != "") {
					t.Errorf("got %q, %v, want %q", l.ID, ok, tt.want)
				}
			},
		)
	}
}

func TestPutLogin(t *testing.T) {
	w := newWorld(t)
	s := w.connector("reg", "docker", "ghcr.io")
	if old := w.login(api.Login{
		ID: "a", Address: "HTTPS://GHCR.io/v2/", ServerURL: "https://elsewhere.example",
	}); old != nil {
		t.Errorf("the first login replaced %+v", old)
	}
	if l := w.Logins.List()[0]; l.Address != "ghcr.io" || l.ServerURL != "ghcr.io" {
		t.Errorf("login is %+v", l)
	}
	if old := w.login(api.Login{ID: "b", Address: "ghcr.io", Dir: "/proj/"}); old != nil {
		t.Errorf("a login for a directory replaced %+v", old)
	}
	if old := w.login(api.Login{ID: "c", Address: "ghcr.io", Profile: "ci"}); old != nil {
		t.Errorf("a login for a profile replaced %+v", old)
	}
	if old := w.login(api.Login{
		ID: "d", Address: "ghcr.io", Dir: "/proj", ConnectorID: s.ID,
	}); old == nil || old.ID != "b" {
		t.Errorf("replaced %+v, want b", old)
	}
	if old := w.login(api.Login{
		ID: "e", Address: "ghcr.io", Dir: "/proj/.",
	}); old == nil || old.ID != "d" || old.ConnectorName != "reg" {
		t.Errorf("replaced %+v, want d by reg", old)
	}
	if old := w.login(api.Login{ID: "e", Address: "quay.io"}); old != nil {
		t.Errorf("moving a login to another address replaced %+v", old)
	}
	var ids []string
	for _, l := range w.Logins.List() {
		ids = append(ids, l.ID)
	}
	wantSame(t, "logins", ids, []string{"c", "a", "e"})
	if _, ok := w.Logins.For(parse(t, "ghcr.io"), "/proj", "", w.now); !ok {
		t.Error("the login for everywhere does not answer in the directory")
	}
}

func TestPutLoginSweepsWhatHasEnded(t *testing.T) {
	w := newWorld(t)
	w.login(api.Login{ID: "other", Address: "quay.io", Until: new(w.now.Add(time.Minute))})
	w.login(api.Login{ID: "same", Address: "ghcr.io", Until: new(w.now.Add(time.Minute))})
	w.login(api.Login{ID: "still", Address: "gcr.io", Until: new(w.now.Add(time.Hour))})
	w.now = w.now.Add(2 * time.Minute)
	if old := w.login(api.Login{ID: "new", Address: "ghcr.io"}); old != nil {
		t.Errorf("a login that had ended was replaced: %+v", old)
	}
	if len(w.records) != 2 || len(w.Logins.List()) != 2 {
		t.Errorf("records are %v", w.records)
	}
}

func TestPutLoginRefuses(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		login  api.Login
		reason credential.Reason
	}{
		"bad address":        {api.Login{ID: "a", Address: "a b"}, credential.InvalidInput},
		"relative directory": {api.Login{ID: "a", Address: "ghcr.io", Dir: "work"}, credential.InvalidInput},
		"connector is gone": {
			api.Login{ID: "a", Address: "ghcr.io", ConnectorID: "gone"},
			credential.NoSuchEntity,
		},
		"no id": {api.Login{Address: "ghcr.io"}, credential.Internal},
	} {
		t.Run(name, func(t *testing.T) {
			change, _, err := w.Logins.Put(tt.login)
			wantError(t, err, tt.reason)
			if len(change.Put) > 0 {
				t.Errorf("change is %+v", change)
			}
		})
	}
}

func TestEndLogins(t *testing.T) {
	w := newWorld(t)
	for _, a := range []string{"ghcr.io", "quay.io", "ghcr.io/team"} {
		w.login(api.Login{ID: a, Address: a})
	}
	ended, change := w.Logins.End(func(l api.Login) bool { return l.Address != "quay.io" })
	w.commit(change)
	if len(ended) != 2 || ended[0].ID != "ghcr.io" || ended[1].ID != "ghcr.io/team" {
		t.Errorf("ended %+v", ended)
	}
	if l := w.Logins.List(); len(l) != 1 || l[0].ID != "quay.io" {
		t.Errorf("left are %+v", l)
	}
	if len(w.byAddress) != 1 {
		t.Errorf("index still has %v", w.byAddress)
	}
	if ended, change := w.Logins.End(func(api.Login) bool { return false }); ended != nil ||
		change.Delete != nil {
		t.Errorf("ended %+v by %+v", ended, change)
	}
}

// The caller may do with the slice what it likes.
func TestLoginsAreTheCallers(t *testing.T) {
	w := newWorld(t)
	w.login(api.Login{Address: "ghcr.io"})
	w.login(api.Login{Address: "quay.io"})
	before := dump(t, w.Catalog)
	list := w.Logins.List()
	list[0].Problem = "x"
	_ = slices.DeleteFunc(list, func(api.Login) bool { return true })
	wantSame(t, "catalog", dump(t, w.Catalog), before)
}

// However an address is spelled in a record, a login has the canonical spellings.
func TestLoginAddressIsCanonical(t *testing.T) {
	for _, spelled := range []string{
		"ghcr.io", "ghcr.io/", "GHCR.io", "ghcr.io:443", "https://ghcr.io", "ghcr.io/v2", "ghcr.io/v2/",
		"ghcr.io/team", "ghcr.io/team/", "Ghcr.io/team/app",
		"docker.io", "index.docker.io/v1/", "docker.io/library/alpine", "docker.io/v1/access-token",
		"[::0:1]:5000", "[::1]:5000/x",
	} {
		a := parse(t, spelled)
		r, err := loginRecord(api.Login{ID: "a", Address: spelled})
		if err != nil {
			t.Fatal(err)
		}
		c, err := Load([]Record{r})
		if err != nil {
			t.Fatalf("%s: %v", spelled, err)
		}
		if l := c.Logins.List()[0]; l.Address != a.String() || l.ServerURL != a.ServerURL() {
			t.Errorf("%s: got %s and %s, want %s and %s", spelled, l.Address, l.ServerURL, a, a.ServerURL())
		}
	}
}

// A damaged record is found wherever it is, the first one of several.
func TestLoadMany(t *testing.T) {
	list := manyLogins(t, 1000).list()
	c, err := Load(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range c.Logins.List() {
		if want := "r" + l.ID + ".example/team"; l.Address != want {
			t.Fatalf("login %s is for %s, want %s", l.ID, l.Address, want)
		}
	}
	if n, addresses := len(c.Logins.List()), len(c.Logins.Addresses()); n != 1000 || addresses != n {
		t.Errorf("%d logins for %d addresses", n, addresses)
	}
	for _, at := range [][]int{{0}, {len(list) / 2}, {len(list) - 1}, {len(list) / 3, len(list) - 2}} {
		bad := slices.Clone(list)
		for _, i := range at {
			bad[i].Public = []byte(`{"id":"somebody else's"}`)
		}
		if _, err := Load(bad); !credential.VaultDamaged.Is(err) ||
			!strings.Contains(err.Error(), strconv.Quote(bad[at[0]].ID)) {
			t.Errorf("records %v are damaged: %v", at, err)
		}
	}
}

func manyLogins(t testing.TB, n int) *world {
	w := newWorld(t)
	s := w.connector("reg", "docker", "")
	var change Change
	for i := range n {
		r, err := loginRecord(api.Login{
			ID: fmt.Sprint(
				i,
			), Address: fmt.Sprintf("r%d.example/team", i), ConnectorID: s.ID, ResourceID: "r",
			Source: "connector", Created: w.now,
		})
		if err != nil {
			t.Fatal(err)
		}
		change.Put = append(change.Put, r)
	}
	w.commit(change)
	return w
}

// With 1,000 logins get is as fast as with 10.
func BenchmarkLoginFor(b *testing.B) {
	for _, n := range []int{10, 1_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := manyLogins(b, n)
			a := parse(b, fmt.Sprintf("r%d.example/team/app/image", n/2))
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := w.Logins.For(a, "/home/me/src/project", "ci", w.now); !ok {
					b.Fatal("no login")
				}
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	list := manyLogins(b, 1_000).list()
	for b.Loop() {
		if _, err := Load(list); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPutLogin(b *testing.B) {
	w := manyLogins(b, 1_000)
	for b.Loop() {
		if _, _, err := w.Logins.Put(api.Login{
			ID: "new", Address: "new.example",
			Created: w.now,
		}); err != nil {
			b.Fatal(err)
		}
	}
}
