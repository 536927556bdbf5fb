package catalog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

func TestCheckName(t *testing.T) {
	for _, good := range []string{
		"a", "dockerhub", "my registry", "ghcr.io/team", "127.0.0.1:5050", "Ünïcode", "名前", "🐳 docker",
		"a-b_c.d", "it's", strings.Repeat("é", 255),
	} {
		if err := checkName("stack", good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, text := range map[string]string{
		"":                       "The stack name cannot be empty.",
		"   ":                    "The stack name cannot be empty.",
		" a":                     "begins or ends with a space",
		"a ":                     "begins or ends with a space",
		"-x":                     "looks like an option",
		"a\nb":                   "cannot be printed",
		"a\tb":                   "cannot be printed",
		"a\x1b[31mb":             "cannot be printed",
		"a\u202eb":               "cannot be printed", // turns the text around
		"a\xffb":                 "cannot be printed",
		strings.Repeat("a", 256): "longer than 255 characters",
	} {
		err := checkName("stack", bad)
		wantError(t, err, credential.InvalidInput, text)
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("message writes to the terminal: %q", err)
		}
	}
}

func TestResolve(t *testing.T) {
	all := []entity{
		{"f2b0f01b-c4b1-4d47-a939-98479421c2f8", "reg"},
		{"f2b0aaaa-c4b1-4d47-a939-98479421c2f8", "registry"},
		{"ba5046e8-ca5e-45e6-a7b7-6f969cac96e7", "dockerhub"},
		{"25295eba-4bc5-423d-b2ae-edfc52edd4c3", "ba"},
	}
	for ref, want := range map[string]string{
		"reg":                                  "reg", // a whole name, though it is a prefix too
		"regi":                                 "registry",
		"f2b0f":                                "reg",
		"F2B0F":                                "reg",
		"ba":                                   "ba",
		"ba5":                                  "dockerhub",
		"docker":                               "dockerhub",
		"ba5046e8-ca5e-45e6-a7b7-6f969cac96e7": "dockerhub",
		"BA5046E8-CA5E-45E6-A7B7-6F969CAC96E7": "dockerhub",
	} {
		id, err := resolve("service_connectors", "", ref, all, ByPrefix)
		if err != nil {
			t.Errorf("%s: %v", ref, err)
			continue
		}
		for _, e := range all {
			if e.id == id && e.name != want {
				t.Errorf("%s is %s, want %s", ref, e.name, want)
			}
		}
	}
	for _, ref := range []string{
		"nope", "Docker", "egistry", "2b0f01b",
		"00000000-0000-0000-0000-000000000000",
	} {
		_, err := resolve("service_connectors", seeConnectors, ref, all, ByPrefix)
		wantError(t, err, credential.NoSuchEntity, "zen service-connector list",
			"No service_connectors have been found that have a name/ID prefix that matches the provided "+
				"string '"+ref+"'.")
	}
	_, err := resolve("service_connectors", "", "f2b0", all, ByPrefix)
	wantError(t, err, credential.Ambiguous,
		"2 service_connectors have been found that have a name/ID prefix that matches the provided "+
			"string 'f2b0': "+
			"[reg (f2b0f01b-c4b1-4d47-a939-98479421c2f8), registry (f2b0aaaa-c4b1-4d47-a939-98479421c2f8)].",
		"Please provide more characters")
	_, err = resolve("service_connectors", "", "re", all, ByPrefix)
	wantError(t, err, credential.Ambiguous, "2 service_connectors")
	_, err = resolve("service_connectors", "", "", all, ByPrefix)
	wantError(t, err, credential.InvalidInput, "A name must be supplied")
}

func TestResolveNamesNotTooMany(t *testing.T) {
	var all []entity
	for i := range 50 {
		all = append(all, entity{fmt.Sprintf("%02d", i), fmt.Sprintf("reg%02d", i)})
	}
	_, err := resolve("stacks", "", "reg", all, ByPrefix)
	wantError(t, err, credential.Ambiguous, "50 stacks", "reg00 (00), ", "reg09 (09), ...]")
}

// A name that looks like somebody else's id does not hide it.
func TestIDWinsOverName(t *testing.T) {
	w := newWorld(t)
	a := w.connector("a", "docker", "docker.io")
	w.connector(a.ID, "docker", "ghcr.io")
	if s, err := w.Connectors.Resolve(a.ID, ByPrefix); err != nil || s.Name != "a" {
		t.Errorf("%+v, %v", s, err)
	}
}

// To read, a prefix that fits one is enough; to change, only a whole name, or enough of an
// id that nobody types it by mistake.
func TestResolveExactly(t *testing.T) {
	all := []entity{
		{"f2b0f01b-c4b1-4d47-a939-98479421c2f8", "prod"},
		{"f2b0f01b-aaaa-4d47-a939-98479421c2f8", "prod-eu"},
		{"ba5046e8-ca5e-45e6-a7b7-6f969cac96e7", "hub"},
	}
	for ref, want := range map[string]string{
		"prod":                                 "f2b0f01b-c4b1-4d47-a939-98479421c2f8",
		"hub":                                  "ba5046e8-ca5e-45e6-a7b7-6f969cac96e7",
		"ba5046e8":                             "ba5046e8-ca5e-45e6-a7b7-6f969cac96e7",
		"BA5046E8-CA":                          "ba5046e8-ca5e-45e6-a7b7-6f969cac96e7",
		"F2B0F01B-AAAA-4D47-A939-98479421C2F8": "f2b0f01b-aaaa-4d47-a939-98479421c2f8",
		"f2b0f01b-a":                           "f2b0f01b-aaaa-4d47-a939-98479421c2f8",
	} {
		if id, err := resolve("stacks", "", ref, all, Exactly); err != nil || id != want {
			t.Errorf("%s: %s, %v", ref, id, err)
		}
	}
	for ref, hint := range map[string]string{
		"prod-": "type the whole name, of 'prod-eu'", "pro": "type the whole name, of 'prod', 'prod-eu'",
		"h": "'hub'", "ba5046e": "type the whole name, of 'hub'", "nope": seeStacks, "-eu": seeStacks,
	} {
		_, err := resolve("stacks", seeStacks, ref, all, Exactly)
		wantError(t, err, credential.NoSuchEntity, hint,
			"No stacks have been found that have an ID prefix that matches the provided string '"+ref+"'.")
	}
	_, err := resolve("stacks", "", "f2b0f01b", all, Exactly)
	wantError(t, err, credential.Ambiguous, "2 stacks have been found that have an ID prefix")
	_, err = resolve("stacks", "", "", all, Exactly)
	wantError(t, err, credential.InvalidInput, "A name must be supplied")
}

// Whatever changes something takes a whole name or enough of an id, and no prefix of a
// name, though there is nothing else that it could mean.
func TestNoPrefixChangesAnything(t *testing.T) {
	w := newWorld(t)
	s := w.connector("connector", "docker", "docker.io")
	r := w.registry("registry", "", "docker.io/me")
	st := w.stack("stack", "registry", false)
	const serverID = "5a5046e8-ca5e-45e6-a7b7-6f969cac96e7"
	w.serverOf(serverID, "server", "https://zenml.example.com")
	changes := map[string]struct {
		id     string
		change func(ref string) error
	}{
		"connector delete": {s.ID, func(ref string) error { return last(w.Connectors.Delete(ref)) }},
		"registry connect": {r.ID, func(ref string) error {
			return last(w.Registries.Connect(ref, s, w.tick()))
		}},
		"registry update": {r.ID, func(ref string) error {
			return last(w.Registries.Update(api.UpdateRegistry{Ref: ref}, w.tick()))
		}},
		"registry disconnect": {r.ID, func(ref string) error {
			return last(w.Registries.Disconnect(ref, w.tick()))
		}},
		"registry copy": {r.ID, func(ref string) error {
			return last(w.Registries.Copy(ref, "new", w.tick(), "me"))
		}},
		"registry delete": {r.ID, func(ref string) error { return last(w.Registries.Delete(ref)) }},
		"stack update": {st.ID, func(ref string) error {
			return last(w.Stacks.Update(api.UpdateStack{Ref: ref}, w.tick()))
		}},
		"stack component": {r.ID, func(ref string) error {
			return last(w.Stacks.Update(api.UpdateStack{
				Ref: "stack", Components: map[string]*string{"container_registry": &ref},
			}, w.tick()))
		}},
		"stack set": {st.ID, func(ref string) error { return last(w.Stacks.Set(ref)) }},
		"stack copy": {st.ID, func(ref string) error {
			return last(w.Stacks.Copy(ref, "new", w.tick(), "me"))
		}},
		"stack delete": {st.ID, func(ref string) error {
			return last(w.Stacks.Delete(api.DeleteStack{Ref: ref}))
		}},
		"server use": {serverID, func(ref string) error { return last(w.Servers.Use(ref)) }},
		"server disconnect": {serverID, func(ref string) error {
			_, _, _, err := w.Servers.Delete(ref)
			return err
		}},
	}
	names := map[string]string{s.ID: "connector", r.ID: "registry", st.ID: "stack", serverID: "server"}
	for what, tt := range changes {
		name := names[tt.id]
		for _, ref := range []string{name, tt.id, tt.id[:8]} {
			if err := tt.change(ref); err != nil && !credential.InUse.Is(err) {
				t.Errorf("%s %s: %v", what, ref, err)
			}
		}
		for _, ref := range []string{name[:1], name[:len(name)-1], tt.id[:7]} {
			if err := tt.change(ref); !credential.NoSuchEntity.Is(err) {
				t.Errorf("%s %s: %v, want no such entity", what, ref, err)
			}
		}
	}
}

func last[A, B any](_ A, _ B, err error) error { return err }
