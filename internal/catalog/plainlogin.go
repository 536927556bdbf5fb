package catalog

import (
	"bytes"
	"time"

	"github.com/zen-agent/zen/internal/api"
)

// plainLogin reads a login as zen writes it: one object without spaces, of texts without escapes and of booleans. Anything
// else is not ok and left to encoding/json, which gives the same but takes ten times as long: there may be thousands of
// logins, and whoever starts zend waits for all of them. For that too, texts that are the same in another login, like, take no
// memory of their own.
func plainLogin(l *api.Login, public []byte, like *api.Login) bool {
	rest, ok := cutByte(public, '{')
	for ok {
		if rest, ok = plainMember(l, rest, like); string(rest) == "}" {
			return ok
		}
		if ok {
			rest, ok = cutByte(rest, ',')
		}
	}
	return false
}

// plainMember reads the member that s begins with.
func plainMember(l *api.Login, s []byte, like *api.Login) (rest []byte, ok bool) {
	key, s, ok := cutText(s)
	if ok {
		s, ok = cutByte(s, ':')
	}
	if !ok {
		return s, false
	}
	switch to := plainField(l, key).(type) {
	case *string:
		var text []byte
		text, s, ok = cutText(s)
		if *to = *plainField(like, key).(*string); *to != string(text) {
			*to = string(text)
		}
	case *bool:
		s, ok = bytes.CutPrefix(s, []byte("true"))
		*to = ok
	case *time.Time:
		var text []byte
		text, s, ok = cutText(s)
		ok = ok && to.UnmarshalText(text) == nil
	default:
		ok = false
	}
	return s, ok
}

// plainField is where the value of a member goes; nil if zen writes none of that name.
func plainField(l *api.Login, key []byte) any {
	switch string(key) {
	case "id":
		return &l.ID
	case "address":
		return &l.Address
	case "connector_id":
		return &l.ConnectorID
	case "resource_id":
		return &l.ResourceID
	case "source":
		return &l.Source
	case "dir":
		return &l.Dir
	case "profile":
		return &l.Profile
	case "plain_http":
		return &l.PlainHTTP
	case "identity_token":
		return &l.IdentityToken
	case "created":
		return &l.Created
	case "until":
		l.Until = new(time.Time)
		return l.Until
	}
	return nil
}

// cutText takes a text in quotes off s. Without one it returns s.
func cutText(s []byte) (text, rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '"' {
		return nil, s, false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[1:i], s[i+1:], true
		case c < ' ' || c >= 0x7f || c == '\\':
			return nil, s, false
		}
	}
	return nil, s, false
}

// cutByte takes b off s. Without it, it returns s.
func cutByte(s []byte, b byte) (rest []byte, ok bool) {
	if len(s) == 0 || s[0] != b {
		return s, false
	}
	return s[1:], true
}
