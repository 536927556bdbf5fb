package zenml

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

// What a server says of its clouds: which reason it has, and that the server is named.
func TestCloudErrors(t *testing.T) {
	tests := []struct {
		said   string
		reason credential.Reason
	}{
		{`Failed to fetch the AWS account ID: Could not connect to the endpoint URL: ` +
			`"https://sts.us-east-1.amazonaws.com/"`, credential.Unreachable},
		{
			`Connect timeout on endpoint URL: "https://api.ecr.eu-west-1.amazonaws.com/"`,
			credential.Unreachable,
		},
		{
			`Failed to authenticate: HTTPSConnectionPool(host='oauth2.googleapis.com', port=443): Max ` +
				`retries exceeded with url: /token (Caused by NameResolutionError("Failed to resolve"))`,
			credential.Unreachable,
		},
		{`503 Getting metadata from plugin failed with error: ('Connection aborted.', ` +
			`RemoteDisconnected('Remote end closed connection without response'))`, credential.Unreachable},
		{`<urllib3.connection.HTTPSConnection object at 0x7f>: Failed to establish a new connection: ` +
			`[Errno -2] Name or service not known`, credential.Unreachable},
		{`Cannot connect to host login.microsoftonline.com:443 ssl:default [Temporary failure in name ` +
			`resolution]`, credential.Unreachable},
		{`[Errno 111] Connection refused`, credential.Unreachable},
		{`An error occurred (ServiceUnavailable) when calling the GetCallerIdentity operation: Service ` +
			`Unavailable`, credential.Unreachable},
		{`504 Deadline Exceeded`, credential.Unreachable},

		{
			`Failed to fetch the AWS account ID: An error occurred (InvalidClientTokenId) when calling the ` +
				`GetCallerIdentity operation: The security token included in the request is invalid.`,
			credential.Rejected,
		},
		{`An error occurred (AccessDenied) when calling the AssumeRole operation: User 123456789012 is not ` +
			`authorized`, credential.Rejected},
		{`invalid_grant: Invalid JWT Signature.`, credential.Rejected},
		{`AADSTS7000215: Invalid client secret provided for app 50300000-0000`, credential.Rejected},
		{`The connector does not allow access to the provided 'other.io' Docker/OCI container registry ` +
			`resource. It only allows access to the following resource: 'a.io'.`, credential.InvalidInput},
	}
	for _, tt := range tests {
		mint := func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/login") {
				answerJSON(w, `{"access_token":"t","token_type":"bearer"}`)
				return
			}
			if strings.HasSuffix(r.URL.Path, "/verify") { // is not refused as a whole
				said, _ := json.Marshal(tt.said)
				answerJSON(w, `{"resources":[{"resource_type":"docker-registry","error":`+string(said)+`}]}`)
				return
			}
			said, _ := json.Marshal([]string{"AuthorizationException", tt.said})
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			w.Write([]byte(`{"detail":` + string(said) + `}`))
		}
		s := start(t)
		s.Broken = mint
		c := client(t, s)
		_, err := c.Credential(t.Context(), "x", "", parse(t, "reg.example.com"))
		_, listed := c.Resources(t.Context(), "x")
		for what, err := range map[string]error{"minting": err, "listing": listed} {
			if got := credential.ReasonOf(err); err == nil || got != tt.reason ||
				!strings.Contains(err.Error(), "ZenML server 127.0.0.1:") ||
				!strings.Contains(err.Error(), tt.said[:20]) {
				t.Errorf("%s: %q is %v (%s), want %s", what, tt.said, err, got, tt.reason)
			}
		}
	}
}
