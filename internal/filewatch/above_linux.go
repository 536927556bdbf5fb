package filewatch

// above are the names on the way to a file that are watched: all of them. A watch costs little here.
func above(names []string) []string { return names }
