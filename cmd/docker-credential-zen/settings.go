package main

import (
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
)

// defaultTimeout bounds a whole call. Clients have no limit of their own, except for Testcontainers' 30 s.
const defaultTimeout = 10 * time.Second

// maxProfile is the length in bytes of the longest name of a profile.
const maxProfile = 64

// timeout reads ZEN_TIMEOUT: a duration such as "30s", or a number of seconds.
func timeout(value string) (time.Duration, error) {
	if value == "" {
		return defaultTimeout, nil
	}
	d, err := time.ParseDuration(value)
	if n, nerr := strconv.ParseUint(value, 10, 31); nerr == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err != nil || d <= 0 {
		return 0, credential.NewError(credential.InvalidInput, "ZEN_TIMEOUT is no duration: "+strconv.Quote(clip(value)), "set it to one like 10s")
	}
	return d, nil
}

// profileOf returns the profile that the program's name says, as docker executes docker-credential-zen-work for a
// credsStore of "zen-work", or else ZEN_PROFILE.
func profileOf(calledAs, variable string) (string, error) {
	profile, ok := strings.CutPrefix(path.Base(calledAs), programName+"-")
	if !ok || profile == "" {
		profile = variable
	}
	if len(profile) > maxProfile || !utf8.ValidString(profile) || strings.ContainsFunc(profile, ipc.IsControl) {
		return "", credential.NewError(credential.InvalidInput, "the profile "+strconv.Quote(clip(profile))+" is no name", "set ZEN_PROFILE to a short name")
	}
	return profile, nil
}

// workingDir is the directory in which the client works, as its shell spells it, or "" when it has gone. zen login --dir
// spells directories the same way.
func workingDir() string {
	var here, there unix.Stat_t
	if dir := getenv("PWD"); path.IsAbs(dir) && unix.Stat(dir, &there) == nil && unix.Stat(".", &here) == nil &&
		here.Dev == there.Dev && here.Ino == there.Ino {
		return dir // which unix.Getwd would find out with more memory, whose pages cost more than its system calls
	}
	dir, err := unix.Getwd()
	if err != nil {
		return ""
	}
	return dir
}

func getenv(name string) string {
	value, _ := unix.Getenv(name)
	return value
}

// clip bounds what is repeated of a text that somebody else chose.
func clip(s string) string { return s[:min(len(s), 100)] }
