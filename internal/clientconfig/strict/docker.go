package strict

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
	"github.com/zen-agent/zen/internal/safejson"
	"github.com/zen-agent/zen/internal/safetext"
)

// Fault is something in a file that docker's code refuses.
type Fault struct {
	Path    []string // of the member
	Message string
}

// depths are the members of docker's config.json and how deep strings lie in them: 0 is a
// string, 1 an object of strings (docker/cli, configfile.ConfigFile).
func depths() map[string]int {
	members := map[string]int{
		"auths": 2, "HttpHeaders": 1, "credHelpers": 1, "proxies": 2, "plugins": 2, "aliases": 1,
		"features": 1,
	}
	for _, name := range []string{
		"psFormat", "imagesFormat", "networksFormat", "pluginsFormat", "volumesFormat", "statsFormat",
		"detachKeys", "credsStore", "serviceInspectFormat", "servicesFormat", "tasksFormat", "secretFormat",
		"configFormat", "nodesFormat", "currentContext",
	} {
		members[name] = 0
	}
	return members
}

// known are the members of the innermost objects that are read; others may be anything.
func known(member string) []string {
	switch member {
	case "auths":
		return []string{"username", "password", "auth", "serveraddress", "identitytoken", "registrytoken"}
	case "proxies":
		return []string{"httpproxy", "httpsproxy", "noproxy", "ftpproxy", "allproxy"}
	}
	return nil
}

// Docker returns what docker's code refuses in a document of its format: with one of them
// docker warns and goes on with what it has, and the programs that load the file by the
// same code, as crane, fail.
func Docker(d *jsonedit.Document) (faults []Fault) {
	members := depths()
	for _, name := range d.Keys() {
		for _, member := range slices.Sorted(maps.Keys(members)) {
			if strings.EqualFold(name, member) {
				faults = append(faults, types(d, []string{name}, members[member], known(member))...)
			}
		}
	}
	for _, key := range d.Keys("auths") {
		for _, name := range d.Keys("auths", key) {
			raw, _ := d.Raw("auths", key, name)
			if strings.EqualFold(name, "auth") && raw[0] == '"' && !decodes(raw) {
				faults = append(faults, Fault{
					Path:    []string{"auths", key, name},
					Message: "the auth of " + keyName(key) + " is not the base64 of USER:PASSWORD",
				})
			}
		}
	}
	return faults
}

// keyName shows a key without what stands before an @, which could be a password.
func keyName(key string) string { return safetext.Name(key[strings.LastIndexByte(key, '@')+1:]) }

// types finds what is not of the type that docker has for it.
func types(d *jsonedit.Document, path []string, depth int, only []string) (faults []Fault) {
	raw, _ := d.Raw(path...)
	want := "a string"
	if depth > 0 {
		want = "an object"
	}
	switch {
	case string(raw) == "null":
	case depth == 0 && raw[0] != '"', depth > 0 && !d.IsObject(path...):
		faults = append(faults, Fault{path, keyName(path[len(path)-1]) + " is not " + want})
	case depth > 0:
		for _, key := range d.Keys(path...) {
			if depth > 1 || only == nil || slices.Contains(only, strings.ToLower(key)) {
				faults = append(faults, types(d, append(slices.Clone(path), key), depth-1, only)...)
			}
		}
	}
	return faults
}

// decodes reports whether docker can decode the JSON text of an auth. An empty one is
// none.
func decodes(raw []byte) bool {
	text, err := safejson.Unquote(raw)
	defer clear(text)
	if err != nil || len(text) == 0 {
		return err == nil
	}
	_, password, ok := DecodeAuth(text)
	clear(password)
	return ok
}

// AuthConfig returns the registries of DOCKER_AUTH_CONFIG, sorted, or why docker refuses
// all of it (docker/cli, configfile.parseEnvConfig).
func AuthConfig(value string) (keys []string, err error) {
	var config struct {
		Auths map[string]struct {
			Auth *json.RawMessage `json:"auth"`
		} `json:"auths"`
	}
	decoder := json.NewDecoder(strings.NewReader(value))
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&config); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil && strings.Contains(err.Error(), "unknown field"):
		return nil, errors.New("it has a member that docker does not know there")
	case err != nil:
		return nil, errors.New("it is not JSON of the form that docker wants")
	case decoder.More():
		return nil, errors.New("there is more than one JSON object in it")
	}
	for key, entry := range config.Auths {
		switch {
		case entry.Auth == nil || string(*entry.Auth) == `""` || string(*entry.Auth) == "null":
			return nil, errors.New("the entry for " + keyName(key) + " has no auth")
		case (*entry.Auth)[0] != '"' || !decodes(*entry.Auth):
			return nil, errors.New("the auth of " + keyName(key) + " is not the base64 of USER:PASSWORD")
		}
	}
	return slices.Sorted(maps.Keys(config.Auths)), nil
}
