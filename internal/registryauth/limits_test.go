package registryauth

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/registrytest"
)

// hubLike is a registry that tells its limits as Docker Hub does: to accounts others than
// to everybody.
func hubLike(answer func(w http.ResponseWriter, known bool)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case r.URL.Path == "/token":
			if _, _, given := r.BasicAuth(); given && !knows(r) {
				unauthorized(w, "", `{"details":"incorrect username or password"}`)
				return
			}
			if r.URL.Query().Get("scope") != hubScope {
				panic("asked for " + r.URL.RawQuery)
			}
			serveToken(w, map[bool]string{true: "known", false: "anyone"}[knows(r)])
		case !ok:
			unauthorized(w, `Bearer realm="http://`+r.Host+`/token",service="test"`, errorBody)
		case r.Method != http.MethodHead || r.URL.Path != "/v2/ratelimitpreview/test/manifests/latest":
			panic(r.Method + " " + r.URL.Path)
		default:
			answer(w, bearer == "known")
		}
	}
}

func TestLimits(t *testing.T) {
	header := func(w http.ResponseWriter, limit, remaining, source string) {
		w.Header().Set("ratelimit-limit", limit)
		w.Header().Set("ratelimit-remaining", remaining)
		w.Header().Set("docker-ratelimit-source", source)
	}
	tests := []struct {
		name   string
		answer func(w http.ResponseWriter, known bool)
		want   string
	}{
		{"as Docker Hub", func(w http.ResponseWriter, known bool) {
			if !known {
				panic("anonymous")
			}
			header(w, "200;w=21600", "153;w=21600", "4b1d-uuid")
		}, "153 of 200 in 6h0m0s for 4b1d-uuid"},
		{"none", func(http.ResponseWriter, bool) {}, "unlimited"},
		{"used up", func(w http.ResponseWriter, _ bool) {
			header(w, "100;w=21600", "0;w=21600", "203.0.113.5")
			w.WriteHeader(http.StatusTooManyRequests)
		}, "0 of 100 in 6h0m0s for 203.0.113.5"},
		{"no window", func(w http.ResponseWriter, _ bool) { header(w, "100", "7", "") }, "7 of 100 in 0s " +
			"for "},
		{"nonsense", func(w http.ResponseWriter, _ bool) { header(w, "many", "some;w=x", "") }, "unlimited"},
		{"negative", func(w http.ResponseWriter, _ bool) { header(w, "-1;w=-5", "-1", "") }, "unlimited"},
		{
			"escapes",
			func(w http.ResponseWriter, _ bool) { header(w, "1;x;w=60;y", "1", "a\tb") },
			"1 of 1 in 1m0s for a b",
		},
		{
			"too many, and no more said",
			func(w http.ResponseWriter, _ bool) { w.WriteHeader(http.StatusTooManyRequests) },
			"unreachable: HOST refuses further requests for now",
		},
		{
			"trouble",
			func(w http.ResponseWriter, _ bool) { w.WriteHeader(http.StatusBadGateway) },
			"unreachable: HOST has trouble",
		},
		{
			"refused",
			func(w http.ResponseWriter, _ bool) { w.WriteHeader(http.StatusForbidden) },
			"rejected: HOST rejects the credentials",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reg := newFake(t, hubLike(tt.answer))
			got := limitsText(quick().Limits(t.Context(), target(t, reg.host()), login(user, password)))
			if want := strings.ReplaceAll(tt.want, "HOST", reg.host()); !strings.HasPrefix(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func limitsText(l connector.Limits, err error) string {
	switch {
	case err != nil:
		return fmt.Sprintf("%s: %v", credential.ReasonOf(err), err)
	case !l.Limited:
		if l != (connector.Limits{}) {
			return fmt.Sprintf("unlimited, but %+v", l)
		}
		return "unlimited"
	}
	return fmt.Sprintf("%d of %d in %v for %s", l.Remaining, l.Limit, l.Window, l.Source)
}

func TestLimitsOfNobody(t *testing.T) {
	reg := newFake(t, hubLike(func(w http.ResponseWriter, known bool) {
		if known {
			panic("not anonymous")
		}
		w.Header().Set("ratelimit-limit", "100;w=21600")
		w.Header().Set("ratelimit-remaining", "99;w=21600")
	}))
	l, err := quick().Limits(t.Context(), target(t, reg.host()), credential.Credential{})
	if err != nil || l.Remaining != 99 || l.Window != 6*time.Hour {
		t.Errorf("%+v, %v", l, err)
	}
}

func TestLimitsThatAreNotTold(t *testing.T) {
	reg := newFake(t, hubLike(nil))
	if got := limitsText(quick().Limits(t.Context(), target(t, reg.host()),
		login(user, "wrong"))); !strings.HasPrefix(
		got,
		"rejected: ",
	) {
		t.Errorf("a wrong password: %s", got)
	}
	basic := registrytest.StartBasic(user, password)
	defer basic.Close()
	if got := limitsText(quick().Limits(t.Context(), target(t, basic.Host),
		login(user, password))); !strings.Contains(
		got,
		"no token service",
	) {
		t.Errorf("basic: %s", got)
	}
	if got := limitsText(quick().Limits(t.Context(), target(t, "127.0.0.1:1"),
		login(user, password))); !strings.Contains(
		got,
		"connection refused",
	) {
		t.Errorf("nobody there: %s", got)
	}
	// The password goes to the registry's own token service only.
	n := newInternet(t)
	thief := newFake(t, func(http.ResponseWriter, *http.Request) {})
	liar := newTLSFake(t, bearerRegistry("http://"+thief.host()+"/token", nil, everyToken))
	n.hosts["registry.example.com:443"] = liar
	n.trust("registry.example.com", liar)
	if got := limitsText(n.check.Limits(t.Context(), target(t, "registry.example.com"),
		login(user, password))); !strings.Contains(
		got,
		"they were not sent",
	) {
		t.Errorf("%s", got)
	}
	if len(thief.requests()) > 0 {
		t.Error("the thief was asked")
	}
}
