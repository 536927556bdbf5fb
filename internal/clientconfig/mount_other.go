//go:build !linux

package clientconfig

func mounted(string) bool { return false }
