package broker

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"

	"github.com/zen-agent/zen/internal/credential"
)

// servedPerLogin bounds how many different credentials are remembered per login.
const servedPerLogin = 8

// servedSet remembers, as keyed digests, which credentials were handed out, so that a client which stores what it was just
// given (docker login does: docker/cli, loginWithStoredCredentials) does not turn a minted token into a password. It holds
// no secret; the key lives as long as the process.
type servedSet struct {
	key [sha256.BlockSize]byte
	by  map[string][][sha256.Size]byte // login id -> newest last
}

func newServedSet() servedSet {
	s := servedSet{by: make(map[string][][sha256.Size]byte)}
	rand.Read(s.key[:])
	return s
}

// digest is SHA-256 of key, lengths and texts, filled up to whole blocks: a hash keeps a copy of what does not fill one, and
// hmac.New, which would be the usual way, leaves it on the heap, where a get's secret must not stay. Nobody sees a digest, so
// that it could be continued does not matter.
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

// latest reports whether d is the newest digest of the login, which spares add on the hot path.
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
