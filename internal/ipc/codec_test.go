package ipc

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/credential"
)

var texts = []string{
	"", "a", "plain text", `"quoted" \ and /slash`, "tab\tnewline\nreturn\rback\bfeed\f", "\x00\x01\x1f\x7f",
	"\u0080\u0085\u009f\u00a0", "line\u2028paragraph\u2029", "ünïcödé", "日本語", "😀 emoji", "\xff\xfe invalid", "cut \xe2\x82",
	"\ufffd already", `<script>&amp;`, strings.Repeat("a", 5000), strings.Repeat("\n", 300),
}

// checkString holds AppendString and Unquote against encoding/json.
func checkString(t *testing.T, s string) {
	t.Helper()
	quoted := AppendString([]byte("x"), s)[1:]
	if len(quoted) != quotedLen(s) {
		t.Errorf("%q takes %d bytes, foretold were %d", s, len(quoted), quotedLen(s))
	}
	if !bytes.Equal(quoted, AppendString(nil, []byte(s))) {
		t.Errorf("%q differs as bytes", s)
	}
	want := string([]rune(s)) // each byte that is no UTF-8 becomes U+FFFD
	var theirs string
	if err := json.Unmarshal(quoted, &theirs); err != nil || theirs != want {
		t.Errorf("%q is %s for encoding/json (%v)", s, quoted, err)
	}
	ours, err := Unquote(quoted)
	if err != nil || string(ours) != want {
		t.Errorf("%q comes back as %q (%v)", s, ours, err)
	}
	if i := strings.IndexFunc(string(quoted), IsControl); i >= 0 {
		t.Errorf("%q has a control character when quoted: %q", s, quoted)
	}
	if standard, err := json.Marshal(s); err != nil || !Valid(standard) {
		t.Errorf("%s is not valid", standard)
	} else if back, err := Unquote(standard); err != nil || string(back) != want {
		t.Errorf("encoding/json's %s comes back as %q (%v)", standard, back, err)
	}
}

func TestStrings(t *testing.T) {
	for _, s := range texts {
		checkString(t, s)
	}
}

func FuzzString(f *testing.F) {
	for _, s := range texts {
		f.Add(s)
	}
	f.Fuzz(checkString)
}

