package broker

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// usage is what is remembered of the logins that were used, in memory only.
type usage struct {
	mu     sync.Mutex
	last   map[string]time.Time // login id -> last get
	names  map[string]string    // login id -> user name last served, while unlocked
	served servedSet
}

func newUsage() *usage {
	return &usage{last: make(map[string]time.Time), names: make(map[string]string), served: newServedSet()}
}

// note remembers when a login was used, by which user name, and what was handed out.
func (u *usage) note(id string, cred credential.Credential, now time.Time) {
	d := u.served.digest(cred.Username, cred.Secret)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last[id], u.names[id] = now, cred.Username
	if !u.served.latest(id, d) {
		u.served.add(id, d)
	}
}

func (u *usage) wasServed(id string, cred credential.Credential) bool {
	d := u.served.digest(cred.Username, cred.Secret)
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.served.contains(id, d)
}

func (u *usage) name(id string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.names[id]
}

func (u *usage) setName(id, name string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.names[id] = name
}

// lastUse is when a login was used; nil if it was not.
func (u *usage) lastUse(id string) *time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	t, ok := u.last[id]
	if !ok {
		return nil
	}
	return &t
}

func (u *usage) forget(logins []api.Login) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, l := range logins {
		delete(u.last, l.ID)
		delete(u.names, l.ID)
		delete(u.served.by, l.ID)
	}
}

// lock forgets what must not be known of a locked vault.
func (u *usage) lock() {
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.names)
	clear(u.served.by)
}

// servedPerLogin bounds how many different credentials are remembered per login.
const servedPerLogin = 8

// servedSet remembers, as keyed digests, which credentials were handed out, so that a
// client which stores what it was just given (docker login does: docker/cli,
// loginWithStoredCredentials) does not turn a minted token into a password. It holds no
// secret; the key lives as long as the process.
type servedSet struct {
	key [sha256.BlockSize]byte
	by  map[string][][sha256.Size]byte // login id -> newest last
}

func newServedSet() servedSet {
	s := servedSet{by: make(map[string][][sha256.Size]byte)}
	rand.Read(s.key[:])
	return s
}

// digest is SHA-256 of key, lengths and texts, filled up to whole blocks: a hash keeps a
// copy of what does not fill one, and hmac.New, which would be the usual way, leaves it
// on the heap, where a get's secret must not stay. Nobody sees a digest, so that it could
// be continued does not matter.
func (s *servedSet) digest(username string, secret credential.Secret) [sha256.Size]byte {
	text := secret.Reveal()
	size := len(s.key) + 16 + len(username) + len(text)
	size += -size & (sha256.BlockSize - 1)
	b := make([]byte, size)
	defer clear(b)
	at := copy(b, s.key[:])
	binary.BigEndian.PutUint64(b[at:], uint64(len(username)))
	binary.BigEndian.PutUint64(b[at+8:], uint64(len(text)))
	at += 16
	at += copy(b[at:], username)
	copy(b[at:], text)
	return sha256.Sum256(b)
}

// latest reports whether d is the newest digest of the login, which spares add on the hot
// path.
func (s *servedSet) latest(login string, d [sha256.Size]byte) bool {
	l := s.by[login]
	return len(l) > 0 && l[len(l)-1] == d
}

func (s *servedSet) add(login string, d [sha256.Size]byte) {
	l := append(s.by[login], d)
	if len(l) > servedPerLogin {
		l = l[len(l)-servedPerLogin:]
	}
	s.by[login] = l
}

func (s *servedSet) contains(login string, d [sha256.Size]byte) bool {
	for _, have := range s.by[login] {
		if subtle.ConstantTimeCompare(have[:], d[:]) == 1 {
			return true
		}
	}
	return false
}
