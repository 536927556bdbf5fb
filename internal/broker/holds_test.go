package broker

import (
	"testing"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/credential"
)

func (r *rig) wantHolds(url, user, secret string, want access.Holding, reason credential.Reason) {
	r.t.Helper()
	r.wantHoldsFor(access.Caller{}, url, user, secret, want, reason)
}

func (r *rig) wantHoldsFor(
	c access.Caller,
	url, user, secret string,
	want access.Holding,
	reason credential.Reason,
) {
	r.t.Helper()
	got, err := r.Holds(
		r.t.Context(),
		c,
		url,
		credential.Credential{Username: user, Secret: credential.SecretString(secret)},
	)
	if got != want || credential.ReasonOf(err) != reason {
		r.t.Errorf("%s as %s: %+v, %v; want %+v, %s", url, user, got, err, want, reason)
	}
}

func TestHolds(t *testing.T) {
	reg := registry(t)
	r := newRig(t)
	none := credential.ReasonOf(nil)
	r.wantHolds("ghcr.io", "alice", "pw", access.Holding{}, credential.NotLoggedIn)
	r.wantHolds("not a host", "alice", "pw", access.Holding{}, credential.InvalidInput)
	r.store("ghcr.io", "alice", "pw")
	r.wantHolds("ghcr.io", "alice", "pw", access.Holding{Exact: true, Same: true}, none)
	r.wantHolds("https://ghcr.io/v1/", "alice", "pw", access.Holding{Exact: true, Same: true}, none)
	r.wantHolds("ghcr.io/team", "alice", "pw", access.Holding{Same: true}, none)
	r.wantHolds("ghcr.io", "bob", "pw", access.Holding{Exact: true}, none)
	r.wantHolds("ghcr.io", "alice", "pw2", access.Holding{Exact: true}, none)
	r.wantHolds("http://ghcr.io", "alice", "pw", access.Holding{Exact: true}, none)
	r.wantHolds("quay.io", "alice", "pw", access.Holding{}, credential.NotLoggedIn)

	work := access.Caller{Profile: "work"}
	if err := r.Store(t.Context(), work, "work.example",
		credential.Credential{Username: "bob", Secret: credential.SecretString("pw")}); err != nil {
		t.Fatal(err)
	}
	r.wantHoldsFor(work, "work.example", "bob", "pw", access.Holding{Exact: true, Same: true}, none)
	r.wantHoldsFor(work, "ghcr.io", "alice", "pw", access.Holding{Exact: true, Same: true}, none)
	r.wantHolds("work.example", "bob", "pw", access.Holding{}, credential.NotLoggedIn)

	r.register("reg", reg.Host, "pw")
	r.login("reg")
	r.wantHolds(reg.Host, "alice", "pw", access.Holding{Connector: "reg", Exact: true, Same: true}, none)
	r.wantHolds(reg.Host, "alice", "other", access.Holding{Connector: "reg", Exact: true}, none)

	last := r.LastUse()
	r.clock.add(1)
	r.wantHolds("ghcr.io", "alice", "pw", access.Holding{Exact: true, Same: true}, none)
	if !r.LastUse().Equal(last) {
		t.Error("a comparison counts as a use of the vault")
	}
	if err := r.Lock(access.Caller{}); err != nil {
		t.Fatal(err)
	}
	r.wantHolds("ghcr.io", "alice", "pw", access.Holding{Exact: true}, credential.Locked)
	r.wantHolds("quay.io", "alice", "pw", access.Holding{}, credential.NotLoggedIn)
}
