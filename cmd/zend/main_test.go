package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

func TestCommandLine(t *testing.T) {
	tests := []struct {
		args           string
		code           int
		stdout, stderr string // what they begin with
	}{
		{"--version", credential.ExitOK, "zend ", ""},
		{"--help", credential.ExitOK, "", "zend keeps container registry credentials"},
		{"serve", credential.ExitUsage, "", `zend: unexpected argument "serve"`},
		{"--nonsense", credential.ExitUsage, "", "flag provided but not defined: -nonsense"},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(strings.Fields(tt.args), &stdout, &stderr)
			if code != tt.code || !strings.HasPrefix(stdout.String(), tt.stdout) ||
				!strings.HasPrefix(stderr.String(), tt.stderr) {
				t.Errorf("exit status %d\nstdout: %s\nstderr: %s", code, &stdout, &stderr)
			}
			if (tt.stdout == "") != (stdout.Len() == 0) || (tt.stderr == "") != (stderr.Len() == 0) {
				t.Errorf("stdout: %q, stderr: %q", &stdout, &stderr)
			}
		})
	}
}

func TestExit(t *testing.T) {
	tests := []struct {
		err  error
		code int
		text string
	}{
		{nil, credential.ExitOK, ""},
		{errors.New("broken"), credential.ExitError, "zend: broken\n"},
		{
			credential.NewError(credential.VaultBusy, "another zend is running", ""),
			credential.ExitError,
			"zend: another zend is running\nHint: stop the other zend: zen daemon stop\n",
		},
		{credential.NewError(credential.ForeignPeer, "not yours", ""), credential.ExitDenied, "zend: not " +
			"yours\n"},
	}
	for _, tt := range tests {
		var stderr bytes.Buffer
		if code := exit(&stderr, tt.err); code != tt.code || stderr.String() != tt.text {
			t.Errorf("%v: exit status %d, %q", tt.err, code, &stderr)
		}
	}
}

// An environment in which zend cannot find its place is an error, not a crash.
func TestRunWithoutAPlace(t *testing.T) {
	t.Setenv("ZEN_SOCKET", "relative/path")
	var stdout, stderr bytes.Buffer
	if code := run(nil, &stdout, &stderr); code != credential.ExitError ||
		!strings.Contains(stderr.String(), "ZEN_SOCKET is not an absolute path") {
		t.Errorf("exit status %d: %s", code, &stderr)
	}
}
