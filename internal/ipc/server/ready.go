//go:build unix

package server

import (
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/ipc"
)

// Ready tells the client that started this zend how it went. A nil Ready tells nobody.
type Ready struct {
	once sync.Once
	pipe *os.File
}

// InheritedReady returns the Ready of the pipe that a client passed, or nil when this
// zend was started otherwise. The variable is removed and the descriptor closed to
// children.
func InheritedReady() *Ready {
	fd, err := strconv.Atoi(take(ipc.ReadyVariable))
	if err != nil || fd < firstPassed {
		return nil
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil
	}
	unix.CloseOnExec(fd)
	return &Ready{pipe: os.NewFile(uintptr(fd), "ready")}
}

// Done says that zend serves.
func (r *Ready) Done() { r.tell([]byte(ipc.ReadyLine)) }

// Failed says why zend does not serve. It does nothing with a nil error or after Done.
func (r *Ready) Failed(err error) {
	if err != nil {
		r.tell(ipc.AppendError([]byte(ipc.FailedPrefix), err))
	}
}

// tell writes the one line. Nobody may be reading any more, which does not matter.
func (r *Ready) tell(line []byte) {
	if r == nil {
		return
	}
	r.once.Do(func() {
		_, _ = r.pipe.Write(append(line, '\n'))
		_ = r.pipe.Close()
	})
}
