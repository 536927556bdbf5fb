package main

import "golang.org/x/sys/unix"

// currentDir is the path of the working directory, read into room; "" when it has gone,
// or is longer (getcwd(2)).
func currentDir(room []byte) []byte {
	n, err := unix.Getcwd(room)
	if err != nil || n < 1 || room[0] != '/' { // "(unreachable)" is outside this process's root
		return nil
	}
	return room[:n-1] // without its NUL
}
