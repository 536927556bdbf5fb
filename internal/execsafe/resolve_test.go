package execsafe

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

// node is a file of a made-up system.
type node struct {
	mode     uint32
	uid, gid int
	target   string // of a link
	acl      bool
}

const (
	alice = 1000
	bob   = 1001
	staff = 50
	admin = 80

	lists = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n" +
		"bob:x:1001:1001::/:/bin/sh\n"
	group = "root:x:0:\nstaff:x:50:bob\nalice:x:1000:\nbob:x:1001:\n"
)

func dir(uid int, mode uint32) node { return node{mode: syscall.S_IFDIR | mode, uid: uid, gid: uid} }

func file(uid int, mode uint32) node { return node{mode: syscall.S_IFREG | mode, uid: uid, gid: uid} }

func link(uid int, target string) node {
	return node{mode: syscall.S_IFLNK | 0o777, uid: uid, gid: uid, target: target}
}

func (n node) of(gid int) node { n.gid = gid; return n }

func (n node) withACL() node { n.acl = true; return n }

// fake is alice's system: some safe directories, and what a test adds.
func fake(extra map[string]node) system {
	nodes := map[string]node{
		"/": dir(0, 0o755), "/usr": dir(0, 0o755), "/usr/bin": dir(0, 0o755), "/usr/bin/p": file(0, 0o755),
		"/home": dir(0, 0o755), "/home/alice": dir(alice, 0o755), "/home/alice/p": file(alice, 0o755),
		"/home/bob": dir(bob, 0o755), "/home/bob/bin": dir(0, 0o755),
		"/home/bob/bin/p": file(0, 0o755),
		"/tmp":            dir(0, 0o1777),
	}
	maps.Copy(nodes, extra)
	return system{
		uid: alice, admins: -1,
		lstat: func(name string) (status, error) {
			n, ok := nodes[name]
			if !ok {
				return status{}, syscall.ENOENT
			}
			return status{n.mode, n.uid, n.gid}, nil
		},
		readlink: func(name string) (string, error) { return nodes[name].target, nil },
		hasACL:   func(name string) bool { return nodes[name].acl },
		accounts: func() accounts { return accounts{lists, group} },
	}
}

type nodes = map[string]node

// check compares the answer with what is wanted: where the program is, or "message =>
// hint".
func check(t *testing.T, name, got string, err error, want string) {
	t.Helper()
	if err != nil {
		e, ok := errors.AsType[*credential.Error](err)
		if !ok || e.Reason != credential.InvalidInput || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
			return
		}
		if got = e.Message; e.Hint != "" {
			got += " => " + e.Hint
		}
	}
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}

