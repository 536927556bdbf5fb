package paths

import (
	"path"
	"slices"
	"strconv"
)

// Elsewhere returns the sockets that other sessions of the user would use, as far as they
// may differ from this one in XDG_RUNTIME_DIR and ZEN_SOCKET only. A zend that listens at
// one of them is a second one.
func (d Dirs) Elsewhere(getenv func(string) string, uid int) []string {
	f := newFinder(getenv, uid)
	var dirs []string
	if wanted := getenv("XDG_RUNTIME_DIR"); wanted != "" && unfit(wanted, uid) == "" {
		dirs = append(dirs, path.Join(wanted, "zen"))
	}
	if runtimeIsXDG {
		dirs = append(dirs, path.Join(f.runUser, strconv.Itoa(uid), "zen"))
	}
	if cache, err := f.base("XDG_CACHE_HOME", cacheDir); err == nil {
		dirs = append(dirs, path.Join(cache, "run"))
	}
	own, _ := d.Socket()
	var sockets []string
	for _, dir := range dirs {
		socket := path.Join(dir, "zend.sock")
		if socket != own && len(socket) <= MaxSocketPath && !slices.Contains(sockets, socket) {
			sockets = append(sockets, socket)
		}
	}
	return sockets
}
