package logins

import (
	"encoding/base64"
	"errors"

	"github.com/zen-agent/zen/internal/clientconfig/strict"
	"github.com/zen-agent/zen/internal/credential"
)

var errAuth = errors.New("its auth is not the base64 of USER:PASSWORD")

// decodeAuth takes apart the "auth" of an entry. The secret has bytes of its own, and the
// error says nothing of the content.
func decodeAuth(auth []byte) (username string, secret credential.Secret, err error) {
	username, password, ok := strict.DecodeAuth(auth)
	if !ok {
		return "", credential.Secret{}, errAuth
	}
	return username, credential.NewSecret(password), nil
}

// encodeAuth is the inverse of decodeAuth. The caller clears what it gets.
func encodeAuth(username string, secret credential.Secret) []byte {
	plain := make([]byte, 0, len(username)+1+secret.Len())
	plain = append(append(append(plain, username...), ':'), secret.Reveal()...)
	defer clear(plain)
	return base64.StdEncoding.AppendEncode(make([]byte, 0, base64.StdEncoding.EncodedLen(len(plain))), plain)
}
