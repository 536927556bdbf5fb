package connectortest

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// Sample is one good configuration of a kind, and what a connector of it does.
type Sample struct {
	Name          string
	AuthMethod    string
	ResourceID    string            // "" where it follows from the configuration
	Configuration map[string]string // all attributes, secret ones too
	Covers        []string          // addresses it answers for
	Foreign       []string          // addresses it does not, beside those the suite thinks of
	Username      string            // of the minted credential
	Password      string
}

// Run checks a kind against its contract with good samples, at least one for each auth
// method. Minting must work where the test runs.
func Run(t *testing.T, kind connector.Kind, samples ...Sample) {
	t.Run("describe", func(t *testing.T) { describe(t, kind) })
	tested := make(map[string]bool)
	for _, s := range samples {
		tested[s.AuthMethod] = true
		t.Run(s.Name, func(t *testing.T) {
			method, err := connector.MethodOf(kind.Describe(), s.AuthMethod)
			if err != nil {
				t.Fatal(err)
			}
			c := check{T: t, kind: kind, sample: s, method: method}
			t.Run("validate", c.with(check.validate))
			t.Run("incomplete", c.with(check.incomplete))
			t.Run("match", c.with(check.match))
			t.Run("resources", c.with(check.resources))
			t.Run("mint", c.with(check.mint))
			t.Run("mint without secrets", c.with(check.mintWithoutSecrets))
			t.Run("static", c.with(check.static))
		})
	}
	for _, m := range kind.Describe().AuthMethods {
		if !tested[m.Method] {
			t.Errorf("there is no sample for auth method %q", m.Method)
		}
	}
}

func describe(t *testing.T, kind connector.Kind) {
	d := kind.Describe()
	for what, text := range map[string]string{
		"name": d.Name, "type": d.Type, "description": d.Description,
		"emoji": d.Emoji,
	} {
		if text == "" {
			t.Errorf("the kind has no %s", what)
		}
	}
	if len(d.AuthMethods) == 0 || len(d.ResourceTypes) == 0 {
		t.Fatal("the kind has no auth methods or no resource types")
	}
	var methods []string
	for _, m := range d.AuthMethods {
		methods = append(methods, m.Method)
		describeMethod(t, m)
	}
	unique(t, "auth methods", methods)
	for _, r := range d.ResourceTypes {
		if r.Type == "" || r.Name == "" || r.Description == "" || r.Emoji == "" || len(r.AuthMethods) == 0 {
			t.Errorf("resource type %q lacks a name, a description, an emoji or auth methods", r.Type)
		}
		for _, m := range r.AuthMethods {
			if !slices.Contains(methods, m) {
				t.Errorf("resource type %q names an auth method that is not there: %q", r.Type, m)
			}
		}
	}
	want := kind.Describe()
	d.AuthMethods[0].Attributes[0].Name = "changed"
	d.ResourceTypes[0].AuthMethods[0] = "changed"
	if diff := cmp.Diff(want, kind.Describe()); diff != "" {
		t.Errorf("a caller can change the description:\n%s", diff)
	}
}

func describeMethod(t *testing.T, m api.AuthMethod) {
	if m.Method == "" || m.Name == "" || m.Description == "" {
		t.Errorf("auth method %q lacks a name or a description", m.Method)
	}
	var names []string
	// ZenML takes --NAME=VALUE for Python identifiers only
	identifier := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	for _, a := range m.Attributes {
		names = append(names, a.Name)
		if !identifier.MatchString(a.Name) || a.Title == "" {
			t.Errorf("attribute %q of %q is not an identifier or has no title", a.Name, m.Method)
		}
		if !slices.Contains([]string{"string", "boolean", "integer", "array"}, a.Type) {
			t.Errorf("attribute %q of %q has an unknown type %q", a.Name, m.Method, a.Type)
		}
		if a.Default != "" && (a.Required || a.Secret) {
			t.Errorf("attribute %q of %q has a default and is required or secret", a.Name, m.Method)
		}
		if a.Secret && a.Type != "string" {
			t.Errorf("attribute %q of %q is secret and no string", a.Name, m.Method)
		}
	}
	unique(t, "attributes of "+m.Method, names)
	if m.MinExpirationSeconds < 0 ||
		m.MaxExpirationSeconds != 0 && m.MaxExpirationSeconds < m.MinExpirationSeconds ||
		m.DefaultExpirationSeconds != 0 && m.DefaultExpirationSeconds < m.MinExpirationSeconds {
		t.Errorf("auth method %q has expiration bounds that make no sense", m.Method)
	}
}

