package exec

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/address"
)

func ask(t testing.TB, registry, image string) question {
	t.Helper()
	a, err := address.Parse(registry)
	if err != nil {
		t.Fatal(err)
	}
	return question{registry: a, image: image}
}

func day() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func jwt(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func kubeletAnswer(auth string) string {
	return `{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1",` +
		`"cacheDuration":"6h0m0s","auth":{` + auth + `}}`
}

func TestRead(t *testing.T) {
	entry := func(pattern, user string) string {
		return `"` + pattern + `":{"username":"` + user + `","password":"p"}`
	}
	for name, tt := range map[string]struct {
		method, out string
		want        string // username:secret@expiry in seconds from the question, or the error
	}{
		"helper":               {methodHelper, `{"ServerURL":"x","Username":"u","Secret":"s"}`, "u:s"},
		"helper in lower case": {methodHelper, `{"username":"u","secret":"s"}`, "u:s"},
		"helper with a token":  {methodHelper, `{"Username":"<token>","Secret":"s"}`, "<token>:s"},
		"helper with escapes": {
			methodHelper,
			`{"Username":"\u00fc\ud83d\udc33","Secret":"\"\\\/\b\f\n\r\t"}`, "ü🐳:\"\\/\b\f\n\r\t",
		},
		"helper with a JWT": {methodHelper, `{"Username":"u","Secret":"` +
			jwt(`{"exp":1795435300.5}`) + `"}`, "u:" + jwt(`{"exp":1795435300.5}`) + "@100"},
		"JWT without end": {methodHelper, `{"Username":"u","Secret":"` + jwt(`{"exp":"soon"}`) +
			`"}`, "u:" + jwt(`{"exp":"soon"}`)},
		"JWT until the end of days": {methodHelper, `{"Username":"u","Secret":"` + jwt(`{"exp":1e300}`) +
			`"}`, "u:" + jwt(`{"exp":1e300}`)},
		"no JWT":               {methodHelper, `{"Username":"u","Secret":"a.b!.c"}`, "u:a.b!.c"},
		"helper with a number": {methodHelper, `{"Username":"u","Secret":1}`, "there is no secret"},
		"helper with a NUL": {methodHelper, `{"Username":"u","Secret":"a\u0000b"}`, "its secret " +
			"has a NUL"},
		"command": {
			methodCommand,
			`{"Version":1,"Username":"u","Secret":"s","Expiration":"2026-11-23T13:00:00+01:00"}`, "u:s@0",
		},
		"command without expiry": {methodCommand, `{"Version":1,"Username":"u","Secret":"s"}`, "u:s"},
		"command with empty expiry": {
			methodCommand,
			`{"Version":1,"Username":"u","Secret":"s","Expiration":""}`, "u:s",
		},
		"command, JWT ends earlier": {methodCommand, `{"Version":1,"Username":"u","Secret":"` +
			jwt(`{"exp":1795435230}`) + `","Expiration":"2026-11-23T13:00:00Z"}`, "u:" +
			jwt(`{"exp":1795435230}`) + "@30"},
		"command of another version": {
			methodCommand, `{"Version":2,"Username":"u","Secret":"s"}`,
			`no "Version": 1`,
		},
		"command without version": {methodCommand, `{"Username":"u","Secret":"s"}`, `no "Version": 1`},
		"command with a bad time": {
			methodCommand,
			`{"Version":1,"Username":"u","Secret":"s","Expiration":"tomorrow"}`,
			`its "Expiration" is not a time`,
		},
		"command with a number": {
			methodCommand,
			`{"Version":1,"Username":"u","Secret":"s","Expiration":1795435300}`,
			`its "Expiration" is not a time`,
		},
		"plugin": {
			methodKubelet,
			kubeletAnswer(entry("123.dkr.ecr.eu-west-1.amazonaws.com", "u")), "u:p@21600",
		},
		"plugin with a glob": {
			methodKubelet, kubeletAnswer(entry("*.dkr.ecr.*.amazonaws.com", "u")),
			"u:p@21600",
		},
		"plugin, best entry": {
			methodKubelet,
			kubeletAnswer(entry("*.dkr.ecr.*.amazonaws.com", "short") + "," +
				entry("123.dkr.ecr.*.amazonaws.com", "long") + "," + entry("*.*.*.*.*.com", "any")),
			"long:p@21600",
		},
		"plugin for others": {
			methodKubelet, kubeletAnswer(entry("*.amazonaws.com", "u")),
			"it has no credential for 123.dkr.ecr.eu-west-1.amazonaws.com",
		},
		"plugin without entries": {methodKubelet, kubeletAnswer(""), "it has no credential for"},
		"plugin with bad entries": {
			methodKubelet, kubeletAnswer(`"*.dkr.ecr.*.amazonaws.com":[]`),
			"a JSON object was expected",
		},
		"plugin that keeps nothing": {
			methodKubelet,
			strings.Replace(kubeletAnswer(entry("*.dkr.ecr.*.amazonaws.com", "u")), "6h0m0s", "0s", 1),
			"u:p@60",
		},
		"plugin with a bad duration": {
			methodKubelet,
			strings.Replace(kubeletAnswer(entry("*.dkr.ecr.*.amazonaws.com", "u")), "6h0m0s", "-1h", 1),
			`its "cacheDuration" is not a duration`,
		},
		"plugin of another kind": {methodKubelet, `{"kind":"Pod","apiVersion":"v1"}`, "it is no " +
			"CredentialProviderResponse"},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := dialectOf(tt.method)
			cred, err := read(d, []byte(tt.out), ask(t, "123.dkr.ecr.eu-west-1.amazonaws.com", ""), day())
			got := fmt.Sprint(err)
			if err == nil {
				got = cred.Username + ":" + string(cred.Secret.Reveal())
				if !cred.Expires.IsZero() {
					got += fmt.Sprintf("@%.0f", cred.Expires.Sub(day()).Truncate(time.Second).Seconds())
				}
			}
			if err == nil && got != tt.want || err != nil && !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestFits(t *testing.T) {
	for _, tt := range []struct {
		pattern, registry, image string
		want                     bool
	}{
		{"docker.io", "docker.io", "", true},
		{"index.docker.io", "docker.io", "", true},
		{"https://index.docker.io/v1/", "docker.io", "", true},
		{"ghcr.io", "ghcr.io", "", true},
		{"GHCR.IO", "ghcr.io", "", true},
		{"ghcr.io", "ghcr.io.evil.example", "", false},
		{"*.io", "ghcr.io", "", true},
		{"*.io", "a.ghcr.io", "", false},
		{"*", "localhost", "", true},
		{"*", "ghcr.io", "", false},
		{"*.azurecr.*", "acme.azurecr.io", "", true},
		{"*.azurecr.*", "acme.azurecr.io.evil", "", false},
		{"acme.azurecr.io", "evil-acme.azurecr.io", "", false},
		{"reg*.example", "registry.example", "", true},
		{"[", "ghcr.io", "", false},
		{"[.io", "ghcr.io", "", false},
		{"*.example:5000", "reg.example:5000", "", true},
		{"*.example", "reg.example:5000", "", false},
		{"*.example:5000", "reg.example", "", false},
		{"ghcr.io/team", "ghcr.io", "", false},
		{"ghcr.io/team", "ghcr.io", "ghcr.io/team/app:1", true},
		{"ghcr.io/team/app", "ghcr.io", "ghcr.io/team/app:1", true},
		{"ghcr.io/team/app", "ghcr.io", "ghcr.io/team/app@sha256:0", true},
		{"ghcr.io/team", "ghcr.io", "ghcr.io/teams/app", false},
		{"", "ghcr.io", "", false},
		{"[::1]:5000", "[::1]:5000", "", true},
	} {
		if got := fits(tt.pattern, ask(t, tt.registry, tt.image)); got != tt.want {
			t.Errorf("%q and %s (%s): got %v", tt.pattern, tt.registry, tt.image, got)
		}
	}
}

func TestKubeletRequest(t *testing.T) {
	for image, want := range map[string]string{
		"":                   "ghcr.io/image",
		"ghcr.io/team/app:1": "ghcr.io/team/app:1",
	} {
		var got map[string]string
		if err := json.Unmarshal(kubeletStdin(ask(t, "ghcr.io", image)), &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"apiVersion": "credentialprovider.kubelet.k8s.io/v1",
			"kind":       "CredentialProviderRequest",
			"image":      want,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCapture(t *testing.T) {
	for _, size := range []int{0, 1, 4 << 10, 5000, maxStdout - 1, maxStdout, maxStdout + 1, 3 * maxStdout} {
		for name, wrap := range map[string]func(io.Reader) io.Reader{
			"at once": func(r io.Reader) io.Reader { return r }, "in halves": iotest.HalfReader,
			"end with data": iotest.DataErrReader,
		} {
			flooded := false
			c := &capture{limit: maxStdout, full: func() { flooded = true }}
			data := bytes.Repeat([]byte("secret"), size/6+1)[:size]
			_, err := c.ReadFrom(wrap(bytes.NewReader(data)))
			if flooded != (size > maxStdout) || (err != nil) != flooded {
				t.Errorf("%s, %d bytes: flooded %v, %v", name, size, flooded, err)
			}
			if !bytes.Equal(c.bytes(), data[:min(size, maxStdout)]) {
				t.Errorf("%s, %d bytes: kept %d", name, size, len(c.bytes()))
			}
			inner := c.b[:cap(c.b)]
			if c.wipe(); bytes.Contains(inner, []byte("s")) {
				t.Errorf("%s, %d bytes: not wiped", name, size)
			}
		}
	}
	quiet := &capture{limit: 10}
	if n, err := quiet.Write(make([]byte, 100)); n != 100 || err != nil || len(quiet.bytes()) != 10 {
		t.Errorf("wrote %d, %v, kept %d", n, err, len(quiet.bytes()))
	}
}

// Whatever a program prints, what is taken for a credential can be used as one.
func FuzzRead(f *testing.F) {
	f.Add(0, []byte(`{"ServerURL":"x","Username":"u","Secret":"s"}`))
	f.Add(
		1,
		[]byte(
			`{"Version":1,"Username":"u","Secret":"`+jwt(
				`{"exp":1795435230}`,
			)+`","Expiration":"2026-11-23T13:00:00Z"}`,
		),
	)
	f.Add(
		2,
		[]byte(kubeletAnswer(`"*.dkr.ecr.*.amazonaws.com":{"username":"u","password":"p"},"ghcr.io":{}`)),
	)
	methods := []string{methodHelper, methodCommand, methodKubelet}
	f.Fuzz(func(t *testing.T, method int, out []byte) {
		d, ok := dialectOf(methods[uint(method)%3])
		if !ok {
			t.Fatal("no dialect")
		}
		before := bytes.Clone(out)
		cred, err := read(d, out, ask(t, "ghcr.io", ""), day())
		if !bytes.Equal(before, out) {
			t.Fatal("the output was changed")
		}
		if err != nil {
			if cred.Username != "" || !cred.Secret.IsEmpty() {
				t.Fatal("a credential beside an error")
			}
			if strings.ContainsFunc(err.Error(), unicode.IsControl) {
				t.Fatalf("control characters in %q", err)
			}
			return
		}
		if cred.Username == "" || cred.Secret.IsEmpty() || !utf8.ValidString(cred.Username) ||
			strings.ContainsFunc(cred.Username, unicode.IsControl) {
			t.Fatalf("got %q and %d bytes", cred.Username, cred.Secret.Len())
		}
		if !cred.Expires.IsZero() && cred.Expires.Year() > 9999 {
			t.Fatalf("expires %v", cred.Expires)
		}
		cred.Secret.Wipe()
		if !bytes.Equal(before, out) {
			t.Fatal("the credential has the output's bytes")
		}
	})
}
