package address

import "strings"

// maxPath is the longest repository name (github.com/distribution/reference,
// RepositoryNameTotalLengthMax).
const maxPath = 255

// parsePath checks a repository path, given without its leading slash, and takes one
// trailing slash off.
func parsePath(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if path != "/" {
		path = strings.TrimSuffix(path, "/")
	}
	if len(path) > maxPath {
		return "", fault{"the repository path is longer than 255 characters", ""}
	}
	if strings.IndexByte(path, ':') >= 0 {
		return "", fault{"there is a tag in it", "leave out the tag"}
	}
	for segment := range strings.SplitSeq(path, "/") {
		if !validSegment(segment) {
			return "", fault{"the repository path must be lower-case letters and digits with single . _ " +
				"- or / between them", ""}
		}
	}
	return path, nil
}

// validSegment reports whether s is a path component of the image reference grammar:
// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*.
func validSegment(s string) bool {
	start := 0 // of the separator before s[i]
	for i := range len(s) {
		if !isAlnum(s[i]) {
			continue
		}
		if i == 0 {
			start = 1
			continue
		}
		if !validSeparator(s[start:i]) || start == 0 {
			return false
		}
		start = i + 1
	}
	return s != "" && start == len(s)
}

// validSeparator reports whether s, made of anything but letters and digits, may stand
// between two of them.
func validSeparator(s string) bool {
	switch s {
	case "", ".", "_", "__":
		return true
	}
	return strings.Trim(s, "-") == ""
}
