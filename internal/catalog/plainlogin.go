package catalog

import (
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/api"
)

// plainLogin reads a login as zen writes it: one object without spaces, of texts without escapes and of booleans. Anything
// else is not ok and left to encoding/json, which gives the same but takes ten times as long: there may be thousands of
// logins, and whoever starts zend waits for all of them. The texts are parts of one string.
func plainLogin(l *api.Login, public []byte) bool {
	rest, ok := strings.CutPrefix(string(public), "{")
	for ok {
		if rest, ok = plainMember(l, rest); rest == "}" {
			return ok
		}
		if ok {
			rest, ok = strings.CutPrefix(rest, ",")
		}
	}
	return false
}

// plainMember reads the member that s begins with.
func plainMember(l *api.Login, s string) (rest string, ok bool) {
	key, s, ok := cutText(s)
	if ok {
		s, ok = strings.CutPrefix(s, ":")
	}
	if !ok {
		return s, false
	}
	switch to := plainField(l, key).(type) {
	case *string:
		*to, s, ok = cutText(s)
	case *bool:
		s, ok = strings.CutPrefix(s, "true")
		*to = ok
	case *time.Time:
		var text string
		text, s, ok = cutText(s)
		ok = ok && to.UnmarshalText([]byte(text)) == nil
	default:
		ok = false
	}
	return s, ok
}

// plainField is where the value of a member goes; nil if zen writes none of that name.
func plainField(l *api.Login, key string) any {
	switch key {
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
func cutText(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[1:i], s[i+1:], true
		case c < ' ' || c >= 0x7f || c == '\\':
			return "", s, false
		}
	}
	return "", s, false
}
