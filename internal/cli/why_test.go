package cli

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// whyZend knows two logins: one for ghcr.io/team and one, in the profile work, for
// docker.io. quay.io cannot be answered.
func whyZend(method string, params []byte) (any, error) {
	req := decode[api.WhyRequest](params)
	switch method {
	case api.MethodList:
		return map[string]any{"items": map[string]string{"ghcr.io/team": "alice", "s.io": "alice"}}, nil
	case api.MethodWhy:
	default:
		return nil, errors.New("unexpected " + method)
	}
	r := api.WhyResult{Address: req.ServerURL, Steps: []string{"zend looks for " + req.ServerURL}}
	key := strings.TrimPrefix(req.ServerURL, "https://")
	switch {
	case strings.HasPrefix(key, "ghcr.io/team/") || key == "s.io" || key == "t.io" ||
		key == "index.docker.io/v1/" && req.Profile == "work":
		r.Login = &api.Login{Address: req.ServerURL, ConnectorName: "gh", Source: "connector"}
	case strings.HasPrefix(key, "quay.io"):
		r.Reason, r.Message, r.Hint = string(credential.Locked), "the vault is locked", "zen unlock"
	default:
		r.Reason, r.Message, r.Hint = string(credential.NotLoggedIn), "nobody is logged in "+
			"to "+key, "log in first: zen login NAME"
	}
	return r, nil
}

// TestWhyAs compares what zen why --as prints with testdata/why.golden; UPDATE_GOLDEN=1
// writes it.
func TestWhyAs(t *testing.T) {
	b := newDoctorBox(t, whyZend)
	b.note("docker does not ask zen")
	b.run("why ghcr.io/team/app --as docker")
	b.config(`{"auths": {"ghcr.io": {"auth": "YWxpY2U6Y2FuYXJ5"}}, "credHelpers": {"gcr.io": "gcloud"}}`)
	b.run("why ghcr.io --as docker")
	b.run("why gcr.io --as docker -o json")
	b.config("{")
	b.run("why ghcr.io --as docker")

	b.note("it does")
	b.config(`{"credsStore": "zen"}`)
	b.run("why ghcr.io/team/app --as docker")
	b.run("why s.io --as docker")
	b.run("why s.io/x --as crane -o json")
	b.run("why ghcr.io/team/app --as crane")
	b.run("why quay.io/x --as crane")
	b.run("why quay.io/x --as nerdctl")
	b.vars["DOCKER_AUTH_CONFIG"] = `{"auths": {"s.io": {"auth": "YWxpY2U6Y2FuYXJ5"}}}`
	b.run("why s.io --as docker")
	delete(b.vars, "DOCKER_AUTH_CONFIG")

	b.note("profiles")
	b.config(`{"credsStore": "zen-work"}`)
	b.run("why docker.io --as docker")
	b.program("docker-credential-zen-work")
	b.run("why docker.io/library/alpine --as docker")
	b.run("why docker.io --as docker --profile other")
	b.config(`{"credsStore": "zen"}`)
	b.vars["ZEN_PROFILE"] = "work"
	b.run("why docker.io --as compose")
	delete(b.vars, "ZEN_PROFILE")

	b.note("other clients")
	b.run("why s.io --as helm")
	b.write("helm/registry/config.json", `{"auths": {"s.io": {"auth": "YWxpY2U6Y2FuYXJ5"}}}`, 0o600)
	b.run("why s.io --as helm")
	b.run("why s.io --as regctl")
	b.run("why t.io --as regctl")
	b.run("why s.io --as docker-build")
	b.run("why s.io --as testcontainers-go")
	b.config(`{"credsStore": "zen", "auths": {"s.io": {}}}`)
	b.run("why s.io --as testcontainers-go")
	b.write(".docker/buildx/config/s.io/x/config.json", `{"credsStore": "other"}`, 0o600)
	b.run("why s.io/x --as buildx")
	b.run("why s.io/y --as buildx")
	b.vars["CONTAINERS_REGISTRIES_CONF"] = b.dir + "/registries.conf"
	b.write("registries.conf", `credential-helpers = ["containers-auth.json", "zen"]`, 0o600)
	b.run("why s.io/x --as skopeo")
	b.vars["REGISTRY_AUTH_FILE"] = b.dir + "/auth.json"
	b.write("auth.json", `{"auths": {"s.io/x": {"auth": "YWxpY2U6Y2FuYXJ5"}}}`, 0o600)
	b.run("why s.io/x/y --as skopeo")
	b.run("why s.io/y --as skopeo")

	b.note("what cannot be done")
	b.run("why s.io --as wget")
	b.run("why ftp://s.io --as docker")
	b.vars["PATH"] = "/no/such"
	b.run("why s.io --as docker")
	b.compare("why.golden")
}

func TestWhyAsForScripts(t *testing.T) {
	b := newDoctorBox(t, whyZend)
	b.config(`{"credsStore": "zen"}`)
	for _, tt := range []struct {
		line, reason string
		keys, status int
	}{
		{"why s.io/x --as crane", "", 2, 0},
		{"why s.io/x --as docker", "", 1, 0},
		{"why s.io/x", "not_logged_in", 0, credential.ExitNeedsLogin},
		{"why quay.io --as docker", "locked", 1, credential.ExitLocked},
		{"why quay.io --as nerdctl", "locked", 6, credential.ExitLocked},
		{"why x.io --as docker", "not_logged_in", 1, credential.ExitNeedsLogin},
		{"why x.io --as testcontainers-go", "not_asked", 1, 1},
	} {
		out, status := b.run(tt.line + " -o json")
		var doc struct {
			api.WhyResult

			Keys []json.RawMessage `json:"keys"`
		}
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatalf("%v:\n%s", err, out)
		}
		if status != tt.status || doc.Reason != tt.reason || len(doc.Keys) != tt.keys ||
			(doc.Login != nil) != (tt.reason == "") {
			t.Errorf("zen %s: exit %d\n%s", tt.line, status, out)
		}
	}
}

func TestWhyCompletesClients(t *testing.T) {
	got := completions(t, startZend(t, smallWorld()), "why", "docker.io", "--as", "sk")
	if !slices.Contains(got, "skopeo") || !slices.Contains(got, "docker") {
		t.Errorf("%q", got)
	}
}
