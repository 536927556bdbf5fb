package daemon

import (
	"testing"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/credential"
)

// TestSpellingsOfHelpers has the rows of docker-credential-helpers' own tables
// (osxkeychain_test.go): what is stored by one spelling and asked for by another.
// docs/protocol.md says why some differ.
func TestSpellingsOfHelpers(t *testing.T) {
	const found, notFound, refused, plain = "", string(credential.NotLoggedIn),
		string(credential.InvalidInput), "plain"
	tests := []struct{ stored, asked, want string }{
		// TestOSXKeychainHelperStoreRetrieve
		{"foobar.example.com", "foobar.example.com", found},
		{"foobar.example.com:2376", "foobar.example.com:2376", found},
		{"//foobar.example.com:2376", "//foobar.example.com:2376", found},
		{"https://foobar.example.com:2376", "https://foobar.example.com:2376", found},
		{"http://foobar.example.com:2376", "http://foobar.example.com:2376", found},
		{"https://foobar.example.com:2376/some/path", "https://foobar.example.com:2376/some/path", found},
		{"https://foobar.example.com/a/path?foo=bar", "https://foobar.example.com/a/path?foo=bar", found},

		// TestOSXKeychainHelperRetrieveAliases
		{"https://foobar.example.com", "foobar.example.com", found},
		{"https://foobar.example.com", "//foobar.example.com", found},
		{"https://foobar.example.com:2376", "foobar.example.com:2376", found},
		{"https://foobar.example.com:2376", "//foobar.example.com:2376", found},
		{"https://foobar.example.com:2376", "https://foobar.example.com", notFound}, // another registry
		{"https://foobar.example.com:2376", "foobar.example.com", notFound},
		{"https://foobar.example.com/one/two", "https://foobar.example.com/one/two?my-param=foo", found},
		{"https://foobar.example.com:1234/one/two", "foobar.example.com:1234", notFound}, // for that path
		{"https://foobar.example.com:1234/?one=two", "foobar.example.com:1234?three=four", found},
		{"https://::1:8080//////location/../../hello", "https://::1:8080/hello", refused},

		// TestOSXKeychainHelperRetrieveStrict
		{"https://foobar.example.com:2376", "http://foobar.example.com:2376", plain},
		{"http://foobar.example.com:2376", "https://foobar.example.com:2376", found}, // is safer
		{"https://foobar.example.com:2376", "https://foobar.example.com:5678", notFound},
		{"https://foobar.example.com/some/path", "https://foobar.example.com/some/other", notFound},
		{"https://foobar.example.com/?a=b", "https://foobar.example.org/?a=b", notFound},
	}
	for _, tt := range tests {
		r := newServerRig(t)
		cred := credential.Credential{Username: "alice", Secret: credential.SecretString("pw")}
		err := r.Credentials.Store(t.Context(), access.Caller{}, tt.stored, cred)
		if err == nil {
			_, err = r.Credentials.Get(t.Context(), access.Caller{}, tt.asked)
		}
		got := string(credential.ReasonOf(err))
		if err == nil {
			got = found
		}
		if tt.want == plain && err != nil && got != notFound || got == tt.want {
			continue
		}
		t.Errorf("stored as %s, asked for as %s: %v, want %q", tt.stored, tt.asked, err, tt.want)
	}
}