func TestResolve(t *testing.T) {
	const (
		move = " => move the program into a directory of your own or of root's"
		bobs = "the directory /home/bob belongs to user bob" + move
	)
	for _, tt := range []struct {
		name  string
		extra nodes
		path  string
		want  string
	}{
		{"root's", nil, "/usr/bin/p", "/usr/bin/p"},
		{"the user's own", nil, "/home/alice/p", "/home/alice/p"},
		{"odd spelling", nil, "//home/./alice/../alice//p", "/home/alice/p"},
		{"relative", nil, "bin/p", "bin/p is not an absolute path"},
		{"empty", nil, "", " is not an absolute path"},
		{"absent", nil, "/usr/bin/q", "there is no program /usr/bin/q"},
		{"below a file", nil, "/usr/bin/p/q", "/usr/bin/p/q is not safe to execute: " +
			"/usr/bin/p: not a directory"},
		{"a directory", nil, "/usr/bin", "/usr/bin is not a file"},
		{
			"a device",
			nodes{"/usr/bin/d": {mode: syscall.S_IFCHR | 0o755}},
			"/usr/bin/d", "/usr/bin/d is not a file",
		},

		{
			"not executable",
			nodes{"/home/alice/p": file(alice, 0o644)},
			"/home/alice/p", "/home/alice/p is not executable => chmod +x /home/alice/p",
		},
		{
			"root's, not executable",
			nodes{"/usr/bin/p": file(0, 0o644)},
			"/usr/bin/p", "/usr/bin/p is not executable => sudo chmod +x /usr/bin/p",
		},
		{
			"another's file",
			nodes{"/usr/bin/p": file(bob, 0o755)},
			"/usr/bin/p", "it belongs to user bob => if you trust it: sudo chown root /usr/bin/p",
		},
		{
			"a stranger's file",
			nodes{"/usr/bin/p": file(7, 0o755)},
			"/usr/bin/p", "it belongs to user 7 => if you trust it: sudo chown root /usr/bin/p",
		},
		{
			"everyone's file",
			nodes{"/home/alice/p": file(alice, 0o757)},
			"/home/alice/p", "it can be changed by everyone => chmod go-w /home/alice/p",
		},
		{
			"sticky is for directories",
			nodes{"/usr/bin/p": file(0, 0o1757)},
			"/usr/bin/p", "it can be changed by everyone => sudo chmod go-w /usr/bin/p",
		},
		{
			"a group's file",
			nodes{"/usr/bin/p": file(0, 0o775).of(staff)},
			"/usr/bin/p", "it can be changed by the group staff => sudo chmod go-w /usr/bin/p",
		},
		{
			"name for a shell",
			nodes{"/home/alice/it's": file(alice, 0o757)},
			"/home/alice/it's",
			`it can be changed by everyone => chmod go-w '/home/alice/it'\''s'`,
		},

		{
			"root's file below another's directory",
			nil,
			"/home/bob/bin/p", bobs,
		},
		{
			"everyone's directory above",
			nodes{"/usr": dir(0, 0o777)},
			"/usr/bin/p", "the directory /usr can be changed by everyone => sudo chmod go-w /usr",
		},
		{
			"everyone's root",
			nodes{"/": dir(0, 0o777)},
			"/usr/bin/p", "the directory / can be changed by everyone => sudo chmod go-w /",
		},
		{
			"a group's directory above",
			nodes{"/home/alice": dir(alice, 0o775).of(staff)},
			"/home/alice/p",
			"the directory /home/alice can be changed by the group staff => chmod go-w /home/alice",
		},
		{
			"a nameless group's",
			nodes{"/home/alice": dir(alice, 0o775).of(77)},
			"/home/alice/p",
			"the directory /home/alice can be changed by the group 77 => chmod go-w /home/alice",
		},
		{
			"root's group",
			nodes{"/usr/bin": dir(0, 0o775)},
			"/usr/bin/p",
			"the directory /usr/bin can be changed by the group root => sudo chmod go-w /usr/bin",
		},
		{
			"the private group's",
			nodes{"/home/alice": dir(alice, 0o775), "/home/alice/p": file(alice, 0o770)},
			"/home/alice/p", "/home/alice/p",
		},
		{
			"private group, but a list",
			nodes{"/home/alice": dir(alice, 0o775).withACL()},
			"/home/alice/p",
			"the directory /home/alice can be changed by others, by its access control list" +
				" => chmod go-w /home/alice",
		},
		{
			"a list that lets nobody write",
			nodes{"/home/alice": dir(alice, 0o755).withACL()},
			"/home/alice/p", "/home/alice/p",
		},
		{
			"written through .. of an unsafe directory",
			nil,
			"/home/bob/../alice/p", bobs,
		},

		{"own file in a sticky directory", nodes{"/tmp/p": file(alice, 0o700)}, "/tmp/p", "/tmp/p"},
		{
			"own directory in a sticky one",
			nodes{"/tmp/d": dir(alice, 0o700), "/tmp/d/p": file(alice, 0o700)},
			"/tmp/d/p", "/tmp/d/p",
		},
		{
			"another's directory in a sticky one",
			nodes{"/tmp/d": dir(bob, 0o755), "/tmp/d/p": file(alice, 0o700)},
			"/tmp/d/p", "the directory /tmp/d belongs to user bob" + move,
		},
		{
			"another's file in a sticky directory",
			nodes{"/tmp/p": file(bob, 0o755)},
			"/tmp/p", "it belongs to user bob => if you trust it: sudo chown root /tmp/p",
		},
		{
			"another's sticky directory",
			nodes{"/srv": dir(bob, 0o1777), "/srv/p": file(alice, 0o700)},
			"/srv/p", "the directory /srv belongs to user bob" + move,
		},

		{"link", nodes{"/usr/bin/l": link(0, "p")}, "/usr/bin/l", "/usr/bin/p"},
		{
			"absolute link to a link",
			nodes{"/home/alice/l": link(alice, "/usr/bin/l"), "/usr/bin/l": link(0, "../../home/alice/p")},
			"/home/alice/l", "/home/alice/p",
		},
		{"link to a directory", nodes{"/bin": link(0, "usr/bin")}, "/bin/p", "/usr/bin/p"},
		{
			"link to nothing",
			nodes{"/home/alice/l": link(alice, "/usr/bin/q")},
			"/home/alice/l", "there is no program /home/alice/l: /usr/bin/q does not exist",
		},
		{
			"link to itself",
			nodes{"/home/alice/l": link(alice, "l")},
			"/home/alice/l", "/home/alice/l is not safe to execute: " +
				"/home/alice/l: too many levels of symbolic links",
		},
		{
			"link in another's directory",
			nodes{"/home/bob/l": link(alice, "/usr/bin/p")},
			"/home/bob/l", bobs,
		},
		{
			"link through another's directory",
			nodes{"/home/alice/l": link(alice, "/home/bob/m"), "/home/bob/m": link(0, "/usr/bin/p")},
			"/home/alice/l", bobs,
		},
		{
			"link into another's directory",
			nodes{"/home/alice/l": link(alice, "../bob/bin/p")},
			"/home/alice/l", bobs,
		},
		{
			"another's link in a sticky directory",
			nodes{"/tmp/l": link(bob, "/usr/bin/p")},
			"/tmp/l", "the link /tmp/l belongs to user bob" + move,
		},
	} {
		got, err := fake(tt.extra).resolve(tt.path)
		absent := strings.HasPrefix(tt.want, "there is no program")
		if !absent && !strings.HasPrefix(tt.want, "/") && path.IsAbs(tt.path) {
			tt.want = tt.path + " is not safe to execute: " + tt.want
		}
		check(t, tt.name, got, err, tt.want)
		if errors.Is(err, fs.ErrNotExist) != absent {
			t.Errorf("%s: is absent: %v", tt.name, !absent)
		}
	}
}

