package logins

import (
	"bytes"
	"encoding/base64"
	"errors"

	"github.com/zen-agent/zen/internal/credential"
)

var errAuth = errors.New("its auth is not the base64 of USER:PASSWORD")

// decodeAuth takes apart what docker, podman and helm keep as "auth": base64 of user
// name, colon and password, without the NULs at the ends of the password (docker/cli,
// configfile.decodeAuth). The secret has bytes of its own.
func decodeAuth(auth []byte) (username string, secret credential.Secret, err error) {
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(auth)))
	defer clear(decoded)
	n, err := base64.StdEncoding.Decode(decoded, auth)
	if err != nil {
		return "", credential.Secret{}, errAuth // the decoder's own error tells of the content
	}
	user, password, ok := bytes.Cut(decoded[:n], []byte(":"))
	if !ok || len(user) == 0 {
		return "", credential.Secret{}, errAuth
	}
	return string(user), credential.NewSecret(bytes.Clone(bytes.Trim(password, "\x00"))), nil
}

// encodeAuth is the inverse of decodeAuth. The caller clears what it gets.
func encodeAuth(username string, secret credential.Secret) []byte {
	plain := make([]byte, 0, len(username)+1+secret.Len())
	plain = append(append(append(plain, username...), ':'), secret.Reveal()...)
	defer clear(plain)
	return base64.StdEncoding.AppendEncode(make([]byte, 0, base64.StdEncoding.EncodedLen(len(plain))), plain)
}
