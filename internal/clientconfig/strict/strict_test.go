package strict_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/docker/cli/cli/config/configfile"

	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/clientconfig/strict"
)

func basic(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

const canary = "canary-c0ffee"

// TestDocker compares what is refused with docker's own reading.
func TestDocker(t *testing.T) {
	good := `"ghcr.io": {"auth": "` + basic("ann:pw") + `"}`
	for _, tt := range []struct{ text, want string }{
		{`{}`, ""},
		{`{"auths": {` + good + `}}`, ""},
		{`{"auths": {` + good + `, "a.io": {}, "b.io": {"auth": ""}, "c.io": null}}`, ""},
		{`{"unknown": 7, "auths": {"a.io": {"email": 7, "x": {}}}, "proxies": {"a": {"x": 1}}}`, ""},
		{`{"HttpHeaders": {"a": "b"}, "plugins": {"a": {"b": "c"}}, "psFormat": null}`, ""},
		{`{"auths": {"a.io": {"auth": "` + canary + `"}}}`, "auths.a.io.auth"},
		{`{"auths": {"a.io": {"AUTH": "` + canary + `"}}}`, "auths.a.io.AUTH"},
		{
			`{"auths": {"a.io": {"auth": "` + strings.TrimRight(basic("ann:pw1"), "=") + `"}}}`,
			"auths.a.io.auth",
		},
		{`{"auths": {"a.io": {"auth": "` + basic(canary) + `"}}}`, "auths.a.io.auth"},
		{`{"auths": {"a.io": {"auth": "` + basic(":"+canary) + `"}}}`, "auths.a.io.auth"},
		{`{"auths": {"a.io": {"auth": 7}}}`, "auths.a.io.auth"},
		{`{"auths": {"a.io": "` + canary + `"}}`, "auths.a.io"},
		{`{"auths": {"a.io": {"identitytoken": 7}}}`, "auths.a.io.identitytoken"},
		{`{"HttpHeaders": {"a": 7}}`, "HttpHeaders.a"},
		{`{"HttpHeaders": []}`, "HttpHeaders"},
		{`{"psFormat": 7}`, "psFormat"},
		{`{"PSFORMAT": {}}`, "PSFORMAT"},
		{`{"proxies": {"default": "` + canary + `"}}`, "proxies.default"},
		{`{"proxies": {"default": {"httpProxy": 7}}}`, "proxies.default.httpProxy"},
		{`{"plugins": {"a": {"b": 7}}}`, "plugins.a.b"},
		{`{"detachKeys": ["a"]}`, "detachKeys"},
		{`{"features": {"buildkit": true}}`, "features.buildkit"},
	} {
		text, want := tt.text, tt.want
		d, err := jsonedit.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range strict.Docker(d) {
			got = append(got, strings.Join(f.Path, "."))
			if strings.Contains(f.Message, canary) {
				t.Errorf("%s: %s", text, f.Message)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q, want %s", text, got, want)
		}
		if err := configfile.New("").LoadFromReader(strings.NewReader(text)); (err != nil) != (want != "") {
			t.Errorf("%s: docker says %v", text, err)
		}
	}
}

func TestAuthConfig(t *testing.T) {
	auth := `{"auth": "` + basic("ann:pw") + `"}`
	for _, tt := range []struct{ text, want string }{
		{``, ""},
		{`{"auths": {"b.io": ` + auth + `, "a.io": ` + auth + `}}`, "a.io b.io"},
		{`{"auths": {}}`, ""},
		{`{"auths": {}, "credsStore": "x"}`, "it has a member that docker does not know there"},
		{
			`{"auths": {"a.io": {"auth": "` + basic("a:b") + `", "identitytoken": "x"}}}`,
			"it has a member that docker does not know there",
		},
		{`{"auths": {"a.io": {}}}`, "the entry for a.io has no auth"},
		{
			`{"auths": {"a.io": {"auth": "` + canary + `"}}}`,
			"the auth of a.io is not the base64 of USER:PASSWORD",
		},
		{`{"auths": {}} {}`, "there is more than one JSON object in it"},
		{canary, "it is not JSON of the form that docker wants"},
	} {
		keys, err := strict.AuthConfig(tt.text)
		got := strings.Join(keys, " ")
		if err != nil {
			got += err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.text, got, tt.want)
		}
	}
}

func TestRegistriesConf(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{
			"unqualified-search-registries = ['docker.io']\nshort-name-mode = ''\n[aliases]\na='b'",
			"",
		},
		{
			"[[registry]]\nprefix = 'a'\nlocation = 'b'\ninsecure = true\n[[registry.mirror]]\nlocation='c'",
			"",
		},
		{"unknown = 7", ""},
		{"[registries.search]\nregistries = ['docker.io']", ""},
		{
			"unqualified-search-registries = ['docker.io']\n[registries.insecure]\nregistries = ['a']",
			"mixes",
		},
		{"a = [", "toml"},
		{"short-name-mode = 7", "toml"},
		{"short-name-mode = 'other'", "short-name-mode"},
		{"credential-helpers = 'zen'", "toml"},
		{"[[registry]]\ninsecure = 'yes'", "toml"},
	} {
		err := strict.RegistriesConf([]byte(tt.text), false)
		if (err != nil) != (tt.want != "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %s", tt.text, err, tt.want)
		}
	}
	old := []byte("[registries.search]\nregistries = ['docker.io']")
	if err := strict.RegistriesConf(old, true); err == nil {
		t.Error("a drop-in in the old format is not refused")
	}
}

// FuzzDocker: whatever is in a file, nothing panics and no value is repeated.
func FuzzDocker(f *testing.F) {
	f.Add([]byte(`{"auths": {"a.io": {"auth": "x"}}, "plugins": {"a": {"b": 7}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := jsonedit.Parse(text)
		if err != nil {
			return
		}
		for _, fault := range strict.Docker(d) {
			if _, ok := d.Raw(fault.Path...); !ok || fault.Message == "" {
				t.Errorf("%q: %+v", text, fault)
			}
		}
	})
}
