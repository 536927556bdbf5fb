//go:build unix

package clientconfig

import (
	"os"
	"os/user"
	"syscall"
)

// ExeSuffix ends the names of programs.
const ExeSuffix = ""

func systemHome() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.HomeDir
}

// executable reports whether file is a program.
func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// foreign reports whether path exists and is another user's.
func foreign(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid != uint32(os.Geteuid())
}
