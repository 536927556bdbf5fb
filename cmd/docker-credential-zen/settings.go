package main

import (
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// defaultTimeout bounds a whole call. Clients have no limit of their own, except for
// Testcontainers' 30 s.
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
		return 0, credential.NewError(credential.InvalidInput, "ZEN_TIMEOUT is not a valid "+
			"duration: "+safetext.Quote(value), "set it to one like 10s")
	}
	return d, nil
}

// profileOf returns the profile that the program's name says, as docker executes
// docker-credential-zen-work for a credsStore of "zen-work", or else ZEN_PROFILE.
func profileOf(calledAs, variable string) (string, error) {
	profile, ok := strings.CutPrefix(path.Base(calledAs), programName+"-")
	if !ok || profile == "" {
		profile = variable
	}
	if len(profile) > maxProfile || !utf8.ValidString(profile) ||
		strings.ContainsFunc(profile, safetext.IsControl) {
		return "", credential.NewError(
			credential.InvalidInput,
			"invalid profile name "+safetext.Quote(profile),
			"set ZEN_PROFILE to a short name",
		)
	}
	return profile, nil
}

// workingDir is the directory in which the client works, as its shell spells it in pwd,
// or "" when it has gone. zen login --dir spells directories the same way. room is for
// what it reads.
func workingDir(pwd string, room []byte) string {
	here := currentDir(room)
	if string(here) == pwd {
		return pwd
	}
	var there, this unix.Stat_t
	if path.IsAbs(pwd) && unix.Stat(pwd, &there) == nil && unix.Stat(".", &this) == nil &&
		there.Dev == this.Dev &&
		there.Ino == this.Ino {
		return pwd
	}
	return string(here)
}
