package registryauth

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/registrytest"
)

func TestRegistriesThatDemandAPassword(t *testing.T) {
	for name, start := range map[string]func(string, string) *registrytest.Registry{
		"basic": registrytest.StartBasic, "bearer": registrytest.StartBearer,
	} {
		t.Run(name, func(t *testing.T) {
			reg := start(user, password)
			defer reg.Close()
			for _, registry := range []string{reg.Host, "http://" + reg.Host} {
				want(t, verify(t, quick(), registry, password), "valid", "")
				want(t, verify(t, quick(), registry, "hunter2-not-it"), "rejected", reg.Host+" rejects "+
					"the credentials: authentication required")
				want(
					t,
					verifyAs(t, quick(), registry, "nobody", password, ""),
					"rejected",
					"authentication required",
				)
			}
		})
	}
}

// A registry that lets everybody in proves nothing by letting us in.
func TestOpenRegistryIsNotProof(t *testing.T) {
	open := newFake(t, func(http.ResponseWriter, *http.Request) {})
	want(t, verify(t, quick(), open.host(), password), "unverified", "it does not ask for any")

	// Nexus and others let anonymous callers in, and still refuse credentials that they
	// do not know.
	checks := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" && !knows(r) {
			unauthorized(w, `Basic realm="x"`, errorBody)
		}
	})
	want(t, verify(t, quick(), checks.host(), password), "unverified", "")
	want(t, verify(t, quick(), checks.host(), "hunter2-not-it"), "rejected", "authentication required")
}

func TestTokensAreComparedWithTheAnonymousOne(t *testing.T) {
	anonymous := func(r *http.Request) bool { return r.Header.Get("Authorization") == "" }
	for name, tt := range map[string]struct {
		issue  func(*http.Request) string
		accept func(string) bool
		want   string
		detail string
	}{
		"names the user": {func(r *http.Request) string {
			if anonymous(r) {
				return token("")
			}
			return token("alice")
		}, everyToken, "valid", ""},
		"allows more": {func(r *http.Request) string {
			if anonymous(r) {
				return token("guest", "repository:public:pull")
			}
			return token("guest", "repository:public:pull", "repository:team/app:pull,push")
		}, everyToken, "valid", ""},
		"is refused to anonymous callers": {func(r *http.Request) string {
			if anonymous(r) {
				return ""
			}
			return "opaque"
		}, everyToken, "valid", ""},
		"opaque, the anonymous one opens nothing": {func(r *http.Request) string {
			if anonymous(r) {
				return "nobody's"
			}
			return "somebody's"
		}, func(t string) bool { return t == "somebody's" }, "valid", ""},
		"opaque, all open the door": {
			func(*http.Request) string { return "opaque" }, everyToken,
			"unverified", "it gives an anonymous client just as much",
		},
		// goharbor/harbor#11632: 200 with an empty access list for a wrong password.
		"empty access whoever asks": {
			func(*http.Request) string { return token("") }, everyToken,
			"unverified", "it gives an anonymous client just as much",
		},
		"same user whoever asks": {func(*http.Request) string {
			return token("guest",
				"repository:public:pull")
		}, everyToken, "unverified", "just as much"},
		"is not taken by the registry": {
			func(r *http.Request) string { return token(map[bool]string{false: "alice"}[anonymous(r)]) },
			func(string) bool { return false }, "rejected", "authentication required",
		},
		"is refused": {func(*http.Request) string { return "" }, everyToken, "rejected", "incorrect " +
			"username or password"},
	} {
		t.Run(name, func(t *testing.T) {
			reg := newFake(t, bearerRegistry("", tt.issue, tt.accept))
			want(t, verify(t, quick(), reg.host(), password), tt.want, tt.detail)
			if !reg.gotSecret() {
				t.Error("the credential was never shown")
			}
		})
	}
}

// Only what was typed is ever sent: a registry may lock the account after a few wrong
// passwords.
func TestNoWrongPasswordIsTried(t *testing.T) {
	var seen []string
	reg := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); ok {
			seen = append(seen, u+":"+p)
		}
		bearerRegistry("", func(*http.Request) string { return token("") }, everyToken)(w, r)
	})
	verify(t, quick(), reg.host(), password)
	seen = slices.Compact(seen)
	if len(seen) != 1 || seen[0] != user+":"+password {
		t.Errorf("the registry saw %q", seen)
	}
}

func TestTokenServiceWithAccessTokenOnly(t *testing.T) {
	reg := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			fmt.Fprintf(w, `{"access_token":%q}`, token(map[bool]string{true: "alice"}[knows(r)]))
			return
		}
		bearerRegistry("", nil, everyToken)(w, r)
	})
	want(t, verify(t, quick(), reg.host(), password), "valid", "")
}

