package broker

import (
	"maps"
	"testing"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
)

// Of several logins for an address the one is marked that a client gets there.
func TestLoginsThatAnswerHere(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	r.register("reg", reg.Host, "pw")
	for _, req := range []api.LoginRequest{{}, {Dir: "/src"}, {Dir: "/src/app"}, {Profile: "work"}} {
		req.Name = "reg"
		if _, err := r.Login(t.Context(), access.Caller{}, req); err != nil {
			t.Fatal(err)
		}
	}
	r.store("ghcr.io", "alice", "pw")
	for _, tt := range []struct {
		caller access.Caller
		want   string // directory and profile of the login that answers
	}{
		{access.Caller{}, "|"},
		{access.Caller{Dir: "/"}, "|"},
		{access.Caller{Dir: "/src/other"}, "/src|"},
		{access.Caller{Dir: "/src/app/deep"}, "/src/app|"},
		{access.Caller{Dir: "/srcs", Profile: "work"}, "|work"},
		{access.Caller{Dir: "/src", Profile: "work"}, "/src|"},
	} {
		got := map[string]bool{}
		for _, l := range r.allLogins(tt.caller) {
			if l.Here {
				got[l.Address+" "+l.Dir+"|"+l.Profile] = true
			}
		}
		if want := map[string]bool{reg.Host + " " + tt.want: true, "ghcr.io |": true}; !maps.Equal(
			got,
			want,
		) {
			t.Errorf("in %q with profile %q: %v, want %v", tt.caller.Dir, tt.caller.Profile, got, want)
		}
	}
}
