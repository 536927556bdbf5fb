package connector

import (
	"context"
	"maps"
	"strconv"

	"github.com/zen-agent/zen/internal/credential"
)

// AttrKey is the secret attribute of a connector that lives on a server: API key,
// password or access token of the server.
const AttrKey = "key"

// Server is what the kind for connectors of a ZenML server has to know of the server.
type Server struct {
	ID       string
	Revision string // changes with everything that is known of the server
	URL      string
	Auth     string // api.ServerAuthAPIKey and so on
	Username string
	CACert   string // PEM
	Insecure bool
}

// Attributes adds the server to a configuration, a copy of which is returned.
func (s Server) Attributes(config map[string]string) map[string]string {
	out := maps.Clone(config)
	if out == nil {
		out = make(map[string]string)
	}
	out["server_id"], out["server_revision"], out["server_url"], out["server_auth"] = s.ID, s.Revision, s.URL,
		s.Auth
	out["server_username"], out["server_ca_cert"], out["server_insecure"] = s.Username, s.CACert,
		strconv.FormatBool(
			s.Insecure,
		)
	return out
}

// ServerOf is the server that Attributes added; ok is false if it did not.
func ServerOf(config map[string]string) (s Server, ok bool) {
	s = Server{
		ID: config["server_id"], Revision: config["server_revision"], URL: config["server_url"],
		Auth:     config["server_auth"],
		Username: config["server_username"], CACert: config["server_ca_cert"],
		Insecure: config["server_insecure"] == "true",
	}
	return s, s.ID != "" && s.URL != ""
}

// Prover is implemented by kinds that can ask the registry about a credential that they
// minted before.
type Prover interface {
	// Prove is Verify for a credential that Mint made. The secret stays the caller's to
	// wipe.
	Prove(
		ctx context.Context,
		spec Spec,
		reg Registry,
		cred credential.Credential,
		opt VerifyOptions,
	) (Report, error)
}
