package stories

import (
	"path/filepath"
	"regexp"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// eventually: [!] eventually PATTERN PROGRAM [ARGS...] runs the program again and again
// until what it prints matches the pattern, or until it does not.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: [!] eventually PATTERN PROGRAM [ARGS...]")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := ts.Exec(args[1], args[2:]...)
		text := ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if err == nil && pattern.MatchString(text) != neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("not in 20 s, neg %v: %s\n%s", neg, args[0], text)
		}
	}
}

// dockerSave: dockersave HOST keeps alice's login in the script's Docker config as
// programs do that are built from docker's code and ask no helper: docker's own code
// reads the file and writes it anew.
func dockerSave(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: dockersave HOST")
	}
	file, err := config.Load(filepath.Dir(ts.MkAbs(filepath.Join(ts.Getenv("DOCKER_CONFIG"), "config.json"))))
	ts.Check(err)
	file.AuthConfigs[args[0]] = types.AuthConfig{
		Username:      "alice",
		Password:      storyOf(ts).password,
		ServerAddress: args[0],
	}
	ts.Check(file.Save())
}
