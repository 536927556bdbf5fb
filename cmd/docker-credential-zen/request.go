package main

import (
	"bytes"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/paths"
	"github.com/zen-agent/zen/internal/safejson"
)

// request is one call of zend.
type request struct {
	dir, profile string // of the client
	limit        time.Duration
	deadline     time.Time // the limit from the start
	client       ipc.Client
	refused      error  // why zend is not asked
	room         []byte // for what is sent and answered; what does not fit has memory of its own
}

// roomSize is what the room of a request has at first, in bytes. A program that lives for
// a millisecond spends most of it on page faults: memory in one piece has the fewest.
const roomSize = 16 << 10

// call calls zend. What params puts at the start of the room stays there until it was
// sent. wait is asked once, if the answer takes longer than patience, whether it is worth
// waiting for; nil waits until the deadline.
func (r *request) call(method string, params []byte, wait func() bool) (ipc.Reply, error) {
	if r.refused != nil {
		return ipc.Reply{}, r.refused
	}
	r.client.Wait = wait
	if len(params) <= len(r.room)/2 {
		r.client.Buffer = r.room[len(params) : len(r.room)/2] // the other half is the answer's
	}
	return r.client.Call(method, params, r.deadline)
}

// patience is how long a zend that hangs may keep somebody from a public image. Answering
// for an address that nobody is logged in to takes it no work at all.
const patience = 700 * time.Millisecond

// get answers with the credential. An address that nobody is logged in to is not found
// whatever happens to zend: since docker 29 any other error stops a pull, of a public
// image too.
func (r *request) get(input []byte) answer {
	url, addr, err := parseServerURL(input)
	if err != nil {
		return failed(err)
	}
	reply, err := r.call(api.MethodGet, r.params(url), func() bool { return r.mayKnow(addr) })
	defer reply.Wipe()
	if err != nil {
		return r.notServed(addr, err)
	}
	out, err := credentialJSON(r.room[len(r.room)/2:][:0], url, reply.Result)
	if err != nil {
		return failed(err)
	}
	return succeeded(out)
}

// notServed answers for a zend that gave no credential.
func (r *request) notServed(addr address.Address, err error) answer {
	switch {
	case credential.NotLoggedIn.Is(err):
		return refused(notFoundText)
	case r.knows(addr) != yes:
		return refused(notFoundText).withNote(err)
	}
	return failed(err)
}

// credentialJSON makes the protocol's answer of zend's, in dst if it has room. The
// address is echoed as the client spelled it.
func credentialJSON(dst []byte, url string, result []byte) ([]byte, error) {
	var username, secret []byte
	err := safejson.Members(result, func(key, value []byte) error {
		switch name := string(key); name {
		case "Username":
			username = value
			return mustBeText(name, value)
		case "Secret":
			secret = value
			return mustBeText(name, value)
		}
		return nil
	})
	// Without one of them clients would go on anonymously without a word.
	if err != nil || len(username) <= len(`""`) || len(secret) <= len(`""`) {
		return nil, credential.NewError(credential.Internal, "zend answered with something that is no "+
			"credential", "zen daemon restart")
	}
	shown := safejson.Escape(username)
	out := dst
	if most := 6*len(url) + len(shown) + len(secret) + 64; cap(out) < most {
		out = make([]byte, 0, most)
	}
	out = append(out, `{"ServerURL":`...)
	out = safejson.AppendString(out, url)
	out = append(out, `,"Username":`...)
	out = append(out, shown...)
	out = append(out, `,"Secret":`...)
	out = append(out, secret...)
	return append(out, '}'), nil
}

func (r *request) store(input []byte) answer {
	l, err := parseLogin(input)
	if err != nil {
		return failed(err)
	}
	params := make([]byte, 0, 6*(len(l.url)+len(l.username)+len(r.dir)+len(r.profile))+len(l.secret)+128)
	params = append(params, `{"Secret":`...)
	params = append(params, l.secret...)
	params = append(params, `,"Username":`...)
	params = safejson.AppendString(params, l.username)
	params = append(params, ',')
	params = r.appendMembers(params, l.url)
	defer clear(params)
	reply, err := r.call(api.MethodStore, params, nil)
	defer reply.Wipe()
	if err != nil {
		return failed(err)
	}
	return succeeded(nil)
}

// erase succeeds when there was nothing to erase, also when only the host index could be
// asked.
func (r *request) erase(input []byte) answer {
	url, addr, err := parseServerURL(input)
	if err != nil {
		return failed(err)
	}
	reply, err := r.call(api.MethodErase, r.params(url), nil)
	defer reply.Wipe()
	if err != nil && !credential.NotLoggedIn.Is(err) && r.knows(addr) != no {
		return failed(err)
	}
	return succeeded(nil)
}

// list answers with the user names by address.
func (r *request) list() answer {
	reply, err := r.call(api.MethodList, r.params(""), nil)
	defer reply.Wipe()
	if err != nil {
		if r.knowsAny() == no {
			return succeeded([]byte("{}"))
		}
		return failed(err)
	}
	items := []byte("{}")
	var note, hint string
	err = safejson.Members(reply.Result, func(key, value []byte) (err error) {
		switch name := string(key); name {
		case "items":
			items = value
			return safejson.Strings(value, func(string, []byte) {})
		case "note":
			note, err = text(name, value)
		case "hint":
			hint, err = text(name, value)
		}
		return err
	})
	if err != nil {
		return failed(credential.NewError(credential.Internal, "zend answered with something that is no "+
			"list", "zen daemon restart"))
	}
	out := succeeded(bytes.Clone(safejson.Escape(items)))
	if note != "" && r.knowsAny() != no {
		return out.withNote(credential.NewError(credential.Locked, note, hint))
	}
	return out
}

// params are those of get, erase and list.
func (r *request) params(url string) []byte {
	return r.appendMembers(append(r.room[:0:len(r.room)], '{'), url)
}

// appendMembers appends what all actions send, and the end of the object.
func (r *request) appendMembers(dst []byte, url string) []byte {
	for _, m := range []struct{ name, value string }{
		{"ServerURL", url},
		{"dir", r.dir},
		{"profile", r.profile},
	} {
		if m.value == "" {
			continue
		}
		if last := dst[len(dst)-1]; last != '{' && last != ',' {
			dst = append(dst, ',')
		}
		dst = append(safejson.AppendString(dst, m.name), ':')
		dst = safejson.AppendString(dst, m.value)
	}
	return append(dst, '}')
}

// knows reports what the host index says about an address: whether somebody is logged in
// to it or to what is above it.
func (r *request) knows(a address.Address) known {
	return inIndex(func(have address.Address) bool { return have.Covers(a) })
}

// mayKnow reports whether zend is worth waiting for: somebody may be logged in. Without
// an index, nobody ever was if there is no vault either.
func (r *request) mayKnow(a address.Address) bool {
	k := r.knows(a)
	if k != unknown {
		return k == yes
	}
	dirs, err := paths.Find()
	return err != nil || unix.Lstat(dirs.Vault(), new(unix.Stat_t)) != unix.ENOENT
}

func (r *request) knowsAny() known {
	return inIndex(func(address.Address) bool { return true })
}
