package oskeyring

import (
	"fmt"
	"strings"

	"github.com/zen-agent/zen/internal/credential"
)

// fault is what can go wrong with a keyring, in the words of the child's protocol.
type fault string

const (
	faultNoBus        fault = "no-bus"
	faultNoService    fault = "no-service"
	faultNoStart      fault = "no-start"
	faultNoCollection fault = "no-collection"
	faultLocked       fault = "locked"    // and nothing here can show the prompt
	faultDismissed    fault = "dismissed" // a person said no
	faultUnanswered   fault = "unanswered"
	faultMissing      fault = "missing"
	faultHung         fault = "hung"
	faultCrashed      fault = "crashed"
	faultNotStored    fault = "not-stored"
	faultWrongData    fault = "wrong-data"
	faultNoChild      fault = "no-child"
	faultOther        fault = "other"
)

// explanation is what a fault means to a person.
type explanation struct {
	reason credential.Reason
	text   string // %s: the detail
	hint   string
}

func explanations() map[fault]explanation {
	const off, refused = credential.KeyringUnavailable, credential.KeyringRefused
	const unlock = "unlock the keyring (Passwords and Keys, KWalletManager, KeePassXC), then: zen unlock"
	const orStatus = ", or see: zen vault status"
	return map[fault]explanation{
		faultNoBus: {off, "the OS keyring cannot be reached: %s", "log in to a desktop session" + orStatus},
		faultNoService: {
			off, "no program here offers an OS keyring (nothing owns org.freedesktop.secrets)",
			"install gnome-keyring, KWallet or KeePassXC" + orStatus,
		},
		faultNoStart: {off, "the OS keyring's program does not start: %s", "start it by hand, then: zen " +
			"unlock"},
		faultNoCollection: {
			off, "the OS keyring has no keyring in it yet",
			"create a keyring named Login (Passwords and Keys)" + orStatus,
		},
		faultLocked:    {off, "the OS keyring is locked and nothing here can show its prompt", unlock},
		faultDismissed: {refused, "the OS keyring's prompt was dismissed", "answer the prompt: zen unlock"},
		faultUnanswered: {refused, "nobody answered the OS keyring's prompt within %s", "answer the " +
			"prompt: zen unlock"},
		faultMissing: {credential.KeyLost, "the OS keyring has no item of this vault", ""},
		faultHung: {off, "the OS keyring did not answer within %s", "restart the keyring's " +
			"program, then: zen unlock"},
		faultCrashed: {off, "the OS keyring failed in the middle of an operation (%s)", "try again: " +
			"zen unlock"},
		faultNotStored: {
			off, "the OS keyring said it stored the key but does not have it",
			"see what is wrong with the keyring's program",
		},
		faultWrongData: {
			off, "the OS keyring gave back something that is not the vault's key",
			"see who else writes the items named " + Service + " in the keyring (Passwords and Keys)",
		},
		faultNoChild: {off, "zend cannot start its keyring process: %s", "start the installed zend: zen " +
			"daemon restart"},
		faultOther: {off, "the OS keyring refused: %s", ""},
	}
}

// explain turns a fault into an error for a person; an unknown one, from a child of
// another version, is faultOther.
func explain(f fault, detail string) error {
	e, ok := explanations()[f]
	if !ok {
		e, detail = explanations()[faultOther], string(f)+" "+detail
	}
	text := e.text
	if strings.Contains(text, "%s") {
		text = fmt.Sprintf(text, detail)
	}
	return &credential.Error{Reason: e.reason, Message: text, Hint: e.hint}
}

func isMissing(err error) bool { return credential.KeyLost.Is(err) }
