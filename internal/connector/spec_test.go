package connector_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

func twoMethods() api.ConnectorType {
	return api.ConnectorType{
		Type: "test",
		AuthMethods: []api.AuthMethod{{
			Method: "key", MinExpirationSeconds: 60, MaxExpirationSeconds: 3600,
			DefaultExpirationSeconds: 300,
			Attributes: []api.Attribute{
				{Name: "token", Type: "string", Required: true, Secret: true},
				{Name: "region", Type: "string", Required: true},
				{Name: "depth", Type: "integer"},
				{Name: "loud", Type: "boolean"},
				{Name: "args", Type: "array"},
			},
		}, {Method: "implicit"}},
		ResourceTypes: []api.ResourceType{{Type: "docker-registry"}, {Type: "s3-bucket"}},
	}
}

func config(kv ...string) map[string]credential.Secret {
	m := make(map[string]credential.Secret)
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = credential.SecretString(kv[i+1])
	}
	return m
}

func TestSplit(t *testing.T) {
	var spec connector.Spec
	given := config("token", "s3cret", "region", "eu", "depth", "", "zz\x1b", "1", "aa", "s3cret")
	warnings := connector.Split(twoMethods().AuthMethods[0], given, &spec)
	want := []string{
		"Ignoring unknown attribute in connector configuration: aa. Supported attributes are: ['token', " +
			"'region', 'depth', 'loud', 'args']",
		"Ignoring unknown attribute in connector configuration: zz\\x1b. Supported attributes are: " +
			"['token', 'region', 'depth', 'loud', 'args']",
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"region": "eu"}, spec.Config); diff != "" {
		t.Errorf("public:\n%s", diff)
	}
	if len(spec.Secrets) != 1 || string(spec.Secrets["token"].Reveal()) != "s3cret" {
		t.Errorf("%d secrets", len(spec.Secrets))
	}
}

func TestComplete(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*connector.Spec)
		want   string // in the error; "" for none
	}{
		"good":             {func(*connector.Spec) {}, ""},
		"no resource type": {func(s *connector.Spec) { s.ResourceType = "" }, ""},
		"no auth method": {func(s *connector.Spec) { s.AuthMethod = "" }, "Please specify one of " +
			"the following: [key, implicit]."},
		"wrong resource type": {func(s *connector.Spec) { s.ResourceType = "x\x1b" }, "does not support " +
			"resource type 'x\\x1b'. Supported resource types are: ['docker-registry', 's3-bucket']."},
		"secret is missing": {func(s *connector.Spec) { delete(s.Secrets, "token") }, "missing " +
			"required attribute 'token'"},
		"public is missing": {func(s *connector.Spec) { delete(s.Config, "region") }, "missing " +
			"required attribute 'region'"},
		"secret is public": {func(s *connector.Spec) { s.Config["token"] = "s3cret" }, "attribute " +
			"'token' is secret"},
		"long secret": {func(s *connector.Spec) {
			s.Secrets["token"] = credential.
				SecretString(strings.Repeat("x", 1<<17))
		}, "attribute 'token' is too long"},
		"long public": {
			func(s *connector.Spec) { s.Config["region"] = strings.Repeat("x", 5000) },
			"attribute 'region' is too long",
		},
		"escape": {func(s *connector.Spec) { s.Config["region"] = "eu\x1b[2J" }, "control " +
			"character"},
		"not UTF-8": {func(s *connector.Spec) { s.Config["region"] = "\xff" }, "not UTF-8"},
		"integer":   {func(s *connector.Spec) { s.Config["depth"] = "12" }, ""},
		"no integer": {func(s *connector.Spec) { s.Config["depth"] = "12h" }, "attribute " +
			"'depth' must be of type integer"},
		"boolean": {func(s *connector.Spec) { s.Config["loud"] = "true" }, ""},
		"no boolean": {func(s *connector.Spec) { s.Config["loud"] = "very" }, "attribute 'loud' " +
			"must be of type boolean"},
		"list": {func(s *connector.Spec) { s.Config["args"] = `["a", "b c"]` }, ""},
		"no list": {func(s *connector.Spec) { s.Config["args"] = "a b" }, "attribute 'args' " +
			"must be of type array"},
		"list of numbers": {func(s *connector.Spec) { s.Config["args"] = "[1]" }, "attribute 'args' " +
			"must be of type array"},
		"expiration":       {func(s *connector.Spec) { s.ExpirationSeconds = 60 }, ""},
		"short expiration": {func(s *connector.Spec) { s.ExpirationSeconds = 59 }, "at least 60 seconds"},
		"long expiration": {func(s *connector.Spec) { s.ExpirationSeconds = 3601 }, "at most 3600 " +
			"seconds"},
		"negative expiration": {func(s *connector.Spec) { s.ExpirationSeconds = -1 }, "at least 60 seconds"},
		"no expiration there": {func(s *connector.Spec) {
			s.AuthMethod, s.ExpirationSeconds = "implicit",
				60
		}, "expiration time is not supported for the 'implicit'"},
	} {
		spec := connector.Spec{
			AuthMethod: "key", ResourceType: "s3-bucket",
			Config: map[string]string{"region": "eu"}, Secrets: config("token", "s3cret"),
		}
		tt.change(&spec)
		got, err := connector.Complete(twoMethods(), spec)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tt.want == "" && (got.AuthMethod != spec.AuthMethod || got.ResourceType != spec.ResourceType):
			t.Errorf("%s: got %+v", name, got)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) ||
			strings.Contains(err.Error(), "s3cret")):
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

func TestCompleteFillsInWhatIsTheOnlyOne(t *testing.T) {
	one := twoMethods()
	one.AuthMethods, one.ResourceTypes = one.AuthMethods[1:], one.ResourceTypes[:1]
	got, err := connector.Complete(one, connector.Spec{})
	if err != nil || got.AuthMethod != "implicit" || got.ResourceType != "docker-registry" ||
		got.Config == nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestList(t *testing.T) {
	for value, want := range map[string][]string{
		"": nil, "[]": {}, `["a"]`: {"a"},
		`[ "a b", "", "ü" ]`: {"a b", "", "ü"},
	} {
		if got, err := connector.List(value); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v", value, got, err)
		}
	}
	for _, value := range []string{"a", `"a"`, `{"a":1}`, `["a"`, `[null]`, `["a"] ["b"]`} {
		if got, err := connector.List(value); err == nil {
			t.Errorf("%s: got %q", value, got)
		}
	}
}

// The first method of a type is proposed, but not one that servers refuse unless they are
// told to allow it.
func TestProposedMethod(t *testing.T) {
	for want, names := range map[string][]string{
		"key":      {"implicit", "key"},
		"role":     {"role", "implicit"},
		"implicit": {"implicit", "implicit"},
	} {
		var typ api.ConnectorType
		for _, name := range names {
			typ.AuthMethods = append(typ.AuthMethods, api.AuthMethod{Method: name})
		}
		_, err := connector.MethodOf(typ, "")
		e, ok := errors.AsType[*credential.Error](err)
		if !ok || e.Hint != "add --auth-method="+want {
			t.Errorf("%q: %v", names, err)
		}
	}
}
