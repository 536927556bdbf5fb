package ipc

import "time"

// limit is until when a call may wait.
type limit struct {
	deadline time.Time
	soon     time.Time
	worth    func() bool // asked once soon has passed: whether to wait on until the deadline; nil: yes
}

// left is how long to wait at most before looking again; nothing is left when it is not
// positive.
func (l *limit) left() time.Duration {
	if l.worth != nil && l.soon.Before(l.deadline) {
		if left := time.Until(l.soon); left > 0 {
			return left
		}
		if !l.worth() {
			l.deadline = l.soon
		}
		l.worth = nil
	}
	return time.Until(l.deadline)
}
