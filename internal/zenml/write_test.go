package zenml

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// draft is one of a connector for a registry.
func draft(name string) Draft {
	return Draft{
		ServiceConnector: api.ServiceConnector{
			Name: name, Type: "docker", AuthMethod: "password", ResourceTypes: []string{"docker-registry"},
			ResourceID: "reg.example.com",
			Labels:     map[string]string{"env": "prod"},
		},
		Config: map[string]credential.Secret{
			"username": credential.SecretString(
				"alice",
			), "password": credential.SecretString(`canary"\` + "\n\x01é"),
			"registry": credential.SecretString("reg.example.com"),
		},
	}
}

func TestWrittenConnectors(t *testing.T) {
	s := start(t)
	c, ctx := client(t, s), t.Context()
	made, err := c.Register(ctx, draft("team"))
	if err != nil || made.ID == "" || made.Name != "team" || made.ResourceID != "reg.example.com" ||
		made.Labels["env"] != "prod" {
		t.Fatalf("registered %+v, %v", made, err)
	}
	if _, err := c.Register(ctx, draft("team")); !credential.Exists.Is(err) {
		t.Errorf("again: %v", err)
	}
	config, err := c.Configuration(ctx, made.ID)
	if err != nil || string(config["password"].Reveal()) != `canary"\`+"\n\x01é" ||
		string(config["registry"].Reveal()) != "reg.example.com" {
		t.Errorf("configuration is %d attributes, %v", len(config), err)
	}
	change := draft("crew")
	change.ID, change.Config = made.ID, nil
	if made, err = c.Update(ctx, change); err != nil || made.Name != "crew" {
		t.Errorf("updated %+v, %v", made, err)
	}
	if config, err = c.Configuration(ctx, made.ID); err != nil ||
		string(config["username"].Reveal()) != "alice" {
		t.Errorf("a configuration that was not sent is gone: %v", err)
	}
	if ids, err := c.Check(ctx, draft("other")); err != nil ||
		!slices.Equal(ids, []string{"reg.example.com"}) {
		t.Errorf("checked: %q, %v", ids, err)
	}
	if err := c.Delete(ctx, made.ID); err != nil || len(s.Connectors) != 1 {
		t.Errorf("deleted: %v, %d connectors", err, len(s.Connectors))
	}
	s.Connectors[0].InUse = true
	if err := c.Delete(ctx, s.Connectors[0].ID); !credential.InUse.Is(err) ||
		!strings.Contains(err.Error(), "still referenced") {
		t.Errorf("in use: %v", err)
	}
}

// A server repeats what it was sent when it does not like it, in one way or the other.
func TestRefusalsDoNotRepeatSecrets(t *testing.T) {
	for name, answer := range map[string]string{
		"input": `["ValueError", "1 validation errors:\n  {'type': 'missing', 'loc': ('body', 'name'), ` +
			`'msg': 'Field required', 'input': {'password': 'canary'}}"]`,
		"text":    `{"detail": ["ValueError", "the password canary-token is too short"]}`,
		"strange": `{"detail": "'input': canary"}`,
	} {
		s := start(t)
		s.Broken = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/v1/login" {
				answerJSON(w, `{"access_token": "t"}`)
				return
			}
			w.WriteHeader(http.StatusUnprocessableEntity)
			io.WriteString(w, answer)
		}
		d := draft("x")
		d.Config["password"] = credential.SecretString("canary-token")
		_, err := client(t, s).Register(t.Context(), d)
		if !credential.InvalidInput.Is(err) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
		if name == "input" && !strings.Contains(err.Error(), "name: Field required") {
			t.Errorf("it does not say what is wrong: %v", err)
		}
	}
}

func TestTypes(t *testing.T) {
	types, err := client(t, start(t)).Types(t.Context())
	if err != nil || len(types) != 2 {
		t.Fatalf("%d types, %v", len(types), err)
	}
	docker, gcp := types[0], types[1]
	if docker.Type != "docker" || docker.Emoji != "🐳" || len(docker.AuthMethods) != 1 ||
		docker.ResourceTypes[0].SupportsInstances {
		t.Errorf("docker is %+v", docker)
	}
	for _, a := range docker.AuthMethods[0].Attributes {
		if secret := a.Name != "registry"; a.Secret != secret || a.Required != secret || a.Type != "string" {
			t.Errorf("%+v", a)
		}
	}
	if m := gcp.AuthMethods[1]; m.Method != "oauth2-token" || m.DefaultExpirationSeconds != 3600 {
		t.Errorf("%+v", m)
	}
	i := slices.IndexFunc(
		gcp.AuthMethods[0].Attributes,
		func(a api.Attribute) bool { return a.Name == "scopes" },
	)
	if i < 0 || gcp.AuthMethods[0].Attributes[i].Type != "array" {
		t.Errorf("attributes are %+v", gcp.AuthMethods[0].Attributes)
	}
}

func TestDraftBody(t *testing.T) {
	seconds := 60
	end := time.Date(2026, 12, 31, 23, 0, 0, 0, time.FixedZone("", 3600))
	d := draft("team")
	d.ExpirationSeconds, d.ExpiresAt = &seconds, &end
	d.Method = api.AuthMethod{Attributes: []api.Attribute{{Name: "scopes", Type: "array"}}}
	d.Config["scopes"] = credential.SecretString(`["a", "b"]`)
	raw, err := d.body()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		request
		Configuration map[string]any `json:"configuration"`
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	if *got.ExpiresAt != "2026-12-31T22:00:00" || *got.ResourceID != "reg.example.com" ||
		*got.ExpirationSeconds != 60 {
		t.Errorf("sent %s", raw)
	}
	if got.Configuration["password"] != `canary"\`+"\n\x01é" ||
		len(got.Configuration["scopes"].([]any)) != 2 {
		t.Errorf("configuration %v", got.Configuration)
	}
	d.Config = nil
	if raw, err = d.body(); err != nil || strings.Contains(string(raw), "configuration") {
		t.Errorf("without a configuration: %s, %v", raw, err)
	}
}
