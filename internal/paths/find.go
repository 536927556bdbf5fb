package paths

import (
	"cmp"
	"path"
	"strconv"
	"strings"
	"syscall"

	"github.com/zen-agent/zen/internal/credential"
)

// finder is what Find looks at, so that tests can look at something else.
type finder struct {
	getenv  func(string) string
	uid     int
	runUser string // where the system keeps its users' runtime directories: /run/user
	passwd  string // /etc/passwd
	homeDir string // once it was found
	dirs    Dirs
}

// Find returns the directories: $XDG_DATA_HOME/zen, $XDG_CONFIG_HOME/zen,
// $XDG_STATE_HOME/zen and $XDG_RUNTIME_DIR/zen, or the system's defaults for them.
// Variables that are relative, and runtime directories that are not the user's alone, are
// not used (XDG Base Directory Specification 0.8); Dirs.Fallbacks tells of them. With
// ZEN_SOCKET the directory of that socket is the runtime directory, so that two sockets
// have two sets of locks.
func Find() (Dirs, error) {
	f := newFinder(getenv, syscall.Geteuid())
	return f.find()
}

// Socket returns the path of zend's socket, as Find has it, without a look at the other
// directories: docker-credential-zen seldom needs them.
func Socket(getenv func(string) string) (string, error) {
	f := newFinder(getenv, syscall.Geteuid())
	if err := f.runtime(); err != nil {
		return "", err
	}
	return f.dirs.Socket()
}

func getenv(name string) string {
	value, _ := syscall.Getenv(name)
	return value
}

func newFinder(getenv func(string) string, uid int) finder {
	return finder{getenv: getenv, uid: uid, runUser: "/run/user", passwd: "/etc/passwd"}
}

func (f *finder) find() (Dirs, error) {
	data, err1 := f.base("XDG_DATA_HOME", dataDir)
	config, err2 := f.base("XDG_CONFIG_HOME", configDir)
	state, err3 := f.base("XDG_STATE_HOME", stateDir)
	if err := cmp.Or(err1, err2, err3); err != nil {
		return Dirs{}, err
	}
	f.dirs.Data, f.dirs.Config, f.dirs.State = data, config, state
	if err := f.runtime(); err != nil {
		return Dirs{}, err
	}
	return f.dirs, nil
}

// base returns zen's directory below the one that variable names, or fallback below the
// home directory.
func (f *finder) base(variable, fallback string) (string, error) {
	value := f.getenv(variable)
	if path.IsAbs(value) {
		return path.Join(value, "zen"), nil
	}
	home, err := f.home()
	if err != nil {
		return "", err
	}
	dir := path.Join(home, fallback)
	if value != "" {
		f.note(variable, value, dir, "is not an absolute path")
	}
	return dir, nil
}

func (f *finder) note(variable, wanted, used, why string) {
	f.dirs.Fallbacks = append(
		f.dirs.Fallbacks,
		Fallback{Variable: variable, Wanted: wanted, Used: used, Why: why},
	)
}

// runtime finds the directory of the socket. Without XDG_RUNTIME_DIR (cron, sudo, some
// ssh sessions) the directory that the system made for the user is looked for: else such
// a session would start a second zend.
func (f *finder) runtime() error {
	if socket := f.getenv("ZEN_SOCKET"); socket != "" {
		if !path.IsAbs(socket) {
			return credential.NewError(credential.InvalidInput, "ZEN_SOCKET is not an absolute "+
				"path: "+strconv.Quote(socket), "")
		}
		f.dirs.socket = path.Clean(socket)
		f.dirs.Runtime = path.Dir(f.dirs.socket)
		return nil
	}
	wanted := f.getenv("XDG_RUNTIME_DIR")
	why := "is not set"
	if wanted != "" {
		why = unfit(wanted, f.uid)
	}
	if why == "" {
		f.dirs.Runtime = path.Join(wanted, "zen")
		return nil
	}
	used, err := f.runtimeFallback()
	if err != nil {
		return err
	}
	f.dirs.Runtime = used
	if runtimeIsXDG || wanted != "" {
		f.note("XDG_RUNTIME_DIR", wanted, used, why)
	}
	return nil
}

func (f *finder) runtimeFallback() (string, error) {
	if runtimeIsXDG {
		if dir := path.Join(f.runUser, strconv.Itoa(f.uid)); unfit(dir, f.uid) == "" {
			return path.Join(dir, "zen"), nil
		}
	}
	dir, err := f.base("XDG_CACHE_HOME", cacheDir)
	return path.Join(dir, "run"), err
}

// home returns the home directory.
func (f *finder) home() (dir string, err error) {
	if f.homeDir == "" {
		f.homeDir, err = f.findHome()
	}
	return f.homeDir, err
}

// findHome returns $HOME, or what /etc/passwd says. A HOME that belongs to another user,
// as sudo may leave it, is not used when the system has one that is the user's: what root
// makes there the other user could not change any more.
func (f *finder) findHome() (string, error) {
	home := f.getenv("HOME")
	if path.IsAbs(home) && f.owns(home) {
		return home, nil // without a look at the list
	}
	listed := f.passwdHome()
	switch {
	case path.IsAbs(home) && !f.owns(listed):
		return home, nil
	case path.IsAbs(home):
		f.note("HOME", home, listed, "is not yours")
		return listed, nil
	case path.IsAbs(listed):
		return listed, nil
	}
	return "", credential.NewError(credential.InvalidInput, "HOME is not set to an absolute "+
		"path", "set HOME to your home directory")
}

// owns reports whether dir exists and is the user's.
func (f *finder) owns(dir string) bool {
	st, err := status(dir, true)
	return err == nil && path.IsAbs(dir) && int(st.Uid) == f.uid
}

// maxPasswd is how much of /etc/passwd is read, in bytes: tens of thousands of users.
const maxPasswd = 4 << 20

// passwdHome returns the home directory that /etc/passwd has for the user, or "".
func (f *finder) passwdHome() string {
	content, err := ReadFile(f.passwd, maxPasswd)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
		if len(fields) == 7 && fields[2] == strconv.Itoa(f.uid) {
			return fields[5]
		}
	}
	return ""
}
