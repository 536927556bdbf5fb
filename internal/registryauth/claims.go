package registryauth

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// claims are the parts of a registry token that say who holds it and what it allows
// (distribution, docs/spec/auth/jwt.md).
type claims struct {
	Subject string `json:"sub"`
	Access  []struct {
		Type    string   `json:"type"`
		Name    string   `json:"name"`
		Actions []string `json:"actions"`
	} `json:"access"`
}

// grantsMore reports whether a token shows that its holder is known: it names somebody,
// or allows something, that the anonymous one does not. Tokens that are not JSON Web
// Tokens show nothing. Signatures are the registry's to check.
func grantsMore(mine, anonymous string) bool {
	m, ok := readClaims(mine)
	if !ok {
		return false
	}
	a, _ := readClaims(anonymous)
	if m.Subject != "" && m.Subject != a.Subject {
		return true
	}
	granted := a.actions()
	return slices.ContainsFunc(
		m.actions(),
		func(action string) bool { return !slices.Contains(granted, action) },
	)
}

func readClaims(token string) (c claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	return c, err == nil && json.Unmarshal(payload, &c) == nil
}

// actions lists everything that is allowed, each as type:name:action.
func (c claims) actions() (list []string) {
	for _, a := range c.Access {
		for _, action := range a.Actions {
			list = append(list, a.Type+":"+a.Name+":"+action)
		}
	}
	return list
}
