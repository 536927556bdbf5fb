package secretjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "ends too early",
		"{":                       "a name is missing",
		`{"a"}`:                   "a colon is missing",
		`{"a":1 "b":2}`:           "an object does not end",
		`{"a":1,}`:                "a name is missing",
		`{"a":1,"A":2}`:           "a name stands twice",
		`[1 2]`:                   "an array does not end",
		`[1,]`:                    "no value begins like this",
		`"a`:                      "a string does not end",
		`"a\`:                     "a string does not end",
		`"\x"`:                    "an escape that is none",
		`"\u12g4"`:                "an escape that is none",
		`"\ud83d"`:                "half a surrogate pair",
		`"\ud83d\u0041"`:          "half a surrogate pair",
		`"\udc33"`:                "half a surrogate pair",
		"\"\n\"":                  "a control character in a string",
		"\"\xff\"":                "a string is not UTF-8",
		"01":                      "something follows",
		"1.":                      "no value begins like this",
		"1e":                      "no value begins like this",
		"-":                       "no value begins like this",
		"nul":                     "no value begins like this",
		"{} {}":                   "something follows",
		strings.Repeat("[", 1000): "too deep",
	} {
		if _, _, err := Parse([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20s: got %v, want %q", in, err, want)
		}
	}
}

// No text of a document is left once its buffer was cleared.
func TestTextsCanBeWiped(t *testing.T) {
	doc, buf, err := Parse([]byte(`{"Username":"u","Secret":"hunter2","deep":{"x":["y"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	secret := doc.Get("secret").Text
	if string(secret) != "hunter2" {
		t.Fatalf("got %q", secret)
	}
	clear(buf)
	if string(secret) != strings.Repeat("\x00", 7) {
		t.Errorf("still there: %q", secret)
	}
}

// The parser agrees with encoding/json on everything that it accepts, and accepts what is plain.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"Username":"u","Secret":"\ud83d\udc33\n"}`, `{"a":[1,-2.5e+3,true,false,null,{"b":{}}],"c":""}`, `"x"`, "0", `{"a":1,"a":2}`, "\"\xed\xa0\x80\"",
		`{"kind":"CredentialProviderResponse","auth":{"*.io":{"username":"u","password":"p"}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		doc, buf, err := Parse(in)
		if cap(buf) > len(in) {
			t.Fatalf("the buffer grew to %d for %d bytes", cap(buf), len(in))
		}
		if err != nil {
			if plain(in) {
				t.Fatalf("refused: %v", err)
			}
			return
		}
		if !json.Valid(in) {
			t.Fatal("accepted what is not JSON")
		}
		var want map[string]any
		if doc.Kind != '{' {
			return
		}
		if err := json.Unmarshal(in, &want); err != nil {
			t.Fatal(err)
		}
		if len(want) != len(doc.Members) {
			t.Fatalf("%d members, want %d", len(doc.Members), len(want))
		}
		for _, m := range doc.Members {
			text, isString := want[string(m.Name)].(string)
			if isString != m.Value.IsString() || isString && text != string(m.Value.Text) {
				t.Fatalf("member %q is %q", m.Name, m.Value.Text)
			}
		}
	})
}

// plain reports whether a document is one that no parser has reason to refuse: flat, of distinct names and whole
// characters.
func plain(in []byte) bool {
	var flat map[string]string
	if !utf8.Valid(in) || json.Unmarshal(in, &flat) != nil || bytes.Contains(in, []byte(`\u`)) || flat == nil {
		return false
	}
	folded := map[string]bool{}
	for name := range flat {
		folded[strings.ToLower(name)] = true
	}
	var count int
	dec := json.NewDecoder(bytes.NewReader(in))
	for {
		tok, err := dec.Token()
		if err != nil {
			break
		}
		if _, ok := tok.(string); ok || tok == nil {
			count++
		}
	}
	return len(folded) == len(flat) && count == 2*len(flat)
}
