package broker

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/registrytest"
)

// The registry is asked about a credential that is not stored, and nothing is kept.
func TestVerifyCredential(t *testing.T) {
	basic, bearer := registrytest.StartBasic("alice", "right"), registrytest.StartBearer("alice", "right")
	t.Cleanup(basic.Close)
	t.Cleanup(bearer.Close)
	r := newRig(t)
	tests := []struct{ server, password, want string }{
		{basic.Host, "right", api.VerificationValid},
		{"http://" + basic.Host + "/v2/", "right", api.VerificationValid},
		{basic.Host, "wrong", api.VerificationRejected},
		{bearer.Host, "right", api.VerificationValid},
		{bearer.Host, "wrong", api.VerificationRejected},
		{basic.Host + "/team/app", "right", api.VerificationValid},
		{"127.0.0.1:1", "right", api.VerificationUnreachable},
		{"https://index.docker.io/v1/access-token", "right", api.VerificationSkipped},
	}
	for _, tt := range tests {
		cred := credential.Credential{Username: "alice", Secret: credential.SecretString(tt.password)}
		got, err := r.VerifyCredential(t.Context(), access.Caller{}, tt.server, cred)
		if err != nil || got.Verification != tt.want {
			t.Errorf("%s with the %s password: %+v, %v; want %s", tt.server, tt.password, got, err, tt.want)
		}
		if cred.Secret.IsEmpty() {
			t.Error("the caller's secret was wiped")
		}
		if line := r.audit.last(); !strings.HasPrefix(line, "verify ") || !strings.HasSuffix(line, tt.want) {
			t.Errorf("audited as %q", line)
		}
	}
	if _, err := r.VerifyCredential(t.Context(), access.Caller{}, "https://user:pw@ghcr.io",
		credential.Credential{}); !credential.InvalidInput.Is(
		err,
	) {
		t.Errorf("an address that makes no sense: %v", err)
	}
	if len(r.Credentials.logins()) != 0 {
		t.Error("a login was made")
	}
}
