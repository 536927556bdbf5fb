//go:build unix && !darwin

package oskeyring

import "github.com/godbus/dbus/v5"

const promptCompleted = "org.freedesktop.Secret.Prompt.Completed"

// watchPrompts listens on the connection that go-keyring uses, and returns a function
// that reports whether a prompt was dismissed since: go-keyring drops that answer, and
// reports success for an item that a person did not let it store. Signals get here before
// go-keyring sees them, as this channel was registered first.
func watchPrompts() (dismissed func() bool) {
	conn, err := dbus.SessionBus()
	if err != nil {
		return func() bool { return false } // the operation itself will say what is wrong
	}
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	return func() bool {
		for {
			select {
			case s, ok := <-signals:
				if !ok {
					return false
				}
				if isDismissal(s) {
					return true
				}
			default:
				return false
			}
		}
	}
}

func isDismissal(s *dbus.Signal) bool {
	if s.Name != promptCompleted || len(s.Body) == 0 {
		return false
	}
	dismissed, _ := s.Body[0].(bool)
	return dismissed
}
