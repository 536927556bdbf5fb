package adopt

import "github.com/zen-agent/zen/internal/clientconfig/logins"

// State is what became of a login, or what is to become of it.
type State string

// The states, by the words that zen import prints.
const (
	Planned State = "to import"
	// zen has a login for the registry, and the helper's secret is not known yet
	Comparing State = "to compare"
	Same      State = "in zen"   // zen has the same already
	Conflict  State = "conflict" // zen has another login for the registry
	Done      State = "imported"
	Failed    State = "failed"
	Dropped   State = "dropped" // zen's own login was to be kept
	Restoring State = "to restore"
	Restored  State = "restored" // it is in its old place again
)

// Item is one login on its way.
type Item struct {
	Login   *logins.Login
	Profile string // under which its client asks zen

	State        State
	Verification string // what the registry said; "" when it was not asked
	Why          error  // of a state that is not the wanted one, or of a login that is Left
	Remark       string // what else a person should know
	Answered     bool   // zen answers for the registry, with this login or another one
	Removed      bool   // it is not in its old place any more
	Left         bool   // it should be gone from there; Why says why it is not

	contested error // zen has another one, which gives way if the registry accepts this one
}

// Fail ends the way with an error.
func (it *Item) Fail(err error) { it.State, it.Why, it.Remark = Failed, err, "" }

// Stay says why a login is still in its old place.
func (it *Item) Stay(err error) { it.Left, it.Why, it.Remark = true, err, "" }

// Pending reports whether something is still to be done.
func (it *Item) Pending() bool {
	return it.State == Planned || it.State == Comparing || it.State == Same
}

// Held reports whether zen answers for the registry by now, so that the old place is not
// needed.
func (it *Item) Held() bool { return it.State == Done || it.State == Same || it.State == Dropped }
