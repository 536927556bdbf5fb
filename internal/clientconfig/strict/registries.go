package strict

import (
	"errors"
	"slices"

	"github.com/BurntSushi/toml"
)

// RegistriesConf returns why podman, skopeo and buildah refuse a registries.conf, or a
// drop-in of it, and with it every pull (containers/image,
// pkg/sysregistriesv2.loadConfigFile).
func RegistriesConf(text []byte, dropIn bool) error {
	type endpoint struct {
		Location       string `toml:"location"`
		Insecure       bool   `toml:"insecure"`
		PullFromMirror string `toml:"pull-from-mirror"`
	}
	var conf struct {
		Registries []struct {
			endpoint

			Prefix             string     `toml:"prefix"`
			Mirrors            []endpoint `toml:"mirror"`
			Blocked            bool       `toml:"blocked"`
			MirrorByDigestOnly bool       `toml:"mirror-by-digest-only"`
		} `toml:"registry"`
		Search    []string          `toml:"unqualified-search-registries"`
		Helpers   []string          `toml:"credential-helpers"`
		ShortName string            `toml:"short-name-mode"`
		Layers    string            `toml:"additional-layer-store-auth-helper"`
		Aliases   map[string]string `toml:"aliases"`
		Old       map[string]struct {
			Registries []string `toml:"registries"`
		} `toml:"registries"`
	}
	meta, err := toml.Decode(string(text), &conf)
	if err != nil {
		return err
	}
	isNew := func(k toml.Key) bool { return k[0] != "registries" }
	modes := []string{"", "enforcing", "permissive", "disabled"}
	switch {
	case !slices.Contains(modes, conf.ShortName):
		return errors.New("short-name-mode has none of its values: enforcing, permissive, disabled")
	case len(conf.Old) > 0 && dropIn:
		return errors.New("it is in the old format, with [registries.…], which only registries.conf may be")
	case len(conf.Old) > 0 && slices.ContainsFunc(meta.Keys(), isNew):
		return errors.New("it mixes the old format, with [registries.…], and the new one")
	}
	return nil
}
