package jsonedit_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
)

func TestSet(t *testing.T) {
	const bom = "\ufeff"
	tests := []struct {
		name, src string
		path      []string
		want      string
	}{
		{"nothing", "", []string{"credsStore"}, "{\n\t\"credsStore\": \"zen\"\n}\n"},
		{"white space", " \n", []string{"credsStore"}, "{\n\t\"credsStore\": \"zen\"\n}\n"},
		{"byte order mark alone", bom, []string{"credsStore"}, bom + "{\n\t\"credsStore\": \"zen\"\n}\n"},
		{"nothing, nested", "", []string{"credHelpers", "a"}, "{\n\t\"credHelpers\": {\n\t\t\"a\": " +
			"\"zen\"\n\t}\n}\n"},
		{"empty object", "{}", []string{"credsStore"}, "{\n\t\"credsStore\": \"zen\"\n}"},
		{"empty object with spaces", "{ \r\n }\r\n", []string{"credsStore"}, "{\r\n\t\"credsStore\": " +
			"\"zen\"\r\n}\r\n"},
		{"compact", `{"auths":{}}`, []string{"credsStore"}, `{"auths":{},"credsStore":"zen"}`},
		{"one line", `{ "a": 1, "b": 2 }`, []string{"credsStore"}, `{ "a": 1, "b": 2, "credsStore": "zen" }`},
		{"docker's style", "{\n\t\"auths\": {}\n}", []string{"credsStore"}, "{\n\t\"auths\": " +
			"{},\n\t\"credsStore\": \"zen\"\n}"},
		{
			"two spaces", "{\n  \"auths\": {}\n}\n",
			[]string{"credHelpers", "ghcr.io"},
			"{\n  \"auths\": {},\n  \"credHelpers\": {\n    \"ghcr.io\": \"zen\"\n  }\n}\n",
		},
		{
			"carriage returns", "{\r\n    \"auths\": {}\r\n}\r\n",
			[]string{"credHelpers", "a"},
			"{\r\n    \"auths\": {},\r\n    \"credHelpers\": {\r\n        \"a\": \"zen\"\r\n    }\r\n}\r\n",
		},
		{"byte order mark", bom + `{"a":1}`, []string{"credsStore"}, bom + `{"a":1,"credsStore":"zen"}`},
		{"comma first", "{ \"a\": 1\n, \"b\": 2\n}", []string{"c"}, "{ \"a\": 1\n, \"b\": 2\n, \"c\": " +
			"\"zen\"\n}"},
		{
			"blank line", "{\n\t\"a\": 1,\n\n\t\"b\": 2\n}",
			[]string{"c", "d"},
			"{\n\t\"a\": 1,\n\n\t\"b\": 2,\n\n\t\"c\": {\n\t\t\"d\": \"zen\"\n\t}\n}",
		},
		{
			"replace", "{\n\t\"credsStore\" : \"desktop\",\n\t\"x\": 1\n}",
			[]string{"credsStore"},
			"{\n\t\"credsStore\" : \"zen\",\n\t\"x\": 1\n}",
		},
		{
			"replace any type",
			`{"credsStore": [1, {"a": "]"}], "x": 1}`,
			[]string{"credsStore"},
			`{"credsStore": "zen", "x": 1}`,
		},
		{"escaped key", `{"creds\u0053tore": "x"}`, []string{"credsStore"}, `{"creds\u0053tore": "zen"}`},
		{
			"into an object", "{\n  \"credHelpers\": {\n    \"a\": \"x\"\n  },\n  \"z\": null\n}",
			[]string{"credHelpers", "b"},
			"{\n  \"credHelpers\": {\n    \"a\": \"x\",\n    \"b\": \"zen\"\n  },\n  \"z\": null\n}",
		},
		{
			"into an empty object", "{\n  \"credHelpers\": {},\n  \"z\": null\n}",
			[]string{"credHelpers", "b"},
			"{\n  \"credHelpers\": {\n    \"b\": \"zen\"\n  },\n  \"z\": null\n}",
		},
		{
			"into a compact empty object",
			`{"credHelpers":{},"z":1}`,
			[]string{"credHelpers", "b"},
			`{"credHelpers":{"b":"zen"},"z":1}`,
		},
		{
			"into null",
			"{\n\t\"credHelpers\": null\n}",
			[]string{"credHelpers", "b"},
			"{\n\t\"credHelpers\": {\n\t\t\"b\": \"zen\"\n\t}\n}",
		},
		{"no indentation", "{\n\"a\": 1\n}", []string{"b", "c"}, "{\n\"a\": 1,\n\"b\": {\n\"c\": " +
			"\"zen\"\n}\n}"},
		{"strange key", `{"a":1}`, []string{"q\"\\\n"}, `{"a":1,"q\"\\\n":"zen"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := parse(t, tt.src)
			got, c, err := d.Set(`"zen"`, tt.path...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got.Bytes())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if text, ok := got.Text(tt.path...); !ok || text != "zen" {
				t.Errorf("the value is %q, %v", text, ok)
			}
			checkRevert(t, tt.src, got, c)
		})
	}
}

// checkRevert reverts a change that was kept as JSON meanwhile.
func checkRevert(t *testing.T, src string, d *jsonedit.Document, c *jsonedit.Change) {
	t.Helper()
	kept, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var read jsonedit.Change
	if err := json.Unmarshal(kept, &read); err != nil {
		t.Fatal(err)
	}
	back, outcome, err := d.Revert(&read)
	if err != nil || outcome != jsonedit.Reverted || string(back.Bytes()) != src {
		t.Errorf("reverted: %v, %v, %q, want %q", outcome, err, back.Bytes(), src)
	}
}

func TestSetSame(t *testing.T) {
	const src = `{"credsStore":"zen"}`
	d, c, err := parse(t, src).Set(`"zen"`, "credsStore")
	if err != nil || c != nil || string(d.Bytes()) != src {
		t.Errorf("got %s, %v, %v: want no change", d.Bytes(), c, err)
	}
}

func TestSetThroughValue(t *testing.T) {
	for _, src := range []string{`{"credHelpers":"x"}`, `{"credHelpers":[]}`, `{"credHelpers":1}`} {
		if _, _, err := parse(t, src).Set(`"zen"`, "credHelpers", "a"); !errors.Is(
			err,
			jsonedit.ErrNotObject,
		) {
			t.Errorf("%s: got %v", src, err)
		}
	}
}

func TestSetInvalidKey(t *testing.T) {
	for _, path := range [][]string{{"\xff"}, {"\xc3", "\xa4"}, nil} {
		if d, _, err := parse(t, `{"a":1}`).Set(`"zen"`, path...); err == nil {
			t.Errorf("%q: got %s", path, d.Bytes())
		}
	}
}

func TestRevertSeveral(t *testing.T) {
	for _, src := range []string{
		"", "{}", `{"a":{}}`, "{\n\t\"credHelpers\": { }\n}",
		`{"credHelpers":null}`,
	} {
		d := parse(t, src)
		var changes []*jsonedit.Change
		for _, path := range [][]string{{"credHelpers", "a"}, {"credsStore"}, {"credHelpers", "b"}} {
			next, c, err := d.Set(`"zen"`, path...)
			if err != nil {
				t.Fatal(err)
			}
			d, changes = next, append(changes, c)
		}
		for _, c := range slices.Backward(changes) {
			next, outcome, err := d.Revert(c)
			if err != nil || outcome != jsonedit.Reverted {
				t.Fatalf("%q: %v, %v", src, outcome, err)
			}
			d = next
		}
		if string(d.Bytes()) != src {
			t.Errorf("got %q, want %q", d.Bytes(), src)
		}
	}
}

func TestRevertAfterOthers(t *testing.T) {
	const src = "{\n\t\"auths\": {},\n\t\"credsStore\": \"desktop\"\n}"
	tests := []struct {
		name, path, edited, want string
		outcome                  jsonedit.Outcome
	}{
		{
			"something was added", "credHelpers b",
			`{"credsStore":"desktop","credHelpers":{"b":"zen","c":"gcloud"}}`,
			`{"credsStore":"desktop","credHelpers":{"c":"gcloud"}}`, jsonedit.Reverted,
		},
		{
			"it was written anew",
			"credHelpers b",
			`{"credHelpers": {"b": "zen"}, "x": 1}`,
			`{"x": 1}`,
			jsonedit.Reverted,
		},
		{"it was changed", "credsStore", `{"credsStore":"pass"}`, `{"credsStore":"pass"}`, jsonedit.Changed},
		{"it was removed", "credsStore", `{"x":1}`, `{"x":1}`, jsonedit.Gone},
		{
			"it is still there",
			"credsStore",
			`{"x":1,"credsStore":"zen"}`,
			`{"x":1,"credsStore":"desktop"}`,
			jsonedit.Reverted,
		},
		{"all is gone", "credsStore", ``, ``, jsonedit.Gone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, c, err := parse(t, src).Set(`"zen"`, strings.Fields(tt.path)...)
			if err != nil {
				t.Fatal(err)
			}
			got, outcome, err := parse(t, tt.edited).Revert(c)
			if err != nil || outcome != tt.outcome || string(got.Bytes()) != tt.want {
				t.Errorf("got %s, %v, %v; want %s, %v", got.Bytes(), outcome, err, tt.want, tt.outcome)
			}
		})
	}
}

func TestRemove(t *testing.T) {
	tests := []struct {
		src, path, want string
		removed         bool
	}{
		{`{"a":1,"b":2,"c":3}`, "a", `{"b":2,"c":3}`, true},
		{`{"a":1,"b":2,"c":3}`, "b", `{"a":1,"c":3}`, true},
		{`{"a":1,"b":2,"c":3}`, "c", `{"a":1,"b":2}`, true},
		{"{\n\t\"a\": 1,\n\t\"b\": 2\n}", "a", "{\n\t\"b\": 2\n}", true},
		{"{\n\t\"a\": 1,\n\t\"b\": 2\n}", "b", "{\n\t\"a\": 1\n}", true},
		{"{\n\t\"a\": {\n\t\t\"b\": 1\n\t}\n}", "a b", "{\n\t\"a\": {}\n}", true},
		{`{"a":1}`, "b", `{"a":1}`, false},
		{`{"a":1}`, "a b", `{"a":1}`, false},
		{``, "a", ``, false},
	}
	for _, tt := range tests {
		got, removed, err := parse(t, tt.src).Remove(strings.Fields(tt.path)...)
		if err != nil || removed != tt.removed || string(got.Bytes()) != tt.want {
			t.Errorf("%s without %s: got %s, %v, %v", tt.src, tt.path, got.Bytes(), removed, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		src, want string
	}{
		{"{\n  \"a\": 1,\n}", "line 3, column 1: invalid character '}' looking for beginning of object " +
			"key string"},
		{"{\n  \"ä\": x\n}", "line 2, column 8: invalid character 'x' looking for beginning of value"},
		{`{"a": "b`, "line 1, column 9: unexpected end of JSON input"},
		{"{\"a\": 1}\n{}", "line 2, column 1: invalid character '{' after top-level value"},
		{"{}}", "line 1, column 3: invalid character '}' after top-level value"},
		{"\ufeff[]", "line 1, column 1: not an object"},
		{`"a"`, "line 1, column 1: not an object"},
		{"\ufeff{x", "line 1, column 2: invalid character 'x' looking for beginning of object key string"},
		{"{\n\t\"a\": 1,\n\t\"a\": 2\n}", `line 3, column 2: the member "a" is there twice`},
		{`{"a": {"b": 1, "\u0062": 2}}`, `line 1, column 16: the member "b" is there twice`},
		{"// a comment\n{}", "line 1, column 1: invalid character '/' looking for beginning of value"},
	}
	for _, tt := range tests {
		_, err := jsonedit.Parse([]byte(tt.src))
		if err == nil || err.Error() != tt.want {
			t.Errorf("%q: got %v, want %s", tt.src, err, tt.want)
		}
		if _, ok := errors.AsType[*jsonedit.SyntaxError](err); !ok {
			t.Errorf("%q: %T is no *SyntaxError", tt.src, err)
		}
	}
}

func TestRead(t *testing.T) {
	d := parse(t, "{\"a\": {\"b\": \"x\\n\", \"c\": [1, \"]\"], \"d\": -1e5},\n \"e\": true}")
	if diff := cmp.Diff([]string{"a", "e"}, d.Keys()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"b", "c", "d"}, d.Keys("a")); diff != "" {
		t.Error(diff)
	}
	if text, ok := d.Text("a", "b"); !ok || text != "x\n" {
		t.Errorf("got %q, %v", text, ok)
	}
	if raw, ok := d.Raw("a", "c"); !ok || string(raw) != `[1, "]"]` {
		t.Errorf("got %s, %v", raw, ok)
	}
	if raw, ok := d.Raw("a", "d"); !ok || string(raw) != "-1e5" {
		t.Errorf("got %s, %v", raw, ok)
	}
	if _, ok := d.Text("e"); ok {
		t.Error("true is taken for a string")
	}
	if _, ok := d.Raw("e", "x"); ok || d.IsObject("e") || !d.IsObject("a") || !d.IsObject() {
		t.Error("true is taken for an object")
	}
	if line, column := d.Position("e"); line != 2 || column != 7 {
		t.Errorf("e is at %d:%d", line, column)
	}
}

func TestRewrite(t *testing.T) {
	mark := func(path []string, text []byte) []byte {
		return []byte(strings.Join(path, ".") + "=" + string(text))
	}
	d := parse(t, `{"a": {"b": "x", "c": [1]}, "d": {}, "e": null}`)
	tests := []struct {
		name       string
		key, value jsonedit.Rewriter
		want       string
	}{
		{"values", nil, mark, `{"a": {"b": a.b="x", "c": a.c=[1]}, "d": {}, "e": e=null}`},
		{"keys", mark, nil, `{a="a": {a.b="b": "x", a.c="c": [1]}, d="d": {}, e="e": null}`},
		{"both", mark, mark, `{a="a": {a.b="b": a.b="x", a.c="c": a.c=[1]}, d="d": {}, e="e": e=null}`},
		{"nothing", nil, nil, string(d.Bytes())},
	}
	for _, tt := range tests {
		if got := d.Rewrite(tt.key, tt.value); string(got) != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	if got := parse(t, " \n").Rewrite(mark, mark); string(got) != " \n" {
		t.Errorf("white space becomes %q", got)
	}
}

func parse(t *testing.T, src string) *jsonedit.Document {
	t.Helper()
	d, err := jsonedit.Parse([]byte(src))
	if err != nil {
		t.Fatalf("%q: %v", src, err)
	}
	return d
}
