package ipc

import (
	"maps"
	"slices"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

// Secrets reads the member api.SecretsMember of a JSON object: an object of strings.
// Without that member there are none.
func Secrets(params []byte) (map[string]credential.Secret, error) {
	secrets := map[string]credential.Secret{}
	err := safejson.Members(params, func(key, value []byte) error {
		if string(key) != api.SecretsMember {
			return nil
		}
		return safejson.Strings(value, func(name string, text []byte) {
			secrets[name] = credential.NewSecret(slices.Clone(text))
		})
	})
	if err != nil {
		for _, s := range secrets {
			s.Wipe()
		}
		return nil, err
	}
	return secrets, nil
}

// AppendSecrets appends m as a JSON object, ordered by name. Like safejson.AppendString
// it clears the arrays that dst outgrows.
func AppendSecrets(dst []byte, m map[string]credential.Secret) []byte {
	dst = append(safejson.Grow(dst, 1), '{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			dst = append(safejson.Grow(dst, 1), ',')
		}
		dst = safejson.AppendString(dst, name)
		dst = append(safejson.Grow(dst, 1), ':')
		dst = safejson.AppendString(dst, m[name].Reveal())
	}
	return append(safejson.Grow(dst, 1), '}')
}
