//go:build !unix

package clientconfig

import "os"

const exeSuffix = ".exe"

func systemHome() string { return os.Getenv("USERPROFILE") }

// executable reports whether file is a program.
func executable(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular()
}

// planter and foreign know nothing of access control lists.
func planter(string) string { return "" }

func foreign(string) bool { return false }

func writable(string) bool { return true }