func TestUnquoteRefuses(t *testing.T) {
	for _, raw := range []string{
		``, `a`, `1`, `null`, `{}`, `"`, `"a`, `"a"b`, `"a" "b"`, "\"a\nb\"", "\"\x00\"", `"\x"`, `"\u12"`, `"\u12g4"`,
		`"\ud800"`, `"\udc00"`, `"\ud800\u0041"`, `"\ud800\ud800"`, `"\`, "\"\xff\"", "\"\xed\xa0\x80\"",
	} {
		if got, err := Unquote([]byte(raw)); err == nil {
			t.Errorf("%s is read as %q", raw, got)
		} else if r := credential.ReasonOf(err); r != credential.ParseError && r != credential.InvalidInput {
			t.Errorf("%s: reason %s", raw, r)
		}
	}
	for raw, want := range map[string]string{
		`"\ud83d\uDE00"`: "😀", `"\u0000"`: "\x00", ` "a" `: "a", `"\/\b\f\n\r\t\"\\"`: "/\b\f\n\r\t\"\\", `"\ufffd"`: "\ufffd",
	} {
		if got, err := Unquote([]byte(raw)); err != nil || string(got) != want {
			t.Errorf("%s is read as %q (%v)", raw, got, err)
		}
	}
}

var documents = []string{
	`{}`, ` { } `, `{"a":1}`, `{"a":"b","c":[1,2,{"d":null}],"e":{"f":true,"g":false}}`, `{"a":-0.5e+10}`, `{"\u0061":1}`,
	`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":{"b":1,"b":2}}`, `{"":""}`, `{"a":1}x`, `{"a":1}{}`, `{"a":1,}`, `{,}`, `{"a"}`,
	`{"a":}`, `{a:1}`, `{'a':1}`, `[]`, `[1,2]`, `"a"`, `1`, `null`, ``, ` `, `{`, `{"a":[}`, `{"a":[1,]}`, `{"a":01}`, `{"a":1.}`,
	`{"a":.5}`, `{"a":+1}`, `{"a":1e}`, `{"a":-}`, `{"a":tru}`, `{"a":nul}`, `{"a":NaN}`, "{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}",
	`{"a":"\ud800"}`, "\ufeff{}", "{}\x00", `{"a":1 "b":2}`, `/**/{}`, strings.Repeat(`{"a":`, 64) + `1` + strings.Repeat(`}`, 64),
	strings.Repeat(`{"a":`, 65) + `1` + strings.Repeat(`}`, 65), `{"a":` + strings.Repeat(`[`, 63) + strings.Repeat(`]`, 63) + `}`,
	`{"a":` + strings.Repeat(`[`, 64) + strings.Repeat(`]`, 64) + `}`, strings.Repeat(`[`, 1000000), strings.Repeat(`{"a":`, 100000),
	`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"m":2}`,
	`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"a":2}`,
}

// checkMembers holds Members and Valid against encoding/json.
func checkMembers(t *testing.T, doc []byte) {
	t.Helper()
	before := bytes.Clone(doc)
	got := map[string]json.RawMessage{}
	err := Members(doc, func(key, value []byte) error {
		if _, ok := got[string(key)]; ok {
			t.Errorf("member %q comes twice", key)
		}
		got[string(key)] = bytes.Clone(value)
		return nil
	})
	if !bytes.Equal(doc, before) {
		t.Error("the document was changed")
	}
	var want map[string]json.RawMessage
	theirs := json.Unmarshal(doc, &want)
	if err == nil {
		if theirs != nil || want == nil || !cmp.Equal(got, want) {
			t.Errorf("%q is read as %s, for encoding/json it is %s (%v)", doc, got, want, theirs)
		}
	} else if theirs == nil && want != nil && !stricter(doc, want) {
		t.Errorf("%q is refused: %v", doc, err)
	}
	if Valid(doc) && !json.Valid(doc) {
		t.Errorf("%q is taken for valid", doc)
	}
	if !Valid(doc) && json.Valid(doc) && !stricter(doc, nil) {
		t.Errorf("%q is taken for invalid", doc)
	}
}

// stricter reports whether the codec may refuse what encoding/json reads: text that is not UTF-8, halves of surrogate
// pairs, deep nesting, and members that stand twice.
func stricter(doc []byte, members map[string]json.RawMessage) bool {
	if !utf8.Valid(doc) || bytes.Contains(bytes.ToLower(doc), []byte(`\ud`)) {
		return true
	}
	return nested(doc) > maxDepth || members != nil && topKeys(doc) != len(members)
}

// topKeys is the number of members of an object, those that stand twice counted twice.
func topKeys(doc []byte) int {
	dec := json.NewDecoder(bytes.NewReader(doc))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return -1
	}
	n := 0
	for dec.More() {
		var value json.RawMessage
		if _, err := dec.Token(); err != nil {
			return -1
		}
		if dec.Decode(&value) != nil {
			return -1
		}
		n++
	}
	return n
}

