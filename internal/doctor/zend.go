package doctor

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/safetext"
)

// States of the vault, as zend reports them (api.VaultStatus).
const (
	stateAbsent   = "absent"
	stateUnlocked = "unlocked"
	stateLocked   = "locked"
)

// startHint makes the checks possible that need a zend.
const startHint = "zen doctor --start"

// oneZend: a second zend cannot open the vault as long as the first one has it.
func oneZend(_ context.Context, f Facts) []Result {
	if f.DirsErr != nil {
		return nil
	}
	var found []Result
	for _, socket := range f.Others {
		found = append(found, Result{
			Status: Problem,
			Message: "another zend of yours listens at " + safetext.Name(socket) + "; only one of them " +
				"can have the vault",
			Hint: "ZEN_SOCKET=" + safetext.ShellWord(socket) + " zen daemon stop",
		})
	}
	return otherwise(found, "there is no second zend")
}

// zend: whether it runs, or could.
func zend(_ context.Context, f Facts) []Result {
	z := f.Zend
	switch {
	case z.Status != nil:
		return fine("zend " + z.Status.Version + " runs (process " + strconv.Itoa(z.Status.PID) + ")")
	case z.Problem != "":
		return one(Problem, z.Problem, z.Hint)
	}
	return fine("zend does not run; the next client starts " + safetext.Name(z.Program))
}

func zendVersion(_ context.Context, f Facts) []Result {
	if f.Zend.Status == nil {
		return nil
	}
	if v := f.Zend.Status.Version; v != f.Version {
		return one(Warning, "zend is of version "+v+", zen of version "+f.Version, "zen daemon restart")
	}
	return fine("zend and zen are of version " + f.Version)
}

// zendNotices are what zend itself wants people to know, without what it did and what
// other checks tell.
func zendNotices(_ context.Context, f Facts) []Result {
	if f.Zend.Status == nil {
		return nil
	}
	told := f.diagnoses(clientconfig.PlainText, clientconfig.Leftover, clientconfig.Unreadable)
	var found []Result
	for _, n := range f.Zend.Status.Notices {
		if n.Done || n.Urgent ||
			slices.ContainsFunc(told, func(p clientconfig.Problem) bool { return p.Message == n.Text }) {
			continue
		}
		found = append(found, Result{Status: Warning, Message: n.Text, Hint: n.Hint})
	}
	return otherwise(found, "zend has no notices")
}

// vault: whether credentials can be taken out of it.
func vault(_ context.Context, f Facts) []Result {
	if f.Zend.Status == nil {
		if _, err := os.Lstat(f.Dirs.Vault()); f.DirsErr == nil && os.IsNotExist(err) {
			return fine("there is no vault yet; the first login makes one")
		}
		return one(Skipped, "zend does not run, and only zend can tell whether the vault opens", startHint)
	}
	v := f.Zend.Status.Vault
	switch {
	case v.State == stateAbsent:
		return fine("there is no vault yet; the first login makes one")
	case v.State == stateUnlocked && v.Problem == "":
		return fine("it is open")
	case v.State == stateUnlocked:
		return one(Warning, v.Problem, v.Hint)
	case v.State == stateLocked && v.Problem == "":
		return fine("nobody needed it since zend was started; the first use opens it")
	case v.Problem == "":
		return one(Problem, "it is "+v.State, "zen vault status")
	}
	return one(Problem, v.State+": "+v.Problem, v.Hint)
}

// vaultKey: a key that nothing keeps beyond the next boot takes everything in the vault
// with it.
func vaultKey(_ context.Context, f Facts) []Result {
	if f.Zend.Status == nil || len(f.Zend.Status.Vault.Slots) == 0 {
		return nil
	}
	ends, message := map[string]string{
		"session": "with the next boot of the machine",
		"memory":  "when zend does",
	}, ""
	var kept []string
	for _, slot := range f.Zend.Status.Vault.Slots {
		end, short := ends[slot.Kind]
		if !short {
			kept = append(kept, slot.Kind+": "+slot.Detail)
			continue
		}
		message = "every login ends " + end + ", since nothing else keeps the vault's key: " + slot.Detail
	}
	if len(kept) == 0 {
		return one(Warning, message, "zen vault passphrase")
	}
	return fine(strings.Join(kept, "; "))
}

// sshSession: macOS keeps the login keychain from programs that were started over SSH
// (errSecInteractionNotAllowed, -25308).
func sshSession(_ context.Context, f Facts) []Result {
	if f.OS != "darwin" {
		return nil
	}
	if f.Env.Getenv("SSH_CONNECTION") == "" && f.Env.Getenv("SSH_TTY") == "" {
		return fine("this is no SSH session")
	}
	if s := f.Zend.Status; s != nil && s.Vault.State == stateUnlocked {
		return fine("this is an SSH session, and zend has the vault open already")
	}
	return one(Warning, "this is an SSH session: macOS does not let a zend that is started in it use the "+
		"login keychain (error -25308)",
		"start it on the Mac's own screen: zen daemon start; or here: security unlock-keychain")
}

// logins: those that would fail, unless it is because of the vault or of config.toml.
func logins(_ context.Context, f Facts) []Result {
	s := f.Zend.Status
	if s == nil || s.Vault.State != stateUnlocked && s.Vault.Problem != "" || f.urgent() != nil {
		return nil
	}
	var found []Result
	for _, l := range s.Logins {
		if l.Problem == "" || l.Problem == s.Vault.Problem {
			continue
		}
		hint := "docker login " + safetext.ShellWord(l.ServerURL)
		if l.ConnectorName != "" {
			hint = "zen service-connector verify " + safetext.ShellWord(l.ConnectorName)
		}
		found = append(found, Result{Status: Problem, Message: l.Address + ": " + l.Problem, Hint: hint})
	}
	if len(s.Logins) == 0 {
		return fine("not logged in to any registry")
	}
	return otherwise(found, strconv.Itoa(len(s.Logins))+" logged in, no known problems")
}

// loggedIn reports whether zen has a login for a registry, or for a repository on it.
func (f Facts) loggedIn(registry string) bool {
	return f.Zend.Status != nil && slices.ContainsFunc(f.Zend.Status.Logins, func(l api.Login) bool {
		host, _, _ := strings.Cut(l.Address, "/")
		return host == registry
	})
}
