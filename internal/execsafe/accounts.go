package execsafe

import (
	"slices"
	"strconv"
	"strings"

	"github.com/zen-agent/zen/internal/paths"
)

// accounts are the contents of /etc/passwd and /etc/group (passwd(5), group(5)); "" if
// unreadable.
type accounts struct{ passwd, groups string }

// maxAccounts is how much of a list is read, in bytes: tens of thousands of users.
const maxAccounts = 4 << 20

func readAccounts() accounts {
	return accounts{passwd: readList("/etc/passwd"), groups: readList("/etc/group")}
}

// readList returns nothing rather than a part of a list.
func readList(name string) string {
	content, err := paths.ReadFile(name, maxAccounts)
	if err != nil || len(content) == maxAccounts {
		return ""
	}
	return string(content)
}

// private reports whether gid is the primary group of the user uid, with nobody else in
// it: the group that Debian, Fedora and others make for each user, whose home and what is
// made there are then writable by the group. It is so only if the lists say so: a user
// whom a directory service knows is not in them, nor is whom it puts into a group, so
// that group counts as shared.
func (a accounts) private(uid, gid int) bool {
	own, users, ok := []string{}, rows(a.passwd), false
	for _, u := range users {
		id, err1 := strconv.Atoi(u[2])
		primary, err2 := strconv.Atoi(u[3])
		switch {
		case err1 != nil || err2 != nil: // as "+", which stands for the users of a directory service
			return false
		case id == uid:
			ok = ok || primary == gid
			own = append(own, u[0])
		case id == 0: // can do everything anyway
			own = append(own, u[0])
		case primary == gid:
			return false
		}
	}
	if !ok {
		return false
	}
	ok = false
	for _, g := range rows(a.groups) {
		id, err := strconv.Atoi(g[2])
		if err != nil {
			return false
		}
		if id != gid {
			continue
		}
		ok = true
		for member := range strings.SplitSeq(g[3], ",") {
			if member != "" && !slices.Contains(own, member) {
				return false
			}
		}
	}
	return ok
}

// user names a user for a person.
func (a accounts) user(uid int) string { return "user " + nameOf(a.passwd, uid) }

// group names a group for a person.
func (a accounts) group(gid int) string { return "the group " + nameOf(a.groups, gid) }

// nameOf is the first name with a number in a list, else the number.
func nameOf(list string, id int) string {
	number := strconv.Itoa(id)
	for _, row := range rows(list) {
		if row[2] == number {
			return row[0]
		}
	}
	return number
}

// rows are the lines of a list, each with at least four fields.
func rows(list string) (all [][]string) {
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, ":")
		for len(fields) < 4 {
			fields = append(fields, "")
		}
		all = append(all, fields)
	}
	return all
}