func unique(t *testing.T, what string, names []string) {
	t.Helper()
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("%s are named twice: %q", what, names)
	}
}

// check is one sample under test.
type check struct {
	*testing.T
	kind   connector.Kind
	sample Sample
	method api.AuthMethod
}

func (c check) with(f func(check)) func(*testing.T) {
	return func(t *testing.T) {
		c.T = t
		f(c)
	}
}

// spec is the sample as the broker makes it of what a person typed; without leaves
// attributes out.
func (c check) spec(without ...string) connector.Spec {
	c.Helper()
	spec := connector.Spec{
		ID:         "id",
		Revision:   1,
		Type:       c.kind.Describe().Type,
		AuthMethod: c.sample.AuthMethod,
		ResourceID: c.sample.ResourceID,
	}
	config := make(map[string]credential.Secret)
	for name, value := range c.sample.Configuration {
		if !slices.Contains(without, name) {
			config[name] = credential.SecretString(value)
		}
	}
	if warnings := connector.Split(c.method, config, &spec); len(warnings) != 0 {
		c.Fatalf("the sample has unknown attributes: %q", warnings)
	}
	return spec
}

// valid is the sample after validation.
func (c check) valid() connector.Spec {
	c.Helper()
	spec, err := c.kind.Validate(c.spec())
	if err != nil {
		c.Fatalf("validating the sample: %v", err)
	}
	return spec
}

// public is the validated sample as it is kept in plain text.
func (c check) public() connector.Spec {
	spec := c.valid()
	spec.Secrets = nil
	return spec
}

// values are a spec's attributes as text, to be compared.
func values(spec connector.Spec) map[string]string {
	all := map[string]string{
		"method":        spec.AuthMethod,
		"resource type": spec.ResourceType,
		"resource id":   spec.ResourceID,
	}
	for name, value := range spec.Config {
		all["config "+name] = value
	}
	for name, value := range spec.Secrets {
		all["secret "+name] = string(value.Reveal())
	}
	return all
}

// quiet fails the test if an error repeats a secret of the sample.
func (c check) quiet(err error) {
	c.Helper()
	if err == nil {
		return
	}
	e, ok := errors.AsType[*credential.Error](err)
	if !ok {
		c.Errorf("error without a reason: %v", err)
		e = &credential.Error{Message: err.Error()}
	}
	for _, a := range c.method.Attributes {
		secret := c.sample.Configuration[a.Name]
		if a.Secret && len(secret) > 3 && strings.Contains(e.Message+e.Hint, secret) {
			c.Errorf("secret attribute %q is repeated in: %s (%s)", a.Name, e.Message, e.Hint)
		}
	}
}

func (c check) validate() {
	given := c.spec()
	before := values(given)
	spec, err := c.kind.Validate(given)
	if err != nil {
		c.Fatal(err)
	}
	if diff := cmp.Diff(before, values(given)); diff != "" {
		c.Errorf("Validate changes its argument:\n%s", diff)
	}
	again, err := c.kind.Validate(spec)
	if err != nil {
		c.Fatalf("what was accepted is refused when validated again: %v", err)
	}
	if diff := cmp.Diff(values(spec), values(again)); diff != "" {
		c.Errorf("validating again changes the result:\n%s", diff)
	}
	if spec.AuthMethod != c.sample.AuthMethod || spec.ID != given.ID || spec.Revision != given.Revision {
		c.Errorf("auth method, id or revision got lost: %+v", spec)
	}
	for _, a := range c.method.Attributes {
		if _, public := spec.Config[a.Name]; public && a.Secret {
			c.Errorf("secret attribute %q is public after validation", a.Name)
		}
	}
	wrong := c.spec()
	wrong.ResourceType = "no-such-type"
	if _, err := c.kind.Validate(wrong); !credential.InvalidInput.Is(err) ||
		!strings.Contains(err.Error(), "does not support resource type") {
		c.Errorf("a wrong resource type: %v", err)
	}
	wrong = c.spec()
	wrong.AuthMethod = "no-such-method"
	if _, err := c.kind.Validate(wrong); !credential.InvalidInput.Is(err) ||
		!strings.Contains(err.Error(), "authentication method") {
		c.Errorf("a wrong auth method: %v", err)
	}
}

