package keystore

import "unicode/utf8"

// maxDepth bounds the nesting of a record's public part.
const maxDepth = 64

// validJSON reports whether b is exactly one JSON value (RFC 8259) in valid UTF-8, without white space around its parts and
// at most maxDepth deep. encoding/json's Valid takes five times as long, which shows when 10,000 records are opened.
func validJSON(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	end, ok := skipValue(b, 0, 0)
	return ok && end == len(b)
}

// skipValue returns the index after the value that starts at i.
func skipValue(b []byte, i, depth int) (int, bool) {
	if i >= len(b) || depth >= maxDepth && (b[i] == '{' || b[i] == '[') {
		return i, false
	}
	switch b[i] {
	case '{':
		return skipObject(b, i+1, depth+1)
	case '[':
		return skipArray(b, i+1, depth+1)
	case '"':
		return skipString(b, i+1)
	case 't':
		return skipWord(b, i, "true")
	case 'f':
		return skipWord(b, i, "false")
	case 'n':
		return skipWord(b, i, "null")
	}
	return skipNumber(b, i)
}

func skipObject(b []byte, i, depth int) (int, bool) {
	if i < len(b) && b[i] == '}' {
		return i + 1, true
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return i, false
		}
		var ok bool
		if i, ok = skipString(b, i+1); !ok || i >= len(b) || b[i] != ':' {
			return i, false
		}
		if i, ok = skipValue(b, i+1, depth); !ok || i >= len(b) {
			return i, false
		}
		if b[i] != ',' {
			return i + 1, b[i] == '}'
		}
		i++
	}
}

func skipArray(b []byte, i, depth int) (int, bool) {
	if i < len(b) && b[i] == ']' {
		return i + 1, true
	}
	for {
		var ok bool
		if i, ok = skipValue(b, i, depth); !ok || i >= len(b) {
			return i, false
		}
		if b[i] != ',' {
			return i + 1, b[i] == ']'
		}
		i++
	}
}

// skipString starts after the opening quote and returns the index after the closing one.
func skipString(b []byte, i int) (int, bool) {
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			return i + 1, true
		case c < ' ':
			return i, false
		case c == '\\':
			n, ok := skipEscape(b, i+1)
			if !ok {
				return i, false
			}
			i = n
		default:
			i++
		}
	}
	return i, false
}

func skipEscape(b []byte, i int) (int, bool) {
	if i >= len(b) {
		return i, false
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1, true
	case 'u':
		if len(b)-i < 5 {
			return i, false
		}
		for _, c := range b[i+1 : i+5] {
			if !isHex(c) {
				return i, false
			}
		}
		return i + 5, true
	}
	return i, false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func skipWord(b []byte, i int, word string) (int, bool) {
	end := i + len(word)
	return end, end <= len(b) && string(b[i:end]) == word
}

func skipNumber(b []byte, i int) (int, bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	start := i
	if i = skipDigits(b, i); i == start || (b[start] == '0' && i > start+1) {
		return i, false
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = skipDigits(b, start); i == start {
			return i, false
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		if i = skipDigits(b, start); i == start {
			return i, false
		}
	}
	return i, true
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}
