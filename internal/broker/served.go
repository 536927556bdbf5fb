package broker

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"

	"github.com/zen-agent/zen/internal/credential"
)

// servedPerLogin bounds how many different credentials are remembered per login.
const servedPerLogin = 8

// servedSet remembers, as keyed digests, which credentials were handed out, so that a client which stores what it was just
// given (docker login does: docker/cli, loginWithStoredCredentials) does not turn a minted token into a password. It holds
// no secret; the key lives as long as the process.
type servedSet struct {
	key []byte
	by  map[string][][sha256.Size]byte // login id -> newest last
}

func newServedSet() servedSet {
	key := make([]byte, sha256.Size)
	rand.Read(key)
	return servedSet{key: key, by: make(map[string][][sha256.Size]byte)}
}

func (s servedSet) digest(username string, secret credential.Secret) (sum [sha256.Size]byte) {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(username))
	m.Write([]byte{0})
	m.Write(secret.Reveal())
	m.Sum(sum[:0])
	return sum
}

// latest reports whether d is the newest digest of the login, which spares add on the hot path.
func (s servedSet) latest(login string, d [sha256.Size]byte) bool {
	l := s.by[login]
	return len(l) > 0 && l[len(l)-1] == d
}

func (s servedSet) add(login string, d [sha256.Size]byte) {
	l := append(s.by[login], d)
	if len(l) > servedPerLogin {
		l = l[len(l)-servedPerLogin:]
	}
	s.by[login] = l
}

func (s servedSet) contains(login string, d [sha256.Size]byte) bool {
	for _, have := range s.by[login] {
		if hmac.Equal(have[:], d[:]) {
			return true
		}
	}
	return false
}