// nested is how deep arrays and objects nest.
func nested(doc []byte) (deepest int) {
	depth := 0
	for dec := json.NewDecoder(bytes.NewReader(doc)); ; {
		tok, err := dec.Token()
		if err != nil {
			return deepest
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

func TestMembers(t *testing.T) {
	for _, doc := range documents {
		checkMembers(t, []byte(doc))
	}
}

func FuzzMembers(f *testing.F) {
	for _, doc := range documents {
		f.Add([]byte(doc[:min(len(doc), 4096)]))
	}
	f.Fuzz(checkMembers)
}

// What Members refuses, and with which reason.
func TestMembersRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	tests := []struct {
		doc    string
		reason credential.Reason
		text   string
	}{
		{`[]`, credential.InvalidInput, "a JSON object was expected"},
		{`"a"`, credential.InvalidInput, "a JSON object was expected"},
		{``, credential.ParseError, "not valid JSON at byte 0"},
		{`{"a":1}x`, credential.ParseError, "not valid JSON at byte 7"},
		{`{"a":1,"a":2}`, credential.InvalidInput, `a member stands twice: "a"`},
		{
			`{"` + strings.Repeat("k", 100) + `":1,"` + strings.Repeat("k", 100) + `":2}`, credential.InvalidInput,
			`a member stands twice: "` + strings.Repeat("k", 64) + `"`,
		},
		{"{\"\\u001b[31m\":1,\"\\u001b[31m\":2}", credential.InvalidInput, `a member stands twice: "\x1b[31m"`},
		{deep(maxDepth), "", ""},
		{deep(maxDepth + 1), credential.ParseError, "JSON is nested too deep"},
		{strings.Repeat("[", 1_000_000), credential.ParseError, "JSON is nested too deep"},
	}
	for _, tt := range tests {
		err := Members([]byte(tt.doc), func(_, _ []byte) error { return nil })
		if credential.ReasonOf(err) != tt.reason || err != nil && err.Error() != tt.text {
			t.Errorf("%.40s: %v (%s)", tt.doc, err, credential.ReasonOf(err))
		}
	}
	stop := errors.New("stop")
	if err := Members([]byte(`{"a":1,"b":2}`), func(key, _ []byte) error {
		if string(key) == "b" {
			t.Error("went on after an error")
		}
		return stop
	}); !errors.Is(err, stop) {
		t.Errorf("the function's error became %v", err)
	}
}

// Strings decodes into a buffer that is wiped, whatever happens.
func TestStringsWipes(t *testing.T) {
	for _, doc := range []string{`{"a":"one","b":"a longer \u0074ext"}`, `{"a":"one","b":2}`, `{"a":"one"`} {
		var kept [][]byte
		err := Strings([]byte(doc), func(_ string, text []byte) { kept = append(kept, text) })
		if (err == nil) != (doc == `{"a":"one","b":"a longer \u0074ext"}`) {
			t.Errorf("%s: %v", doc, err)
		}
		if len(kept) == 0 {
			t.Fatalf("%s: nothing was read", doc)
		}
		for _, text := range kept {
			if string(text) != strings.Repeat("\x00", len(text)) {
				t.Errorf("%s: %q was left", doc, text)
			}
		}
	}
}

func TestGrowWipesWhatItLeaves(t *testing.T) {
	old := append(make([]byte, 0, 8), "secret"...)
	dst := AppendString(old, "more than eight bytes")
	if string(dst) != `secret"more than eight bytes"` {
		t.Errorf("got %q", dst)
	}
	if string(old[:cap(old)]) != strings.Repeat("\x00", cap(old)) {
		t.Errorf("%q was left", old[:cap(old)])
	}
}

func TestSecrets(t *testing.T) {
	m := map[string]credential.Secret{}
	for i, s := range texts {
		if utf8.ValidString(s) && s != "" {
			m[string(rune('a'+i))] = credential.SecretString(s)
		}
	}
	params := append([]byte(`{"name":"x","secrets":`), AppendSecrets(nil, m)...)
	back, err := Secrets(append(params, '}'))
	if err != nil || len(back) != len(m) {
		t.Fatalf("%d secrets came back: %v", len(back), err)
	}
	for name, s := range m {
		if !back[name].Equal(s) {
			t.Errorf("%s is %q", name, back[name].Reveal())
		}
	}
	if none, err := Secrets([]byte(`{"a":1}`)); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
	for _, doc := range []string{`{"secrets":1}`, `{"secrets":{"a":1}}`, `{"secrets":{"a":"b","a":"c"}}`, `{"secrets":null}`, `[]`} {
		if got, err := Secrets([]byte(doc)); err == nil || got != nil {
			t.Errorf("%s: %v, %v", doc, got, err)
		}
	}
	if got := string(AppendSecrets(nil, nil)); got != "{}" {
		t.Errorf("none are %s", got)
	}
}

// Every reason survives the wire, with its message and hint.
func TestErrorsTravel(t *testing.T) {
	for _, row := range credential.Reasons() {
		sent := credential.NewError(row.Reason, "what \"is\" wrong\n", "what to type")
		wire := AppendError(nil, sent)
		var object struct {
			Code    int
			Message string
			Data    struct{ Reason, Hint string }
		}
		if err := json.Unmarshal(wire, &object); err != nil || object.Code != row.Code || object.Data.Reason != string(row.Reason) {
			t.Errorf("%s is %s (%v)", row.Reason, wire, err)
		}
		got, ok := errors.AsType[*credential.Error](parseError(wire))
		if !ok || got.Reason != row.Reason || got.Message != sent.Message || got.Hint != sent.Hint {
			t.Errorf("%s came back as %+v", row.Reason, got)
		}
	}
	inner := errors.New("the password is 1234")
	if wire := string(AppendError(nil, inner)); strings.Contains(wire, "1234") || !strings.Contains(wire, "internal") {
		t.Errorf("an error not made for strangers is sent as %s", wire)
	}
}

func TestParseReply(t *testing.T) {
	tests := []struct {
		line, result string
		reason       credential.Reason
		message      string
	}{
		{`{"jsonrpc":"2.0","id":1,"result":{"a":1}}`, `{"a":1}`, "", ""},
		{`{"result":{},"more":[1]}`, `{}`, "", ""},
		{`{"id":1}`, "", credential.Internal, "zend's answer makes no sense"},
		{`garbage`, "", credential.Internal, "zend's answer makes no sense"},
		{``, "", credential.Internal, "zend's answer makes no sense"},
		{`{"error":{"code":-1,"message":"m","data":{"reason":"locked"}}}`, "", credential.Locked, "m"},
		{`{"error":{"code":-1,"message":"m","data":{"reason":"of the future"}}}`, "", "of the future", "m"},
		{`{"error":{"code":-1,"message":"m","data":null}}`, "", credential.Internal, "m"},
		{`{"error":{"code":-1,"message":"m"},"result":{}}`, "", credential.Internal, "m"},
		{`{"error":{"message":1}}`, "", credential.Internal, "zend's answer makes no sense"},
		{`{"error":"text"}`, "", credential.Internal, "zend's answer makes no sense"},
		{`{"error":{"data":{"reason":1}}}`, "", credential.Internal, "zend's answer makes no sense"},
	}
	for _, tt := range tests {
		result, err := parseReply([]byte(tt.line))
		if string(result) != tt.result || credential.ReasonOf(err) != tt.reason || err != nil && err.Error() != tt.message {
			t.Errorf("%s: %s, %v (%s)", tt.line, result, err, credential.ReasonOf(err))
		}
	}
}

func TestAppendRequest(t *testing.T) {
	got := string(appendRequest(nil, "zen/1", "get", []byte(`{"a":1}`), 1500*time.Millisecond))
	if want := `{"jsonrpc":"2.0","id":1,"method":"get","client":"zen/1","timeout_ms":1500,"params":{"a":1}}` + "\n"; got != want {
		t.Errorf("got %s", got)
	}
	odd := appendRequest(nil, strings.Repeat("\x01", 200), "m\"", nil, -time.Second)
	var req struct {
		Method, Client string
		TimeoutMS      int64 `json:"timeout_ms"`
	}
	if err := json.Unmarshal(odd, &req); err != nil || req.Method != "m\"" || len(req.Client) != 200 || req.TimeoutMS != 1 {
		t.Errorf("got %s (%v)", odd, err)
	}
}