func (c check) incomplete() {
	for _, a := range c.method.Attributes {
		if _, given := c.sample.Configuration[a.Name]; !given {
			continue
		}
		_, err := c.kind.Validate(c.spec(a.Name))
		c.quiet(err)
		if !a.Required {
			continue
		}
		if want := "connector configuration is not valid: missing required attribute '" + a.Name +
			"'"; err == nil ||
			err.Error() != want {
			c.Errorf("without %q: got %v, want %s", a.Name, err, want)
		}
	}
	noSecrets := c.spec()
	noSecrets.Secrets = nil
	_, err := c.kind.Validate(noSecrets)
	c.quiet(err)
	escape := c.spec()
	for name := range escape.Config {
		escape.Config[name] += "\x1b[2J"
		_, err := c.kind.Validate(escape)
		if err == nil {
			c.Errorf("public attribute %q may hold terminal escapes", name)
		}
		c.quiet(err)
		escape = c.spec()
	}
}

func (c check) match() {
	spec, public := c.valid(), c.public()
	for _, s := range c.sample.Covers {
		a := c.address(s)
		reg, ok := c.kind.Match(spec, a)
		if !ok {
			c.Errorf("does not answer for %s", s)
			continue
		}
		if !reg.Address.Covers(a) {
			c.Errorf("%s: says that it answers for %s", s, reg.Address)
		}
		if got, ok := c.kind.Match(public, a); !ok || got != reg {
			c.Errorf("%s: the match depends on secrets", s)
		}
		for _, liar := range lookalikes(a) {
			if _, ok := c.kind.Match(spec, c.address(liar)); ok {
				c.Errorf("answers for %s as if it were %s", liar, s)
			}
		}
	}
	if len(c.sample.Covers) == 0 {
		c.Error("the sample covers nothing")
	}
	for _, s := range c.sample.Foreign {
		if _, ok := c.kind.Match(spec, c.address(s)); ok {
			c.Errorf("answers for %s", s)
		}
	}
	if _, ok := c.kind.Match(spec, address.Address{}); ok {
		c.Error("answers for the zero address")
	}
	if _, ok := c.kind.Match(connector.Spec{}, c.address("ghcr.io")); ok {
		c.Error("a connector without configuration answers for ghcr.io")
	}
}

// lookalikes are other hosts that careless comparisons take for a's (GO-2026-6225 and its
// like).
func lookalikes(a address.Address) []string {
	host, port, _ := strings.Cut(a.Host(), ":")
	if strings.HasPrefix(host, "[") || strings.Trim(host, "0123456789.") == "" {
		return []string{"evil.example/" + "x", "127.0.0.9:" + "9"}
	}
	list := []string{
		host + ".evil.example",
		"evil-" + host,
		"evil." + host,
		host + "x",
		"x" + host,
		host + ":9",
		"evil.example/" + a.Path() + "x",
	}
	if port != "" {
		list = append(list, host, host+":"+port+"0", host+":1"+port[1:])
	}
	return slices.DeleteFunc(list, func(s string) bool {
		b, err := address.Parse(s)
		return err != nil || b.Host() == a.Host()
	})
}

func (c check) address(s string) address.Address {
	c.Helper()
	a, err := address.Parse(s)
	if err != nil {
		c.Fatal(err)
	}
	return a
}

