package broker

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/connector/docker"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/registryauth"
)

// hubKind is the docker kind with a Docker Hub that answers without a network.
type hubKind struct{ *docker.Kind }

func (hubKind) Limits(
	_ context.Context,
	registry address.Address,
	cred credential.Credential,
) (connector.Limits, error) {
	switch {
	case registry.String() != "docker.io":
		return connector.Limits{}, credential.NewError(
			credential.Internal,
			"asked about "+registry.String(),
			"",
		)
	case cred.Username == "":
		return connector.Limits{
			Limited:   true,
			Limit:     100,
			Remaining: 76,
			Window:    6 * time.Hour,
			Source:    "203.0.113.5",
		}, nil
	case string(cred.Secret.Reveal()) == "paid":
		return connector.Limits{}, nil
	}
	return connector.Limits{}, credential.NewError(credential.Rejected, "docker.io rejects the "+
		"credentials", "check the password")
}

func TestLimits(t *testing.T) {
	r := newRig(t)
	r.Kinds["docker"] = hubKind{docker.New(registryauth.New())}
	r.store("ghcr.io", "bob", "elsewhere")
	list, err := r.Limits(t.Context(), access.Caller{})
	want := api.PullLimit{
		Address: "docker.io", AnsweredBy: "nobody", Limited: true, Limit: 100, Remaining: 76,
		WindowSeconds: 21600, Source: "203.0.113.5",
	}
	if err != nil || len(list.Items) != 1 || list.Items[0] != want {
		t.Errorf("without a login: %+v, %v", list, err)
	}
	r.store("https://index.docker.io/v1/", "me", "paid")
	r.store("docker.io/team", "bob", "revoked")
	list, err = r.Limits(t.Context(), access.Caller{})
	if err != nil || len(list.Items) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	if got := list.Items[0]; got != (api.PullLimit{Address: "docker.io", AnsweredBy: "docker " +
		"login", Username: "me"}) {
		t.Errorf("an account without a limit: %+v", got)
	}
	if got := list.Items[1]; got != (api.PullLimit{
		Address: "docker.io/team", AnsweredBy: "docker login", Username: "bob", Error: "docker.io " +
			"rejects the credentials", Hint: "check the password",
	}) {
		t.Errorf("a password that does not work: %+v", got)
	}
	for _, line := range []string{"verify docker.io  ok pull limits", "verify docker.io/team  rejected " +
		"pull limits"} {
		if !r.audit.has(line) {
			t.Errorf("audit has no %q: %q", line, r.audit.lines)
		}
	}
	if !slices.Contains(r.audit.to, "registry docker.io") {
		t.Errorf("secrets went to %q", r.audit.to)
	}
	if err := r.Lock(access.Caller{}); err != nil {
		t.Fatal(err)
	}
	list, err = r.Limits(t.Context(), access.Caller{})
	if err != nil || len(list.Items) != 2 || list.Items[0].Error == "" || list.Items[0].Hint == "" {
		t.Errorf("locked: %+v, %v", list, err)
	}
}
