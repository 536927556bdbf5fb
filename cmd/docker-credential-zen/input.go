package main

import (
	"bytes"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
	"github.com/zen-agent/zen/internal/safetext"
)

// maxInput is the number of bytes that are read: 1 MiB, far more than any registry's
// token.
const maxInput = 1 << 20

// What the protocol has helpers say, to the letter: clients compare
// (docker-credential-helpers, credentials/error.go).
const (
	notFoundText        = "credentials not found in native keychain"
	missingServerURL    = "no credentials server URL"
	missingUsername     = "no credentials username"
	stdinClosedTooLate  = "nothing ended the input within "
	stdinTooLarge       = "the input is larger than 1 MiB"
	hintInputIsExpected = "the registry's address is read from standard input: echo ghcr.io " +
		"| " + programName + " get"
)

// protocolError is an error whose text clients compare: nothing is put before it.
type protocolError string

func (e protocolError) Error() string { return string(e) }

// readInput reads fd to its end, into room if that suffices. It fails when there is more
// than maxInput, or no end before the deadline. The caller clears what is returned, also
// with an error.
func readInput(fd int, room []byte, deadline time.Time, limit time.Duration) ([]byte, error) {
	buf := room[:0:len(room)]
	for {
		if !await(fd, unix.POLLIN, deadline) {
			return buf, credential.NewError(
				credential.Timeout,
				stdinClosedTooLate+limit.String(),
				hintInputIsExpected,
			)
		}
		if len(buf) == cap(buf) {
			bigger := make([]byte, len(buf), min(max(4*cap(buf), 4096), maxInput+1))
			copy(bigger, buf)
			clear(buf)
			buf = bigger
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
			continue
		case err != nil:
			return buf, credential.NewError(credential.InvalidInput, "the input cannot be "+
				"read: "+err.Error(), "")
		case n == 0:
			return buf, nil
		}
		if buf = buf[:len(buf)+n]; len(buf) > maxInput {
			return buf, credential.NewError(credential.TooLarge, stdinTooLarge, "")
		}
	}
}

// await waits until fd is ready or broken, which the next call on it will tell, and
// reports false when the time is over.
func await(fd int, events int16, deadline time.Time) bool {
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return false
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
		n, err := unix.Poll(fds, int(left.Milliseconds())+1)
		if n > 0 || err != nil && err != unix.EINTR {
			return true
		}
	}
}

// parseServerURL returns the address that get and erase are about, as the client spelled
// it. One line ending is not a part of it; any further control character is refused rather
// than joined over: "ghc\nr.io" is not ghcr.io.
func parseServerURL(input []byte) (string, address.Address, error) {
	line, _ := bytes.CutSuffix(input, []byte{'\n'})
	if len(line) < len(input) {
		line, _ = bytes.CutSuffix(line, []byte{'\r'})
	}
	return checkServerURL(string(bytes.Trim(line, " ")))
}

func checkServerURL(url string) (string, address.Address, error) {
	if url == "" {
		return "", address.Address{}, protocolError(missingServerURL)
	}
	a, _, err := address.ParseURL(url)
	return url, a, err
}

// login is what store receives.
type login struct {
	url      string
	username string
	secret   []byte // the JSON string as it was written, part of the input
}

// parseLogin reads the input of store. Members it does not know are ignored.
func parseLogin(input []byte) (login, error) {
	l := login{secret: []byte(`""`)}
	err := safejson.Members(input, func(key, value []byte) (err error) {
		switch name := string(key); name {
		case "ServerURL":
			l.url, err = text(name, value)
		case "Username":
			l.username, err = text(name, value)
		case "Secret":
			l.secret = value
			err = checkSecret(name, value)
		}
		return err
	})
	if err != nil {
		return login{}, credential.NewError(credential.InvalidInput,
			"the input of store cannot be used: "+err.Error(), `it reads `+
				`{"ServerURL":"...","Username":"...","Secret":"..."}`)
	}
	l.url = strings.Trim(l.url, " ")
	return l, l.check()
}

func (l login) check() error {
	if _, _, err := checkServerURL(l.url); err != nil {
		return err
	}
	switch {
	case l.username == "":
		return protocolError(missingUsername)
	case strings.ContainsFunc(l.username, safetext.IsControl):
		return credential.NewError(credential.InvalidInput, "the user name has a control character in it", "")
	case string(l.secret) == `""`:
		// Served back, it would make clients go on anonymously without a word.
		return credential.NewError(credential.InvalidInput, "the secret is empty", "")
	}
	return nil
}

func text(name string, value []byte) (string, error) {
	if err := mustBeText(name, value); err != nil {
		return "", err
	}
	decoded, err := safejson.Unquote(value)
	return string(decoded), err
}

// checkSecret refuses what zend could not decode.
func checkSecret(name string, value []byte) error {
	if err := mustBeText(name, value); err != nil {
		return err
	}
	decoded, err := safejson.Unquote(value)
	safejson.Wipe(decoded)
	return err
}

func mustBeText(name string, value []byte) error {
	if value[0] != '"' {
		return credential.NewError(credential.InvalidInput, name+" is not a string", "")
	}
	return nil
}
