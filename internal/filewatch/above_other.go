//go:build !linux

package filewatch

import "os"

// above are the names on the way to a file that are watched. To watch a directory opens every file in it here (kqueue), and home
// directories have many: only links, the file, and its own directory are worth that.
func above(names []string) (list []string) {
	for i, name := range names {
		info, err := os.Lstat(name)
		if i >= len(names)-2 || err == nil && info.Mode()&os.ModeSymlink != 0 {
			list = append(list, name)
		}
	}
	return list
}
