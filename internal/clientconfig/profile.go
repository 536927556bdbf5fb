package clientconfig

import (
	"strings"

	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// maxProfile is the length in bytes of the longest name of a profile that
// docker-credential-zen takes.
const maxProfile = 64

// HelperOf is what a configuration calls docker-credential-zen for a profile: "zen-work",
// or "zen" for none.
func HelperOf(profile string) (string, error) {
	if profile == "" {
		return Helper, nil
	}
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') &&
			!strings.ContainsRune("._-", r)
	}
	if len(profile) > maxProfile || strings.ContainsFunc(profile, odd) ||
		strings.ContainsRune(".-", rune(profile[0])) {
		return "", credential.NewError(credential.InvalidInput, "a helper cannot be named after the "+
			"profile "+safetext.Name(profile)+
			": it takes letters, digits and the characters . _ -", "choose a short name, such as work")
	}
	return Helper + "-" + profile, nil
}

// CheckProfile returns an error for a name of a profile that no helper can have, so that
// no client could use it.
func CheckProfile(profile string) error {
	_, err := HelperOf(profile)
	return err
}

// HelpersNamed are the helpers of zen's that the configurations of clients name, files
// that are excepted left out.
func (e Env) HelpersNamed(except func(file string) bool) ([]string, error) {
	files, err := e.ConfigFiles()
	if err != nil {
		return nil, err
	}
	var paths, named []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	recorded, err := e.journal().Entries()
	if err != nil {
		return nil, err
	}
	for _, r := range recorded {
		if !own(r) {
			paths = append(paths, r.File)
		}
	}
	for _, path := range paths {
		if target, err := fileedit.Resolve(path); err == nil && except(target) {
			continue
		}
		helpers, err := zenIn(path)
		if err != nil {
			return nil, err
		}
		named = append(named, helpers...)
	}
	for _, c := range containersOf(e).confFiles() {
		if target, err := fileedit.Resolve(c.file); err != nil || !except(target) {
			named = append(named, c.helpers...)
		}
	}
	return named, nil
}

// zenIn are the helpers of zen's that a file in docker's format names.
func zenIn(path string) (helpers []string, err error) {
	content, err := fileedit.Read(path)
	if err != nil {
		return nil, err
	}
	defer clear(content.Data) // there may be passwords in it
	d, err := ParseDocker(path, content.Data)
	if err != nil {
		return nil, err
	}
	for _, c := range namingZen(d) {
		helper, _ := d.Text(c.Path...)
		helpers = append(helpers, helper)
	}
	return helpers, nil
}