func TestIdentityToken(t *testing.T) {
	reg := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/token" || r.Method != http.MethodPost {
			bearerRegistry("", func(*http.Request) string { return token("") }, everyToken)(w, r)
			return
		}
		if r.PostFormValue("grant_type") != "refresh_token" ||
			r.PostFormValue("refresh_token") != "refresh-me" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":"invalid_grant","error_description":"the token was revoked"}`)
			return
		}
		fmt.Fprintf(w, `{"access_token":%q}`, token("alice"))
	})
	want(t, verifyAs(t, quick(), reg.host(), credential.TokenUsername, "refresh-me", ""), "valid", "")
	want(
		t,
		verifyAs(t, quick(), reg.host(), credential.TokenUsername, "stale-token", ""),
		"rejected",
		"the token was revoked",
	)

	basic := registrytest.StartBasic(user, password)
	defer basic.Close()
	want(
		t,
		verifyAs(t, quick(), basic.Host, credential.TokenUsername, "refresh-me", ""),
		"rejected",
		"asks for a username and password",
	)
}

func TestDockerHubIsAskedForAPullOfItsTestRepository(t *testing.T) {
	var scopes []string
	n := newInternet(t)
	auth := newTLSFake(t, func(w http.ResponseWriter, r *http.Request) {
		scopes = append(scopes, r.URL.Query().Get("scope"))
		serveToken(w, token(map[bool]string{true: "4b1d"}[knows(r)], "repository:ratelimitpreview/test:pull"))
	})
	hub := newTLSFake(t, bearerRegistry("https://auth.example.com/token", nil, everyToken))
	n.hosts["index.docker.io:443"], n.hosts["auth.example.com:443"] = hub, auth
	// The fakes' certificate is not Docker's.
	want(t, verify(t, n.check, "docker.io", password), "unreachable", "docker.io has a certificate")
	if hub.gotSecret() || auth.gotSecret() {
		t.Error("the password went to somebody without Docker's certificate")
	}
	h, err := n.check.newHandshake(target(t, "docker.io"), login(user, password))
	if err != nil {
		t.Fatal(err)
	}
	defer h.guard.close()
	n.trust("index.docker.io", auth)
	h.guard.inner.TLSClientConfig.RootCAs = rootsFor("index.docker.io", n.check.certDirs)
	h.guard.inner.TLSClientConfig.ServerName = "example.com"
	if err := h.run(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if len(scopes) != 2 || scopes[0] != hubScope || scopes[1] != hubScope {
		t.Errorf("asked for %q", scopes)
	}
	if hub.gotSecret() || !auth.gotSecret() {
		t.Error("the password belongs to the token service only")
	}
}

func TestPushPermission(t *testing.T) {
	for name, start := range map[string]func(string, string) *registrytest.Registry{
		"basic": registrytest.StartBasic, "bearer": registrytest.StartBearer,
	} {
		t.Run(name, func(t *testing.T) {
			reg := start(user, password)
			defer reg.Close()
			for _, repository := range []string{"team/app", reg.Host + "/team/app"} {
				want(t, verifyAs(t, quick(), reg.Host, user, password, repository), "valid", "")
			}
			want(
				t,
				verifyAs(t, quick(), reg.Host, user, "hunter2-not-it", "team/app"),
				"rejected",
				"rejects the credentials",
			)
			if all := strings.Join(reg.Requests(), "\n"); !strings.Contains(
				all,
				"POST /v2/team/app/blobs/uploads/",
			) ||
				!strings.Contains(all, "DELETE /v2/team/app/blobs/uploads/") {
				t.Errorf("no upload was started and cancelled:\n%s", all)
			}
		})
	}
}

func TestPushIsDenied(t *testing.T) {
	reg := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !knows(r):
			unauthorized(w, `Basic realm="x"`, errorBody)
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"errors":[{"code":"DENIED","message":"requested access to the resource is `+
				`denied"}]}`)
		}
	})
	want(t, verify(t, quick(), reg.host(), password), "valid", "")
	want(t, verifyAs(t, quick(), reg.host(), user, password, "team/app"), "rejected",
		"accepts the credentials, but no push to team/app: requested access to the resource is denied")
}

// A push that only the credential opens proves what the door could not.
func TestPushProves(t *testing.T) {
	for name, everybody := range map[string]bool{"read-only for others": false, "open to all": true} {
		reg := newFake(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				return
			}
			if !everybody && !knows(r) {
				unauthorized(w, `Basic realm="x"`, errorBody)
				return
			}
			w.Header().Set("Location", "https://elsewhere.example/upload")
			w.WriteHeader(http.StatusAccepted)
		})
		verification, detail := "valid", ""
		if everybody {
			verification, detail = "unverified", "everybody may push to team/app"
		}
		t.Run(name, func(t *testing.T) {
			want(t, verifyAs(t, quick(), reg.host(), user, password, "team/app"), verification, detail)
		})
	}
}

func TestPushOfWhatIsNoRepository(t *testing.T) {
	for _, push := range []string{"Team/App", "team/app:latest", "/", "../x", "v2"} {
		_, err := quick().Verify(t.Context(), target(t, "ghcr.io"), login(user, password),
			connector.VerifyOptions{Push: push})
		if !credential.InvalidInput.Is(err) {
			t.Errorf("%q: %v", push, err)
		}
	}
}

func TestCallerGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	block := make(chan struct{})
	reg := newFake(t, func(http.ResponseWriter, *http.Request) {
		cancel()
		<-block
	})
	defer close(block)
	_, err := quick().Verify(ctx, target(t, reg.host()), login(user, password), connector.VerifyOptions{})
	if !credential.Timeout.Is(err) {
		t.Errorf("got %v", err)
	}
}