func TestDirectory(t *testing.T) {
	for _, tt := range []struct {
		name  string
		extra nodes
		path  string
		want  string
	}{
		{"safe", nil, "/usr/bin", ""},
		{"safe, by a link", nodes{"/bin": link(0, "usr/bin")}, "/bin", ""},
		{"another's", nil, "/home/bob", "the directory /home/bob belongs to user bob"},
		{"below another's", nil, "/home/bob/bin", "the directory /home/bob belongs to user bob"},
		{
			"everyone's",
			nodes{"/usr/bin": dir(0, 0o777)},
			"/usr/bin", "the directory /usr/bin can be changed by everyone => sudo chmod go-w /usr/bin",
		},
		{"sticky", nil, "/tmp", "the directory /tmp can be changed by everyone => sudo chmod go-w /tmp"},
		{"below a sticky one", nodes{"/tmp/d": dir(alice, 0o700)}, "/tmp/d", ""},
		{
			"a group's",
			nodes{"/usr/bin": dir(0, 0o1775).of(staff)},
			"/usr/bin",
			"the directory /usr/bin can be changed by the group staff => sudo chmod go-w /usr/bin",
		},
		{"absent", nil, "/usr/lib", "/usr/lib does not exist"},
	} {
		check(t, tt.name, "", fake(tt.extra).directory(tt.path), tt.want)
	}
}

// Root trusts nobody but root, and needs no sudo.
func TestRoot(t *testing.T) {
	s := fake(nodes{"/usr/bin/p": file(0, 0o757)})
	s.uid = 0
	_, err := s.resolve("/home/alice/p")
	check(t, "a user's", "", err, "/home/alice/p is not safe to execute: "+
		"the directory /home/alice belongs to user alice => move the program into a directory of your "+
		"own or of root's")
	_, err = s.resolve("/usr/bin/p")
	check(t, "everyone's", "", err, "/usr/bin/p is not safe to execute: "+
		"it can be changed by everyone => chmod go-w /usr/bin/p")
}

// On macOS the members of admin can become root: what they can change is as good as
// root's.
func TestAdmins(t *testing.T) {
	extra := nodes{"/opt": dir(0, 0o775).of(admin), "/opt/p": file(alice, 0o775).of(admin)}
	s := fake(extra)
	if _, err := s.resolve("/opt/p"); err == nil {
		t.Error("a group of that number counts elsewhere, too")
	}
	s.admins = admin
	got, err := s.resolve("/opt/p")
	check(t, "admin's", got, err, "/opt/p")
	extra["/opt"] = dir(0, 0o777).of(admin)
	s = fake(extra)
	s.admins = admin
	got, err = s.resolve("/opt/p")
	check(t, "everyone's", got, err, "/opt/p is not safe to execute: "+
		"the directory /opt can be changed by everyone => sudo chmod go-w /opt")
}

func TestPrivateGroup(t *testing.T) {
	with := func(members string) string { return strings.Replace(group, ":1000:", ":1000:"+members, 1) }
	for _, tt := range []struct {
		name           string
		passwd, groups string
		want           bool
	}{
		{"as Debian makes it", lists, group, true},
		{"with herself and root as members", lists, with("alice,root"), true},
		{"another member", lists, with("alice,bob"), false},
		{"another's primary group", lists + "eve:x:1002:1000::/:/bin/sh\n", group, false},
		{"her other name", lists + "al:x:1000:1000::/:/bin/sh\n", with("al"), true},
		{"the group's other name", lists, group + "too:x:1000:bob\n", false},
		{"not her primary group", strings.Replace(lists, "1000:1000", "1000:50", 1), group, false},
		{"she is not listed", strings.Replace(lists, "alice:x:1000", "alice:x:1003", 1), group, false},
		{"the group is not listed", lists, strings.Replace(group, ":1000:", ":1004:", 1), false},
		{"users elsewhere", lists + "+::::::\n", group, false},
		{"groups elsewhere", lists, group + "+:::\n", false},
		{"no user list", "", group, false},
		{"no group list", lists, "", false},
		{"comments and empty lines", "# local\n\n" + lists, "\n#\n" + group, true},
	} {
		if got := (accounts{tt.passwd, tt.groups}).private(alice, alice); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// Whoever can write to the directories that the test binary lies in could be the reason;
// the test names them.
func TestThisSystem(t *testing.T) {
	if got, err := Resolve("/bin/sh"); err != nil || !path.IsAbs(got) {
		t.Errorf("/bin/sh: %q, %v", got, err)
	}
}
