package safejson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

var texts = []string{
	"", "a", "plain text", `"quoted" \ and /slash`, "tab\tnewline\nreturn\rback\bfeed\f", "\x00\x01\x1f\x7f",
	"\u0080\u0085\u009f\u00a0", "line\u2028paragraph\u2029", "ünïcödé", "日本語", "😀 emoji", "\xff\xfe " +
		"invalid", "cut \xe2\x82",
	"\ufffd already", "\u202eoverride\u200b", "\U000e0041tag \U000f0000", `<script>&amp;`,
	strings.Repeat("a", 5000), strings.Repeat("\n", 300),
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
	if i := strings.IndexFunc(string(quoted), safetext.Unsafe); i >= 0 {
		t.Errorf("%q has a control character when quoted: %q", s, quoted)
	}
	if standard, err := json.Marshal(s); err != nil || !Valid(standard) {
		t.Errorf("%s is not valid", standard)
	} else if back, err := Unquote(standard); err != nil || string(back) != want {
		t.Errorf("encoding/json's %s comes back as %q (%v)", standard, back, err)
	}
}

func TestAppendString(t *testing.T) {
	for _, s := range texts {
		checkString(t, s)
	}
}

func FuzzAppend(f *testing.F) {
	for _, s := range texts {
		f.Add(s)
	}
	f.Fuzz(checkString)
}

// FuzzDecode holds Unquote against encoding/json: the same strings, except those that are
// not UTF-8 or have half a pair.
func FuzzDecode(f *testing.F) {
	for _, raw := range []string{
		`"a\u0041\n\/"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, "\"\"\r",
		`""`, "\"\xff\"", ` "ä" `, `1`,
	} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want *string
		theirs := json.Unmarshal(raw, &want)
		got, err := Unquote(raw)
		if err == nil && (theirs != nil || want == nil || string(got) != *want) {
			t.Errorf("%q is %q, want %v (%v)", raw, got, want, theirs)
		}
		if err != nil && theirs == nil && want != nil && utf8.Valid(raw) &&
			!strings.ContainsRune(*want, utf8.RuneError) {
			t.Errorf("%q is refused: %v", raw, err)
		}
	})
}

func TestUnquoteRefuses(t *testing.T) {
	for _, raw := range []string{
		``, `a`, `1`, `null`, `{}`, `"`, `"a`, `"a"b`, `"a" "b"`, "\"a\nb\"", "\"\x00\"", `"\x"`, `"\u12"`,
		`"\u12g4"`,
		`"\ud800"`, `"\udc00"`, `"\ud800\u0041"`, `"\ud800\ud800"`, `"\`, "\"\xff\"", "\"\xed\xa0\x80\"",
	} {
		if got, err := Unquote([]byte(raw)); err == nil {
			t.Errorf("%s is read as %q", raw, got)
		} else if r := credential.ReasonOf(err); r != credential.ParseError && r != credential.InvalidInput {
			t.Errorf("%s: reason %s", raw, r)
		}
	}
	for raw, want := range map[string]string{
		`"\ud83d\uDE00"`: "😀", `"\u0000"`: "\x00", ` "a" `: "a", `"\/\b\f\n\r\t\"\\"`: "/\b\f\n\r\t\"\\",
		`"\ufffd"`: "\ufffd",
	} {
		if got, err := Unquote([]byte(raw)); err != nil || string(got) != want {
			t.Errorf("%s is read as %q (%v)", raw, got, err)
		}
	}
}

var documents = []string{
	`{}`, ` { } `, `{"a":1}`, `{"a":"b","c":[1,2,{"d":null}],"e":{"f":true,"g":false}}`, `{"a":-0.5e+10}`,
	`{"\u0061":1}`,
	`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":{"b":1,"b":2}}`, `{"":""}`, `{"a":1}x`, `{"a":1}{}`,
	`{"a":1,}`, `{,}`, `{"a"}`,
	`{"a":}`, `{a:1}`, `{'a':1}`, `[]`, `[1,2]`, `"a"`, `1`, `null`, ``, ` `, `{`, `{"a":[}`, `{"a":[1,]}`,
	`{"a":01}`, `{"a":1.}`,
	`{"a":.5}`, `{"a":+1}`, `{"a":1e}`, `{"a":-}`, `{"a":tru}`, `{"a":nul}`, `{"a":NaN}`, "{\"a\":\"\x01\"}",
	"{\"a\":\"\xff\"}",
	`{"a":"\ud800"}`, `{"\ud800":1}`, `{"a":"\u202e"}`, "{\"\u202e\":\t\"\u200b\"}", "\ufeff{}", "{}\x00",
	`{"a":1 "b":2}`, `/**/{}`, strings.Repeat(`{"a":`, 64) + `1` + strings.Repeat(`}`, 64),
	strings.Repeat(
		`{"a":`,
		65,
	) + `1` + strings.Repeat(
		`}`,
		65,
	), `{"a":` + strings.Repeat(`[`, 63) + strings.Repeat(`]`, 63) + `}`,
	`{"a":` + strings.Repeat(
		`[`,
		64,
	) + strings.Repeat(
		`]`,
		64,
	) + `}`, strings.Repeat(`[`, 1000000), strings.Repeat(`{"a":`, 100000),
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
	var compact bytes.Buffer
	isCompact := Valid(doc) && json.Compact(&compact, doc) == nil && bytes.Equal(compact.Bytes(), doc)
	if got := Compact(doc); got != isCompact {
		t.Errorf("Compact(%q) = %v", doc, got)
	}
	if err == nil {
		checkEscape(t, doc, want)
	}
}

