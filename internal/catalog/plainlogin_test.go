package catalog

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
)

// comparePlainLogin holds what plainLogin reads against encoding/json.
func comparePlainLogin(t *testing.T, public []byte) (ok bool) {
	t.Helper()
	var got api.Login
	if !plainLogin(&got, public, &api.Login{}) {
		return false
	}
	var want api.Login
	if err := json.Unmarshal(public, &want); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s is read as %+v; encoding/json: %+v, %v", public, got, want, err)
	}
	for _, like := range []api.Login{got, {ID: "a", Address: "ghcr.io", Source: "docker login", Dir: "/x", Profile: "p", ConnectorID: "c"}} {
		var again api.Login
		if !plainLogin(&again, public, &like) || !reflect.DeepEqual(again, want) {
			t.Errorf("%s is read as %+v after %+v; encoding/json: %+v", public, again, like, want)
		}
	}
	return true
}

// What zen writes for a login is read without encoding/json, unless there is something unusual in it.
func TestPlainLogin(t *testing.T) {
	created := time.Date(2026, 11, 24, 12, 30, 0, 123456789, time.UTC)
	until := created.Add(time.Hour).In(time.FixedZone("", 2*60*60))
	for name, tt := range map[string]struct {
		login api.Login
		plain bool
	}{
		"smallest": {api.Login{ID: "a", Address: "ghcr.io", Source: "docker login", Created: created}, true},
		"all": {api.Login{
			ID: "a", Address: "ghcr.io/team", ServerURL: "x", ConnectorID: "c", ConnectorName: "n", ResourceID: "r", Username: "u", Source: "connector",
			Dir: "/home/me/src", Profile: "work", PlainHTTP: true, IdentityToken: true, Created: created, Until: &until, TokenExpires: &until, Problem: "p",
		}, true},
		"another script": {api.Login{ID: "a", Address: "ghcr.io", Dir: "/srv/jürgen", Created: created}, false},
		"an escape":      {api.Login{ID: "a", Address: "ghcr.io", Dir: `/srv/a"b`, Created: created}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := loginRecord(tt.login)
			if err != nil {
				t.Fatal(err)
			}
			if plain := comparePlainLogin(t, r.Public); plain != tt.plain {
				t.Errorf("%s is plain: %v", r.Public, plain)
			}
			var want api.Login
			if err := json.Unmarshal(r.Public, &want); err != nil {
				t.Fatal(err)
			}
			if l, err := readLogin(r, &api.Login{}); err != nil || l.Dir != want.Dir || l.ID != want.ID || !l.Created.Equal(want.Created) {
				t.Errorf("%s is read as %+v, %v", r.Public, l, err)
			}
		})
	}
}

var someLogins = []string{
	`{"id":"a","address":"ghcr.io","source":"connector","created":"2026-11-24T12:30:00.5+02:00","until":"2026-11-24T12:30:00Z"}`,
	`{"id":"a","plain_http":true,"identity_token":true,"dir":"/x","profile":"p","connector_id":"c","resource_id":"r"}`,
	`{"id":"a","id":"b"}`, `{"ID":"a"}`, `{"id":true}`, `{"plain_http":"true"}`, `{"plain_http":false}`, `{"plain_http":truely}`, `{"until":null}`,
	`{"id":"a",}`, `{"id":"a"`, `{"id":"a"}}`, `{"id":"a"} `, `{ "id":"a"}`, `{}`, `{`, ``, `null`, `{"id"}`, `{"id":}`, `{"created":"yesterday"}`,
	`{"created":"2026-11-24t12:30:00Z"}`, `{"created":"2026-11-24T12:30:00,5Z"}`, `{"created":"0000-01-01T00:00:00Z"}`, `{"x":"y"}`, `{"id":"a\u0062"}`,
	"{\"id\":\"a\x01\"}", "{\"id\":\"\xff\"}", `{"id":"a""dir":"/"}`, `{"id":"a":"b"}`, `{"id":"a","until":"2026-11-24T12:30:00Z","until":"x"}`,
}

func FuzzPlainLogin(f *testing.F) {
	for _, s := range someLogins {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, public []byte) { comparePlainLogin(t, public) })
}
