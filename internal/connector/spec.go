package connector

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// Limits on one attribute. Secrets are bounded by what a credential helper can carry; the
// largest known are service account keys of a few KiB.
const (
	maxPublic = 4 << 10
	maxSecret = 64 << 10
)

// Split puts each attribute of a configuration where the auth method says it belongs:
// into spec.Secrets, which then share bytes with config, or into spec.Config. An empty
// value is an absent one. Attributes that the method does not know are left out and told
// in warnings.
func Split(method api.AuthMethod, config map[string]credential.Secret, spec *Spec) (warnings []string) {
	if spec.Config == nil {
		spec.Config = make(map[string]string)
	}
	if spec.Secrets == nil {
		spec.Secrets = make(map[string]credential.Secret)
	}
	for _, name := range slices.Sorted(maps.Keys(config)) {
		value := config[name]
		i := slices.IndexFunc(method.Attributes, func(a api.Attribute) bool { return a.Name == name })
		switch {
		case i < 0:
			warnings = append(warnings, fmt.Sprintf(
				"Ignoring unknown attribute in connector configuration: %s. Supported attributes are: %s",
				safetext.Line(name), list(attributeNames(method))))
		case value.IsEmpty():
		case method.Attributes[i].Secret:
			spec.Secrets[name] = value
		default:
			spec.Config[name] = string(value.Reveal())
		}
	}
	return warnings
}

func attributeNames(method api.AuthMethod) []string {
	names := make([]string, len(method.Attributes))
	for i, a := range method.Attributes {
		names[i] = a.Name
	}
	return names
}

// list writes names as ZenML does: ['a', 'b'].
func list(names []string) string {
	return "['" + strings.Join(names, "', '") + "']"
}

// Complete checks a specification against a kind's description, with ZenML's words, and
// returns a copy in which the auth method and the resource type are set where there is
// only one. The kind's own rules are not checked here. Secrets are shared.
func Complete(t api.ConnectorType, spec Spec) (Spec, error) {
	spec.Config, spec.Secrets = maps.Clone(spec.Config), maps.Clone(spec.Secrets)
	if spec.Config == nil {
		spec.Config = make(map[string]string)
	}
	method, err := MethodOf(t, spec.AuthMethod)
	if err != nil {
		return Spec{}, err
	}
	spec.AuthMethod = method.Method
	if spec.ResourceType, err = findResourceType(t, spec.ResourceType); err != nil {
		return Spec{}, err
	}
	if err := checkAttributes(method, spec); err != nil {
		return Spec{}, err
	}
	return spec, checkExpiration(method, spec.ExpirationSeconds)
}

// MethodOf returns the auth method of that name, or the only one there is when name is
// empty (ZenML's rule).
func MethodOf(t api.ConnectorType, name string) (api.AuthMethod, error) {
	var names []string
	for _, m := range t.AuthMethods {
		if m.Method == name || name == "" && len(t.AuthMethods) == 1 {
			return m, nil
		}
		names = append(names, m.Method)
	}
	if name == "" {
		first := names[0]
		if first == "implicit" && len(names) > 1 { // servers do not allow it unless they are asked to
			first = names[1]
		}
		return api.AuthMethod{}, credential.NewError(credential.InvalidInput, fmt.Sprintf(
			"Multiple authentication methods are available for the %s service connector type. Please "+
				"specify one of the following: [%s].",
			t.Name, strings.Join(names, ", ")), "add --auth-method="+first)
	}
	return api.AuthMethod{}, credential.NewError(credential.InvalidInput, fmt.Sprintf(
		"The '%s' service connector type does not support the '%s' authentication "+
			"method.", t.Type, safetext.Line(name)),
		"supported: "+strings.Join(names, ", "))
}

func findResourceType(t api.ConnectorType, want string) (string, error) {
	var names []string
	for _, r := range t.ResourceTypes {
		names = append(names, r.Type)
	}
	if slices.Contains(names, want) {
		return want, nil
	}
	if want == "" && len(names) == 1 {
		return names[0], nil
	}
	if want == "" {
		return "", nil // gives access to all of them
	}
	return "", Invalid(fmt.Sprintf("connector type '%s' does not support resource type '%s'. Supported "+
		"resource types are: %s.",
		t.Type, safetext.Line(want), list(names)), "")
}

