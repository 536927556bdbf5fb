package clientconfig

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clientconfig/fileedit"
	"github.com/zen-agent/zen/internal/credential"
)

// buildxPlaces: buildx reads docker's file, and before it a file in docker's format for a
// single registry or repository, buildx/config/HOST[/REPOSITORY][@SCOPES]/config.json
// (docker/buildx, util/dockerutil/dockerconfig). With hosts, which may have a path, it is
// those; without, docker's file and all that exist.
func buildxPlaces(env Env, _ Client, hosts []string) ([]place, error) {
	base, err := filesOf(env).buildxDir()
	if err != nil {
		return nil, err
	}
	if len(hosts) == 0 {
		main, err := filesOf(env).docker()
		return append([]place{{file: main}}, buildxFiles(base)...), err
	}
	var places []place
	for _, host := range hosts {
		a, err := address.Parse(host)
		if err != nil {
			return nil, err
		}
		if a.IsHubToken() {
			return nil, credential.NewError(credential.InvalidInput, a.String()+" is not a repository",
				"zen setup buildx --host docker.io")
		}
		name := a.Host()
		if name == "docker.io" {
			name = "registry-1.docker.io" // BuildKit asks by the name of the server
		}
		places = append(
			places,
			place{file: filepath.Join(base, name, filepath.FromSlash(a.Path()), "config.json")},
		)
	}
	return places, nil
}

// buildxDir is the directory of the files for single repositories (docker/buildx,
// util/confutil).
func (f files) buildxDir() (string, error) {
	if dir := f.Getenv("BUILDX_CONFIG"); dir != "" {
		return absolute("BUILDX_CONFIG", filepath.Join(dir, "config"))
	}
	file, err := f.docker()
	return filepath.Join(filepath.Dir(file), "buildx", "config"), err
}

// buildxFiles are the files that exist. Like buildx it goes no further where a directory
// cannot be read.
func buildxFiles(base string) []place {
	var places []place
	_ = filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() && d.Name() == "config.json" {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				places = append(places, place{file: path})
			}
		}
		return nil
	})
	return places
}

// buildx is the file by which buildx chooses its helper: one for the repository or for
// the registry alone, else docker's. One that is for single scopes too (…@pull) is passed
// over: which of them counts depends on what buildx does.
func (f files) buildx(registry address.Address) ([]string, error) {
	// an address for which there can be no such file has none
	places, _ := buildxPlaces(f.Env, Client{}, []string{registry.String(), hostOf(registry)})
	for _, p := range places {
		if content, err := fileedit.Read(p.file); err == nil && content.Exists {
			return []string{p.file}, nil
		}
	}
	return inOrder(files.docker)(f, registry)
}