func (c check) resources() {
	for _, spec := range []connector.Spec{c.valid(), c.public()} {
		ids, err := c.kind.Resources(c.Context(), spec)
		if err != nil {
			c.Fatal(err)
		}
		if spec.ResourceID != "" && !slices.Contains(ids, spec.ResourceID) {
			c.Errorf("resources %q do not name the connector's own, %q", ids, spec.ResourceID)
		}
		for _, id := range ids {
			a := c.address(id)
			if a.String() != id {
				c.Errorf("resource %q is not spelt %q", id, a)
			}
			if _, ok := c.kind.Match(spec, a); !ok {
				c.Errorf("does not answer for its own resource %q", id)
			}
		}
	}
}

func (c check) registry(spec connector.Spec) connector.Registry {
	c.Helper()
	reg, ok := c.kind.Match(spec, c.address(c.sample.Covers[0]))
	if !ok {
		c.Fatalf("does not answer for %s", c.sample.Covers[0])
	}
	return reg
}

func (c check) mint() {
	spec := c.valid()
	reg := c.registry(spec)
	creds := make([]credential.Credential, 4)
	var group sync.WaitGroup
	for i := range creds {
		group.Go(func() {
			cred, err := c.kind.Mint(c.Context(), spec, reg)
			if err != nil {
				c.Errorf("minting: %v", err)
			}
			creds[i] = cred
		})
	}
	group.Wait()
	creds[0].Secret.Wipe()
	for name := range spec.Secrets {
		if spec.Secrets[name].IsEmpty() {
			c.Errorf("wiping what was minted wipes secret attribute %q", name)
		}
		spec.Secrets[name].Wipe()
	}
	for _, cred := range creds[1:] {
		if cred.Username != c.sample.Username || string(cred.Secret.Reveal()) != c.sample.Password {
			c.Errorf(
				"minted %q with a secret of %d bytes, want %q and %d",
				cred.Username,
				cred.Secret.Len(),
				c.sample.Username,
				len(c.sample.Password),
			)
		}
		if !cred.Expires.IsZero() && cred.Expires.Before(time.Now()) {
			c.Errorf("minted a credential that expired at %v", cred.Expires)
		}
	}
	c.gaveUp(reg)
}

// gaveUp mints for a caller who no longer waits: it must return at once, one way or the
// other.
func (c check) gaveUp(reg connector.Registry) {
	ctx, cancel := context.WithCancel(c.Context())
	cancel()
	start := time.Now()
	cred, err := c.kind.Mint(ctx, c.valid(), reg)
	if took := time.Since(start); took > 5*time.Second {
		c.Errorf("minting for a caller who gave up took %v", took)
	}
	c.quiet(err)
	cred.Secret.Wipe()
}

// mintWithoutSecrets is what happens when the vault and the connector do not fit together
// any more.
func (c check) mintWithoutSecrets() {
	spec := c.public()
	cred, err := c.kind.Mint(c.Context(), spec, c.registry(spec))
	c.quiet(err)
	needs := slices.ContainsFunc(
		c.method.Attributes,
		func(a api.Attribute) bool { return a.Secret && a.Required },
	)
	if needs && (err == nil || !cred.Secret.IsEmpty()) {
		c.Errorf("minted %+v without the secrets it needs, error %v", cred, err)
	}
}

func (c check) static() {
	s, ok := c.kind.(connector.Static)
	if !ok || !s.IsStatic(c.public()) {
		return
	}
	ctx, cancel := context.WithCancel(c.Context())
	cancel() // nobody is asked, so nothing can be given up
	spec := c.valid()
	cred, err := c.kind.Mint(ctx, spec, c.registry(spec))
	if err != nil || !cred.Expires.IsZero() {
		c.Errorf("a static connector minted with expiry %v, error %v", cred.Expires, err)
	}
	secrets := slices.Collect(maps.Values(spec.Secrets))
	if !slices.ContainsFunc(secrets, cred.Secret.Equal) {
		c.Error("a static connector minted something that is not stored")
	}
}
