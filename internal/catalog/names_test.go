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
		id, err := resolve("service_connectors", "", ref, all)
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
		_, err := resolve("service_connectors", seeConnectors, ref, all)
		wantError(t, err, credential.NoSuchEntity, "zen service-connector list",
			"No service_connectors have been found that have a name/ID prefix that matches the provided "+
				"string '"+ref+"'.")
	}
	_, err := resolve("service_connectors", "", "f2b0", all)
	wantError(t, err, credential.Ambiguous,
		"2 service_connectors have been found that have a name/ID prefix that matches the provided "+
			"string 'f2b0': "+
			"[reg (f2b0f01b-c4b1-4d47-a939-98479421c2f8), registry (f2b0aaaa-c4b1-4d47-a939-98479421c2f8)].",
		"Please provide more characters")
	_, err = resolve("service_connectors", "", "re", all)
	wantError(t, err, credential.Ambiguous, "2 service_connectors")
	_, err = resolve("service_connectors", "", "", all)
	wantError(t, err, credential.InvalidInput, "A name must be supplied")
}

func TestResolveNamesNotTooMany(t *testing.T) {
	var all []entity
	for i := range 50 {
		all = append(all, entity{fmt.Sprintf("%02d", i), fmt.Sprintf("reg%02d", i)})
	}
	_, err := resolve("stacks", "", "reg", all)
	wantError(t, err, credential.Ambiguous, "50 stacks", "reg00 (00), ", "reg09 (09), ...]")
}

// A name that looks like somebody else's id does not hide it.
func TestIDWinsOverName(t *testing.T) {
	w := newWorld(t)
	a := w.connector("a", "docker", "docker.io")
	w.connector(a.ID, "docker", "ghcr.io")
	if s, err := w.Connectors.Resolve(a.ID); err != nil || s.Name != "a" {
		t.Errorf("%+v, %v", s, err)
	}
}

// Names, ids and prefixes of both are taken by every command.
func TestPrefixesEverywhere(t *testing.T) {
	w := newWorld(t)
	s := w.connector("connector", "docker", "docker.io")
	r := w.registry("registry", "", "docker.io/me")
	st := w.stack("stack", "regi", false)
	for _, ref := range []string{"registry", "reg", r.ID, r.ID[:8]} {
		done[api.ContainerRegistry](w)(w.Registries.Connect(ref, s, w.tick()))
		done[api.ContainerRegistry](w)(w.Registries.Update(api.UpdateRegistry{Ref: ref}, w.tick()))
		done[api.ContainerRegistry](w)(w.Registries.Disconnect(ref, w.tick()))
		if _, _, err := w.Registries.Delete(ref); !credential.InUse.Is(err) {
			t.Errorf("delete %s: %v", ref, err)
		}
		done[api.Stack](w)(w.Stacks.Update(api.UpdateStack{
			Ref: "st", Components: map[string]*string{"container_registry": &ref},
		}, w.tick()))
	}
	for i, ref := range []string{"stack", "sta", st.ID, st.ID[:8]} {
		done[api.Stack](w)(w.Stacks.Set(ref))
		if _, err := w.Stacks.Export(ref); err != nil {
			t.Errorf("export %s: %v", ref, err)
		}
		if _, _, err := w.Stacks.Copy(ref, fmt.Sprint("copy", i), w.tick(), "me"); err != nil {
			t.Errorf("copy %s: %v", ref, err)
		}
		if _, _, err := w.Stacks.Delete(api.DeleteStack{Ref: ref}); !credential.InUse.Is(err) {
			t.Errorf("delete %s: %v", ref, err)
		}
	}
	for _, ref := range []string{"connector", "con", s.ID, s.ID[:8]} {
		if gone, _, err := w.Connectors.Delete(ref); err != nil || gone.ID != s.ID {
			t.Errorf("delete %s: %v", ref, err)
		}
	}
}
