package execsafe

// admins is the group admin of macOS: its members may use sudo for everything, and
// Homebrew's directories are theirs.
const admins = 80

// hasACL is asked only where a group is private, which no user's on macOS is: Open
// Directory has them, not /etc/passwd.
func hasACL(string) bool { return true }
