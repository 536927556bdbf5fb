package jsonedit_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/clientconfig/jsonedit"
)

func FuzzSet(f *testing.F) {
	for _, src := range []string{
		"", " ", "{}", "\ufeff{}\r\n", `{"auths":{"a":{"auth":"eA=="}},"credsStore":"x"}`,
		"{\n\t\"credHelpers\": {\n\t}\n}",
		"{\r\n  \"a\": [1, {\"b\": \"]\"}],\r\n\r\n  \"credHelpers\": null }", "{ \"a\": 1\n, \"b\": " +
			"{\"c\": {}} }", `{"credHelpers":1}`,
		`{"":{"":"\\"},"\u0061":0}`, "{\"a\":\n{}}",
	} {
		f.Add([]byte(src), "credHelpers", "ghcr.io")
		f.Add([]byte(src), "a", "")
	}
	f.Fuzz(func(t *testing.T, src []byte, key, inner string) {
		src = bytes.Clone(src)
		d, err := jsonedit.Parse(src)
		if err != nil {
			return
		}
		path := []string{key}
		if inner != "" {
			path = append(path, inner)
		}
		next, c, err := d.Set(`"zen"`, path...)
		if err != nil || c == nil {
			return
		}
		if !json.Valid(bytes.TrimPrefix(next.Bytes(), []byte("\ufeff"))) {
			t.Fatalf("%q is not JSON", next.Bytes())
		}
		checkOthers(t, d, next, path)
		back, outcome, err := next.Revert(c)
		if err != nil || outcome != jsonedit.Reverted || !bytes.Equal(back.Bytes(), src) {
			t.Fatalf("%q: reverted to %q, %v, %v", src, back.Bytes(), outcome, err)
		}
		gone, removed, err := next.Remove(path...)
		if err != nil || !removed {
			t.Fatalf("%q: removed %v, %v", next.Bytes(), removed, err)
		}
		checkOthers(t, next, gone, path)
	})
}

// checkOthers finds members that an edit at path touched besides those on path.
func checkOthers(t *testing.T, before, after *jsonedit.Document, path []string) {
	t.Helper()
	for i := range path {
		for _, key := range before.Keys(path[:i]...) {
			if key == path[i] {
				continue
			}
			p := append(append([]string{}, path[:i]...), key)
			a, _ := before.Raw(p...)
			b, ok := after.Raw(p...)
			if !ok || !bytes.Equal(a, b) {
				t.Fatalf("%s was %q and is %q", strings.Join(p, "."), a, b)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, src := range []string{
		"", "{}", `{"a":1}`, "[]", `{"a":{"b":[{"c":"}"}]}}`, `{"a":"\"","b":"\\"}`,
		"{\"a\":\t1e9 }", "x",
	} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := jsonedit.Parse(src)
		if err != nil {
			return
		}
		body := bytes.TrimPrefix(src, []byte("\ufeff"))
		if len(bytes.TrimSpace(body)) == 0 {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%q is accepted, but: %v", src, err)
		}
		got := map[string]json.RawMessage{}
		for _, key := range d.Keys() {
			raw, _ := d.Raw(key)
			got[key] = raw
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: got %q, want %q", src, got, want)
		}
	})
}
