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
		var key, value string
		if key, rest, ok = cutText(rest); !ok {
			break
		}
		if rest, ok = strings.CutPrefix(rest, ":"); !ok {
			break
		}
		if value, rest, ok = cutText(rest); ok {
			ok = setText(l, key, value)
		} else if rest, ok = strings.CutPrefix(rest, "true"); ok {
			ok = setTrue(l, key)
		}
		if rest == "}" {
			return ok
		}
		if ok {
			rest, ok = strings.CutPrefix(rest, ",")
		}
	}
	return false
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

func setText(l *api.Login, key, value string) bool {
	switch key {
	case "id":
		l.ID = value
	case "address":
		l.Address = value
	case "connector_id":
		l.ConnectorID = value
	case "resource_id":
		l.ResourceID = value
	case "source":
		l.Source = value
	case "dir":
		l.Dir = value
	case "profile":
		l.Profile = value
	case "created":
		return l.Created.UnmarshalText([]byte(value)) == nil
	case "until":
		l.Until = new(time.Time)
		return l.Until.UnmarshalText([]byte(value)) == nil
	default:
		return false
	}
	return true
}

func setTrue(l *api.Login, key string) bool {
	switch key {
	case "plain_http":
		l.PlainHTTP = true
	case "identity_token":
		l.IdentityToken = true
	default:
		return false
	}
	return true
}
