package address_test

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		hubURL, hubURL + "access-token", "index.docker.io/library/alpine", "ghcr.io:443",
		"http://[::1]:80/v2/", "http://[::1]:443/v2/x", "localhost:5000/a__b",
		"https://user:pw@ghcr.io", "0x7f.1", "ghcr.io//", "a:1:2", "[::ffff:1.2.3.4]:1/x/", "xn--a.b/v1/v1",
		"ghcr.io/a..b",
	} {
		f.Add(s, "ghcr.io/team")
	}
	f.Fuzz(func(t *testing.T, s, other string) {
		checkURL(t, s)
		a, err := address.Parse(s)
		if err != nil {
			checkRefusal(t, s, err)
			return
		}
		checkProperties(t, a)
		if strings.Contains(s, "@") {
			t.Errorf("%q has an @ and is taken for %s", s, a)
		}
		if b, err := address.Parse(other); err == nil {
			checkPair(t, a, b)
		}
	})
}

// checkURL holds for whatever a client calls a registry: the host is the one that is
// there, and nothing else is made of what Parse takes.
func checkURL(t *testing.T, s string) {
	t.Helper()
	a, _, err := address.ParseURL(s)
	strict, strictErr := address.Parse(s)
	switch {
	case strictErr == nil:
		if err != nil || a != strict {
			t.Errorf("%q: %v, %v, and strictly %v", s, a, err, strict)
		}
	case err != nil:
		checkRefusal(t, s, err)
	default:
		checkProperties(t, a)
		_, rest, found := strings.Cut(s, "://")
		if !found {
			rest = s
		}
		rest, _, _ = strings.Cut(rest, "/")
		if b, err := address.Parse(rest); a.Path() != "" || a.IsHub() || err != nil ||
			!strings.HasPrefix(a.Host(), strings.TrimSuffix(strings.TrimSuffix(b.Host(), ":443"), ":80")) {
			t.Errorf("%q is taken for %s", s, a)
		}
	}
}

// checkProperties holds for every address that Parse returns.
func checkProperties(t *testing.T, a address.Address) {
	t.Helper()
	spellings := []string{a.String(), a.ServerURL(), strings.TrimSuffix(a.ServerURL(), "/") + "/"}
	if !strings.Contains(a.String(), "://") {
		spellings = append(spellings, "https://"+a.String())
	}
	for _, s := range spellings {
		checkClean(t, s)
		if b, err := address.Parse(s); err != nil || b != a {
			t.Errorf("%s: parsed again from %q: %v, %v", a, s, b, err)
		}
	}
	if !a.Covers(a) {
		t.Errorf("%s does not cover itself", a)
	}
	if a.Host() != strings.ToLower(a.Host()) || a.Host() == "" {
		t.Errorf("%s: host %q is not canonical", a, a.Host())
	}
	if r := a.Registry(); !r.Covers(a) || r.Host() != a.Host() || r.Path() != "" {
		t.Errorf("%s is on the registry %s", a, r)
	}
	for p, ok := a.Parent(); ok; p, ok = p.Parent() {
		if !p.Covers(a) || a.Covers(p) || p.Host() != a.Host() {
			t.Errorf("%s is no proper parent of %s", p, a)
		}
		checkPair(t, p, a)
	}
}

// checkPair holds for every two addresses.
func checkPair(t *testing.T, a, b address.Address) {
	t.Helper()
	if (a == b) != (a.String() == b.String()) {
		t.Errorf("%s and %s: text and identity differ", a, b)
	}
	if a.Covers(b) && a.Host() != b.Host() {
		t.Errorf("%s covers %s across hosts or ports", a, b)
	}
	if a.Covers(b) && b.Covers(a) && a != b {
		t.Errorf("%s and %s cover each other", a, b)
	}
	isParent := false
	for p, ok := b, true; ok; p, ok = p.Parent() {
		isParent = isParent || p == a
		if a.Covers(p) && !a.Covers(b) {
			t.Errorf("%s covers %s, whose child %s it does not cover", a, p, b)
		}
	}
	if isParent != a.Covers(b) {
		t.Errorf("%s covers %s: %v, but Parent says %v", a, b, a.Covers(b), isParent)
	}
}

// checkRefusal holds for every error.
func checkRefusal(t *testing.T, s string, err error) {
	t.Helper()
	if !credential.InvalidInput.Is(err) {
		t.Errorf("%q: %v is not an invalid input", s, err)
	}
	checkClean(t, err.Error())
	if strings.Contains(s, "@") && len(s) > 8 && strings.Contains(err.Error(), s) {
		t.Errorf("%q is repeated in %v", s, err)
	}
}

// checkClean finds what could be injected into a log or a terminal.
func checkClean(t *testing.T, s string) {
	t.Helper()
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			t.Errorf("%q has byte %#x", s, s[i])
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, s := range []string{"ghcr.io", hubURL, "index.docker.io/library/alpine", "[::1]:5000/x"} {
		b.Run(strings.ReplaceAll(s, "/", "|"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := address.Parse(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
