package catalog

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/zen-agent/zen/internal/credential"
)

func TestParseCondition(t *testing.T) {
	for s, want := range map[string]condition{
		"":                     {opEquals, ""},
		"reg":                  {opEquals, "reg"},
		"equals:reg":           {opEquals, "reg"},
		"contains:docker":      {opContains, "docker"},
		"notequals:":           {opNotEquals, ""},
		"127.0.0.1:5050":       {opEquals, "127.0.0.1:5050"},
		"localhost:5000":       {opEquals, "localhost:5000"},
		"equals:localhost:50":  {opEquals, "localhost:50"},
		"Contains:x":           {opEquals, "Contains:x"},
		"contains":             {opEquals, "contains"},
		":x":                   {opEquals, ":x"},
		`oneof:["a:b","c"]`:    {opOneOf, `["a:b","c"]`},
		"gte:2026-01-01 00:00": {opGTE, "2026-01-01 00:00"},
		"equals:contains:x":    {opEquals, "contains:x"},
	} {
		if got := parseCondition(s); got != want {
			t.Errorf("%q is %+v, want %+v", s, got, want)
		}
	}
}

func TestConditions(t *testing.T) {
	at := time.Date(2026, 11, 23, 9, 38, 49, 724931000, time.UTC)
	words := func(s ...string) value { return value{text: s} }
	for _, tt := range []struct {
		kind      kind
		condition string
		value     value
		want      bool
	}{
		{text, "reg", words("reg"), true},
		{text, "reg", words("Reg"), false},
		{text, "reg", words("registry"), false},
		{text, "", words(), true},
		{text, "", words("x"), false},
		{text, "notequals:reg", words("reg"), false},
		{text, "notequals:reg", words("x"), true},
		{text, "notequals:reg", words(), true},
		{text, "contains:DOCKER", words("my-docker-hub"), true},
		{text, "contains:x", words(), false},
		{text, "startswith:my", words("my-docker"), true},
		{text, "startswith:docker", words("my-docker"), false},
		{text, "endswith:Docker", words("my-docker"), true},
		{text, "endswith:my", words("my-docker"), false},
		{text, `oneof:["a","b"]`, words("b"), true},
		{text, `oneof:["a,b"]`, words("b"), false},
		{text, "oneof:a,b", words("b"), true},
		{text, "in:a,b", words("c"), false},
		{text, "gt:b", words("c"), true},
		{text, "gt:b", words("b"), false},
		{text, "gte:b", words("b"), true},
		{text, "lt:b", words("a"), true},
		{text, "lte:b", words("c"), false},
		{text, "docker-registry", words("kubernetes", "docker-registry"), true},
		{text, "notequals:docker-registry", words("kubernetes", "docker-registry"), false},
		{number, "300", value{number: new(300)}, true},
		{number, "gt:299", value{number: new(300)}, true},
		{number, "lte:299", value{number: new(300)}, false},
		{number, "oneof:1, 300", value{number: new(300)}, true},
		{number, "300", value{}, false},
		{number, "lt:300", value{}, false},
		{number, "notequals:300", value{}, true},
		{moment, "2026-11-23 09:38:49", value{time: &at}, true},
		{moment, "gte:2026-11-23 09:38:49", value{time: &at}, true},
		{moment, "gt:2026-11-23 09:38:49", value{time: &at}, false},
		{moment, "gt:2026-11-23", value{time: &at}, true},
		{moment, "lt:2026-11-23T09:38:50Z", value{time: &at}, true},
		{moment, "gt:2026-11-23T10:38:50+01:00", value{time: &at}, false},
		{moment, "in:2026-11-01,2026-11-30 23:59:59", value{time: &at}, true},
		{moment, "in:2026-11-24,2026-11-30", value{time: &at}, false},
		{moment, `oneof:["2026-11-23 09:38:49"]`, value{time: &at}, true},
		{moment, "lt:2027-01-01", value{}, false},
		{boolean, "true", value{bool: true}, true},
		{boolean, "False", value{bool: false}, true},
		{boolean, "notequals:true", value{bool: true}, false},
	} {
		match, err := compile(tt.kind, parseCondition(tt.condition))
		if err != nil {
			t.Errorf("%s %q: %v", tt.kind, tt.condition, err)
			continue
		}
		if got := match(tt.value); got != tt.want {
			t.Errorf("%s %q on %+v is %v", tt.kind, tt.condition, tt.value, got)
		}
	}
}

