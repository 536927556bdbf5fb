package server

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/paths"
)

// Environment variables that tell ZenML where its files are, and which stack is
// active (ZenML 0.98, constants.py).
const (
	envZenMLConfig      = "ZENML_CONFIG_PATH"
	envZenMLStack       = "ZENML_ACTIVE_STACK_ID"
	envZenMLRepository  = "ZENML_REPOSITORY_PATH"
	envZenMLRepoDirName = "ZENML_REPOSITORY_DIRECTORY_NAME"
)

// zenmlFiles are the files in which the zenml command keeps what it has chosen.
type zenmlFiles struct {
	getenv func(string) string
	cwd    string
}

func (a *Commands) zenml() zenmlFiles {
	cwd, err := os.Getwd()
	if err != nil {
		cwd = ""
	}
	return zenmlFiles{getenv: a.Getenv, cwd: cwd}
}

// ActiveStack is the stack that the zenml command has chosen on a server; nil: none.
func (a *Commands) ActiveStack() *api.ZenMLStack { return a.zenml().activeStack() }

// dir is ZenML's directory: click's get_app_dir("zenml") unless the environment says
// otherwise. "" is none.
func (z zenmlFiles) dir() string {
	if dir := z.getenv(envZenMLConfig); dir != "" {
		return dir
	}
	home := z.getenv("HOME")
	switch {
	case runtime.GOOS == "darwin" && home != "":
		return filepath.Join(home, "Library", "Application Support", "zenml")
	case z.getenv("XDG_CONFIG_HOME") != "":
		return filepath.Join(z.getenv("XDG_CONFIG_HOME"), "zenml")
	case home != "":
		return filepath.Join(home, ".config", "zenml")
	}
	return ""
}

// zenmlConfig is what zen reads of ZenML's config.yaml, the global one and that of a
// repository.
type zenmlConfig struct {
	ActiveStackID string `yaml:"active_stack_id"`
	Store         struct {
		Type string `yaml:"type"`
		URL  string `yaml:"url"`
	} `yaml:"store"`
}

// readYAML reads one of ZenML's files. One that is not there, or makes no sense, holds
// nothing: it is not zen's to complain.
func readYAML[T any](name string) (out T) {
	content, err := paths.ReadFile(name, ui.MaxInput+1)
	if err != nil || len(content) > ui.MaxInput {
		clear(content)
		return out
	}
	defer clear(content)
	var read T
	if yaml.Unmarshal(content, &read) != nil {
		return out
	}
	return read
}

// serverURL is the server that ZenML uses; "" when it uses none.
func (z zenmlFiles) serverURL() string {
	url := z.getenv(envStoreURL)
	if url == "" && z.dir() != "" {
		url = readYAML[zenmlConfig](filepath.Join(z.dir(), "config.yaml")).Store.URL
	}
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return "" // a database on this machine
	}
	return url
}

// activeStack is the stack that ZenML has chosen on a server: by the environment, in the
// repository around the working directory, or for all (ZenML, Client.active_stack_model).
func (z zenmlFiles) activeStack() *api.ZenMLStack {
	url := z.serverURL()
	if url == "" {
		return nil
	}
	id := z.getenv(envZenMLStack)
	if id == "" {
		id = z.repositoryStack()
	}
	if id == "" && z.dir() != "" {
		id = readYAML[zenmlConfig](filepath.Join(z.dir(), "config.yaml")).ActiveStackID
	}
	if id == "" {
		return nil
	}
	return &api.ZenMLStack{URL: url, ID: id}
}

// repositoryStack is the stack of the ZenML repository, if there is one (ZenML,
// Client.find_repository).
func (z zenmlFiles) repositoryStack() string {
	name := z.getenv(envZenMLRepoDirName)
	if name == "" {
		name = ".zen"
	}
	if root := z.getenv(envZenMLRepository); root != "" {
		return readYAML[zenmlConfig](filepath.Join(root, name, "config.yaml")).ActiveStackID
	}
	for dir := z.cwd; dir != ""; dir = filepath.Dir(dir) {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.IsDir() {
			return readYAML[zenmlConfig](filepath.Join(dir, name, "config.yaml")).ActiveStackID
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return ""
}
