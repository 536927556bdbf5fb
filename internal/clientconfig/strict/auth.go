package strict

import (
	"bytes"
	"encoding/base64"
)

// DecodeAuth takes apart what docker, podman and helm keep as "auth": base64 of user
// name, colon and password, without the NULs at the ends of the password (docker/cli,
// configfile.decodeAuth). ok is false for what docker refuses. The caller clears the
// password, which has bytes of its own.
func DecodeAuth(auth []byte) (username string, password []byte, ok bool) {
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(auth)))
	defer clear(decoded)
	n, err := base64.StdEncoding.Decode(decoded, auth)
	user, rest, found := bytes.Cut(decoded[:n], []byte(":"))
	if err != nil || !found || len(user) == 0 {
		return "", nil, false
	}
	return string(user), bytes.Clone(bytes.Trim(rest, "\x00")), true
}
