package registryauth

import (
	"net/http"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/connector"
)

// Each way in which a login can fail has a sentence of its own, and the password goes
// nowhere but to who may have it.
func TestEachFaultHasItsOwnSentence(t *testing.T) {
	thief := newFake(t, func(w http.ResponseWriter, _ *http.Request) { serveToken(w, token(user)) })
	basic := func(w http.ResponseWriter, r *http.Request) {
		if !knows(r) {
			unauthorized(w, `Basic realm="test"`, errorBody)
		}
	}
	unknownCA := newTLSFake(t, basic)
	otherName := newTLSFake(t, basic)
	n := newInternet(t)
	n.hosts["ca.example.com:443"], n.hosts["name.example.org:443"] = unknownCA, otherName
	n.trust("name.example.org", otherName)
	n.check.certDirs = append(n.check.certDirs, t.TempDir())
	faults := []struct {
		name    string
		from    *fake // nil: there is none
		check   *Checker
		address string // "": from's
		secret  string
		mayHave bool // from may have the password
		want    string
	}{
		{"wrong password", newFake(t, basic), quick(), "", "wrong", true, "rejects the credentials: " +
			"authentication required"},
		{"wrong host", nil, n.check, "nowhere.example.com", password, false, "cannot be found: there is " +
			"no such host"},
		{"registry down", nil, quick(), "127.0.0.1:1", password, false, "cannot be reached: connection " +
			"refused"},
		{
			"TLS with an unknown authority",
			unknownCA,
			n.check,
			"ca.example.com",
			password,
			false,
			"has a certificate from an authority that this machine does not trust",
		},
		{
			"TLS for another name",
			otherName,
			n.check,
			"name.example.org",
			password,
			false,
			"has a certificate for another name",
		},
		{
			"realm on another host", newFake(t, func(w http.ResponseWriter, _ *http.Request) {
				unauthorized(w, `Bearer realm="`+thief.URL+`/token"`, errorBody)
			}), quick(), "", password, false, "wants the credentials sent to " + thief.URL,
		},
		{
			"redirect off the host", newFake(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, thief.URL+r.URL.Path, http.StatusFound)
			}), quick(), "", password, false, "redirects to " + thief.URL,
		},
		{"no registry at all", newFake(t, http.NotFound), quick(), "", password, false, "does not answer " +
			"like a registry"},
		{
			"trouble",
			newFake(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }),
			quick(),
			"",
			password,
			false,
			"has trouble",
		},
	}
	said := map[string]string{}
	for _, tt := range faults {
		address := tt.address
		if address == "" {
			address = tt.from.host()
		}
		report, err := tt.check.Verify(
			t.Context(),
			target(t, address),
			login(user, tt.secret),
			connector.VerifyOptions{},
		)
		if err != nil || !strings.HasPrefix(report.Detail, address+" "+tt.want) {
			t.Errorf("%s: %q, %v", tt.name, report.Detail, err)
		}
		sentence := strings.ReplaceAll(report.Detail, address, "HOST")
		if other, ok := said[sentence]; ok {
			t.Errorf("%s and %s are told alike: %s", tt.name, other, sentence)
		}
		said[sentence] = tt.name
		if tt.from != nil && tt.from.gotSecret() && !tt.mayHave {
			t.Errorf("%s: the registry got the password", tt.name)
		}
	}
	if len(thief.requests()) > 0 {
		t.Errorf("the thief was asked: %q", thief.requests())
	}
}