func TestConditionsThatMakeNoSense(t *testing.T) {
	for _, tt := range []struct {
		kind            kind
		condition, text string
	}{
		{text, `oneof:["a"`, "is not a list of texts"},
		{text, `oneof:[1]`, "is not a list of texts"},
		{number, "many", "is not a number"},
		{number, "contains:3", "'contains' cannot be used on a number"},
		{number, "oneof:1,x", "is not a number"},
		{number, "99999999999999999999", "is not a number"},
		{moment, "yesterday", "YYYY-MM-DD HH:MM:SS"},
		{moment, "endswith:2026", "cannot be used on a time"},
		{moment, "in:2026-01-01", "first and its last"},
		{moment, "oneof:soon", "is not a time"},
		{boolean, "maybe", "neither true nor false"},
		{boolean, "gt:false", "cannot be used on a boolean"},
		{boolean, "notequals:maybe", "neither true nor false"},
	} {
		match, err := compile(tt.kind, parseCondition(tt.condition))
		if err == nil {
			t.Errorf("%s %q is taken: %v", tt.kind, tt.condition, match != nil)
			continue
		}
		wantError(t, err, credential.InvalidInput, tt.text)
	}
}

// What every filter promises, whatever is typed: it is taken apart in one way only,
// notequals is the contrary of equals, gte of lt, and a value is found by each operator
// that it must be found by.
func FuzzCondition(f *testing.F) {
	for _, s := range []string{
		"reg", "equals:reg", "127.0.0.1:5050", `oneof:["a"]`, "oneof:[", "in:2026-01-01,2026-02-01",
		"gte:2026-11-23 09:38:49", "notequals:true", "lt:5", "contains:É",
	} {
		f.Add(s, "reg")
		f.Add(s, "a,b")
	}
	f.Fuzz(func(t *testing.T, expr, have string) {
		c := parseCondition(expr)
		if again := parseCondition(string(c.op) + ":" + c.operand); again != c {
			t.Fatalf("%q is %+v, which reads as %+v", expr, c, again)
		}
		at, n := time.Unix(int64(len(have))<<24, 7), len(have)
		values := map[kind]value{
			text: {
				text: []string{have},
			}, number: {number: &n}, moment: {time: &at}, boolean: {bool: n%2 == 0},
		}
		for k, v := range values {
			opposites(t, k, c.operand, v, opEquals, opNotEquals)
			opposites(t, k, c.operand, v, opGTE, opLT)
			opposites(t, k, c.operand, v, opLTE, opGT)
			if match, err := compile(k, c); err == nil {
				match(value{}) // of an entity without the field
				match(v)
			} else if !credential.InvalidInput.Is(err) {
				t.Errorf("%s %q: %v", k, expr, err)
			}
		}
		finds(t, have)
	})
}

func opposites(t *testing.T, k kind, operand string, v value, a, b op) {
	t.Helper()
	one, errOne := compile(k, condition{a, operand})
	other, errOther := compile(k, condition{b, operand})
	if (errOne == nil) != (errOther == nil) {
		t.Fatalf("%s %q: %s says %v, %s says %v", k, operand, a, errOne, b, errOther)
	}
	if errOne == nil && one(v) == other(v) {
		t.Errorf("%s %q on %+v: %s and %s are both %v", k, operand, v, a, b, one(v))
	}
}

// finds checks the operators by which a text must be found, and by which it may not.
func finds(t *testing.T, have string) {
	t.Helper()
	list, err := json.Marshal([]string{"x" + have, have})
	if err != nil {
		t.Fatal(err)
	}
	for _, expr := range []string{
		"equals:" + have, "contains:" + have, "startswith:" + have, "endswith:" + have, "gte:" + have,
		"lte:" + have,
		"oneof:" + string(list), "in:" + string(list),
	} {
		if !utf8.ValidString(have) && strings.Contains(expr, "[") {
			continue // JSON has no such texts
		}
		match, err := compile(text, parseCondition(expr))
		if err != nil {
			t.Fatalf("%q: %v", expr, err)
		}
		if !match(value{text: []string{"other", have}}) {
			t.Errorf("%q does not find %q", expr, have)
		}
	}
	for _, expr := range []string{"notequals:" + have, fmt.Sprintf("equals:%sx", have), "gt:" + have, "lt:" +
		have} {
		match, err := compile(text, parseCondition(expr))
		if err != nil {
			t.Fatalf("%q: %v", expr, err)
		}
		if match(value{text: []string{have}}) {
			t.Errorf("%q finds %q", expr, have)
		}
	}
}