// Invalid is the error for a configuration that makes no sense, in ZenML's words.
func Invalid(message, hint string) error {
	return credential.NewError(credential.InvalidInput, "connector configuration is not "+
		"valid: "+message, hint)
}

func checkAttributes(method api.AuthMethod, spec Spec) error {
	for _, a := range method.Attributes {
		if err := checkAttribute(a, spec); err != nil {
			return err
		}
	}
	return nil
}

func checkAttribute(a api.Attribute, spec Spec) error {
	public, secret := spec.Config[a.Name], spec.Secrets[a.Name]
	switch {
	case a.Required && public == "" && secret.IsEmpty():
		hint := "add --" + a.Name + "=VALUE"
		if a.Secret {
			hint = "add --" + a.Name + "=@FILE, or --" + a.Name + "=VALUE"
		}
		return Invalid("missing required attribute '"+a.Name+"'", hint)
	case a.Secret && public != "":
		return Invalid("attribute '"+a.Name+"' is secret", "")
	case secret.Len() > maxSecret, len(public) > maxPublic:
		return credential.NewError(credential.TooLarge, "connector configuration is not valid: attribute "+
			"'"+a.Name+"' is too long", "")
	case a.Secret:
		return nil
	}
	return checkPublic(a, public)
}

// checkPublic looks at a value that will be shown: it must not be able to play with a
// terminal.
func checkPublic(a api.Attribute, value string) error {
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return Invalid("attribute '"+a.Name+"' has a control character in it, or is not UTF-8", "")
	}
	if value == "" {
		return nil
	}
	var err error
	switch a.Type {
	case "integer":
		_, err = strconv.Atoi(value)
	case "boolean":
		_, err = strconv.ParseBool(value)
	case "array":
		_, err = List(value)
	}
	if err != nil {
		return Invalid(fmt.Sprintf("attribute '%s' must be of type %s", a.Name, a.Type), typeHint(a))
	}
	return nil
}

func typeHint(a api.Attribute) string {
	switch a.Type {
	case "integer":
		return "give a whole number: --" + a.Name + "=3600"
	case "boolean":
		return "give true or false: --" + a.Name + "=true"
	}
	return "give a JSON list of texts: --" + a.Name + `='["one", "two"]'`
}

// List reads the value of an attribute of type array: a JSON list of strings. An empty
// value is an empty list.
func List(value string) ([]string, error) {
	if value == "" {
		return nil, nil
	}
	var items []*string // pointers: encoding/json takes null for an empty string
	if err := json.Unmarshal([]byte(value), &items); err != nil {
		return nil, err
	}
	out := make([]string, len(items))
	for i, item := range items {
		if item == nil {
			return nil, fmt.Errorf("item %d is null", i)
		}
		out[i] = *item
	}
	return out, nil
}

// checkExpiration is ZenML's rule about --expiration-seconds.
func checkExpiration(method api.AuthMethod, seconds int) error {
	temporary := method.MinExpirationSeconds != 0 || method.MaxExpirationSeconds != 0 ||
		method.DefaultExpirationSeconds != 0
	switch {
	case seconds == 0:
		return nil
	case !temporary:
		return Invalid(fmt.Sprintf("expiration time is not supported for the '%s' authentication method, "+
			"but a value was "+
			"provided: %d", method.Method, seconds), "leave out --expiration-seconds")
	case seconds < method.MinExpirationSeconds:
		return Invalid(
			fmt.Sprintf("expiration time must be at least %d seconds", method.MinExpirationSeconds),
			"",
		)
	case method.MaxExpirationSeconds != 0 && seconds > method.MaxExpirationSeconds:
		return Invalid(
			fmt.Sprintf("expiration time must be at most %d seconds", method.MaxExpirationSeconds),
			"",
		)
	case seconds < 0:
		return Invalid("expiration time must not be negative", "")
	}
	return nil
}