// stricter reports whether a document may be refused that encoding/json reads: it is not
// UTF-8 or nests too deep; or, where its members are read, one is there twice or a name
// may have half a surrogate pair in it.
func stricter(doc []byte, members map[string]json.RawMessage) bool {
	if !utf8.Valid(doc) || nested(doc) > MaxDepth {
		return true
	}
	return members != nil &&
		(topKeys(doc) != len(members) || bytes.Contains(bytes.ToLower(doc), []byte(`\ud`)))
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

func FuzzScan(f *testing.F) {
	for _, doc := range documents {
		f.Add([]byte(doc[:min(len(doc), 4096)]))
	}
	f.Add([]byte(`{"":-5e+1010}`)) // no float64 holds it
	f.Fuzz(checkMembers)
}

// checkEscape holds Escape to its word: the same document, with nothing unsafe in it but
// white space.
func checkEscape(t *testing.T, doc []byte, want map[string]json.RawMessage) {
	t.Helper()
	shown := Escape(bytes.Clone(doc))
	if i := bytes.IndexFunc(shown, func(r rune) bool { return r >= ' ' && safetext.Unsafe(r) }); i >= 0 {
		t.Errorf("Escape(%q) = %q", doc, shown)
	}
	a, aErr := decoded(doc)
	b, bErr := decoded(shown)
	if aErr != nil || bErr != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("Escape(%q) = %q is another document than %v: %v, %v", doc, shown, want, aErr, bErr)
	}
}

// decoded is a document as encoding/json has it, with numbers that no float64 holds.
func decoded(doc []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
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
		{`{"a":1,"a":2}`, credential.InvalidInput, `a member is there twice: "a"`},
		{
			`{"` + strings.Repeat(
				"k",
				100,
			) + `":1,"` + strings.Repeat(
				"k",
				100,
			) + `":2}`, credential.InvalidInput,
			`a member is there twice: "` + strings.Repeat("k", 77) + `..."`,
		},
		{"{\"\\u001b[31m\":1,\"\\u001b[31m\":2}", credential.InvalidInput, `a member is there twice: ` +
			`"\x1b[31m"`},
		{deep(MaxDepth), "", ""},
		{deep(MaxDepth + 1), credential.ParseError, "JSON is nested too deep"},
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

func TestAppendStringWipesWhatItLeaves(t *testing.T) {
	old := append(make([]byte, 0, 8), "secret"...)
	dst := AppendString(old, "more than eight bytes")
	if string(dst) != `secret"more than eight bytes"` {
		t.Errorf("got %q", dst)
	}
	if string(old[:cap(old)]) != strings.Repeat("\x00", cap(old)) {
		t.Errorf("%q was left", old[:cap(old)])
	}
}

// Fields are found as encoding/json finds those of a struct, but for a field that is
// there twice.
func TestFields(t *testing.T) {
	tests := []struct{ doc, a, b, message string }{
		{`{"Name":"x","Other":1}`, `"x"`, "", ""},
		{`{"name":"x","SECRET":{"y":[1]}}`, `"x"`, `{"y":[1]}`, ""},
		{`{"n\u0061me":null}`, "null", "", ""},
		{`{}`, "", "", ""},
		{`{"name":1,"Name":2}`, "", "", `a member is there twice: "Name"`},
		{`{"x":1,"x":2}`, "", "", `a member is there twice: "x"`},
		{`[]`, "", "", "a JSON object was expected"},
		{`{`, "", "", "not valid JSON at byte 1"},
		{`{"\ud800":1}`, "", "", "a JSON string has half a surrogate pair in it"},
	}
	for _, tt := range tests {
		got, err := Fields([]byte(tt.doc), "Name", "Secret")
		if err != nil {
			if err.Error() != tt.message || got != nil {
				t.Errorf("%s: %v, %q", tt.doc, err, got)
			}
			continue
		}
		if tt.message != "" || string(got[0]) != tt.a || string(got[1]) != tt.b {
			t.Errorf("%s: %q", tt.doc, got)
		}
	}
}

func TestTexts(t *testing.T) {
	doc := []byte(`{"Username":"\u0075","secret":"hunter2","n":1}`)
	got, err := Texts(doc, "Username", "Secret", "N", "missing")
	if err != nil || string(got[0]) != "u" || string(got[1]) != "hunter2" || got[2] != nil || got[3] != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	Wipe(got...)
	if string(got[1]) != strings.Repeat("\x00", 7) || !bytes.Contains(doc, []byte("hunter2")) {
		t.Errorf("%q after Wipe, in %s", got[1], doc)
	}
	for _, doc := range []string{
		`{"secret":"\ud800"}`, `[]`, `{"secret":"a","Secret":"b"}`,
		`{"secret":"a"`,
	} {
		if got, err := Texts([]byte(doc), "Secret"); err == nil || got != nil {
			t.Errorf("%s: %q, %v", doc, got, err)
		}
	}
}
