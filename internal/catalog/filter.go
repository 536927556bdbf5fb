package catalog

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// op is what a filter does with its operand (ZenML, GenericFilterOps).
type op string

const (
	opEquals     op = "equals"
	opNotEquals  op = "notequals"
	opContains   op = "contains"
	opStartsWith op = "startswith"
	opEndsWith   op = "endswith"
	opOneOf      op = "oneof"
	opIn         op = "in"
	opGTE        op = "gte"
	opGT         op = "gt"
	opLTE        op = "lte"
	opLT         op = "lt"
)

func ops() []op {
	return []op{
		opEquals,
		opNotEquals,
		opContains,
		opStartsWith,
		opEndsWith,
		opOneOf,
		opIn,
		opGTE,
		opGT,
		opLTE,
		opLT,
	}
}

// condition is a filter's value taken apart.
type condition struct {
	op      op
	operand string
}

// parseCondition takes "op:value" apart. What does not begin with an operator is compared
// as a whole, so that addresses with a port need no quoting.
func parseCondition(s string) condition {
	if before, after, ok := strings.Cut(s, ":"); ok && slices.Contains(ops(), op(before)) {
		return condition{op(before), after}
	}
	return condition{opEquals, s}
}

// kind is the type of a field, which decides what its filters can do.
type kind int

const (
	text kind = iota
	number
	moment
	boolean
)

func (k kind) String() string { return [...]string{"text", "number", "time", "boolean"}[k] }

// value is a field of one entity. Nothing is known of it when its member for the field's
// kind is empty.
type value struct {
	text   []string // all of them for a field with several
	number *int
	time   *time.Time
	bool   bool
}

// matcher decides whether a field's value fits a condition.
type matcher func(value) bool

// compile checks a condition against the kind of the field that it is for. notequals is
// the negation of equals.
func compile(k kind, c condition) (matcher, error) {
	if c.op == opNotEquals {
		equals, err := compile(k, condition{opEquals, c.operand})
		if err != nil {
			return nil, err
		}
		return func(v value) bool { return !equals(v) }, nil
	}
	switch k {
	case number:
		return compileNumber(c)
	case moment:
		return compileTime(c)
	case boolean:
		return compileBool(c)
	}
	return compileText(c)
}

func unsupported(k kind, c condition) error {
	return credential.NewError(credential.InvalidInput, fmt.Sprintf("the operation '%s' cannot be used "+
		"on a %s", c.op, k), "")
}

// compileText compares as ZenML's SQL does: what searches inside (LIKE) ignores case, the
// rest does not.
func compileText(c condition) (matcher, error) {
	some := func(fits func(string) bool) matcher {
		return func(v value) bool { return slices.ContainsFunc(v.text, fits) }
	}
	folded := strings.ToLower(c.operand)
	switch c.op {
	case opContains:
		return some(func(s string) bool { return strings.Contains(strings.ToLower(s), folded) }), nil
	case opStartsWith:
		return some(func(s string) bool { return strings.HasPrefix(strings.ToLower(s), folded) }), nil
	case opEndsWith:
		return some(func(s string) bool { return strings.HasSuffix(strings.ToLower(s), folded) }), nil
	case opOneOf, opIn:
		list, err := operands(c)
		if err != nil {
			return nil, err
		}
		return some(func(s string) bool { return slices.Contains(list, s) }), nil
	case opEquals:
		return func(v value) bool {
			return slices.Contains(v.text, c.operand) || len(v.text) == 0 && c.operand == ""
		}, nil
	}
	return some(func(s string) bool { return ordered(c.op, cmp.Compare(s, c.operand)) }), nil
}

func compileNumber(c condition) (matcher, error) {
	parse := func(s string) (int, error) {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil {
			return 0, credential.NewError(credential.InvalidInput, safetext.Quote(s)+" is not a number", "")
		}
		return n, nil
	}
	switch c.op {
	case opContains, opStartsWith, opEndsWith:
		return nil, unsupported(number, c)
	case opOneOf, opIn:
		list, err := parseAll(c, parse)
		return func(v value) bool { return v.number != nil && slices.Contains(list, *v.number) }, err
	}
	n, err := parse(c.operand)
	return func(v value) bool { return v.number != nil && ordered(c.op, cmp.Compare(*v.number, n)) }, err
}

// compileTime compares by the second, which is as exact as a time that a person types.
// "in" is a range: first,last.
func compileTime(c condition) (matcher, error) {
	second := func(t *time.Time) time.Time { return t.UTC().Truncate(time.Second) }
	switch c.op {
	case opContains, opStartsWith, opEndsWith:
		return nil, unsupported(moment, c)
	case opOneOf, opIn:
		list, err := parseAll(c, parseTime)
		if err != nil {
			return nil, err
		}
		if c.op == opOneOf {
			return func(v value) bool {
				return v.time != nil &&
					slices.ContainsFunc(list, second(v.time).Equal)
			}, nil
		}
		if len(list) != 2 {
			return nil, credential.NewError(credential.InvalidInput, "a range of time needs its first "+
				"and its last moment",
				"in:2026-01-01 00:00:00,2026-01-31 23:59:59")
		}
		return func(v value) bool {
			return v.time != nil && !second(v.time).Before(list[0]) && !second(v.time).After(list[1])
		}, nil
	}
	t, err := parseTime(c.operand)
	return func(v value) bool { return v.time != nil && ordered(c.op, second(v.time).Compare(t)) }, err
}

func compileBool(c condition) (matcher, error) {
	if c.op != opEquals {
		return nil, unsupported(boolean, c)
	}
	want, err := strconv.ParseBool(strings.ToLower(c.operand))
	if err != nil {
		return nil, credential.NewError(credential.InvalidInput,
			safetext.Quote(c.operand)+" is neither true nor false", "")
	}
	return func(v value) bool { return v.bool == want }, nil
}

// ordered reports whether the result of a comparison is what an operator asks for.
func ordered(o op, n int) bool {
	switch o {
	case opGTE:
		return n >= 0
	case opGT:
		return n > 0
	case opLTE:
		return n <= 0
	case opLT:
		return n < 0
	}
	return n == 0
}

// operands are the values of oneof and in: a JSON list, as ZenML takes it, or values
// between commas.
func operands(c condition) ([]string, error) {
	var list []string
	if strings.HasPrefix(c.operand, "[") {
		if err := json.Unmarshal([]byte(c.operand), &list); err == nil {
			return list, nil
		}
		return nil, credential.NewError(credential.InvalidInput, safetext.Quote(c.operand)+" is not a "+
			"list of texts",
			string(c.op)+`:["a","b"], or `+string(c.op)+":a,b")
	}
	return strings.Split(c.operand, ","), nil
}

func parseAll[T any](c condition, parse func(string) (T, error)) ([]T, error) {
	texts, err := operands(c)
	if err != nil {
		return nil, err
	}
	list := make([]T, len(texts))
	for i, s := range texts {
		if list[i], err = parse(s); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// parseTime reads ZenML's form of a time and the usual others; without a zone it is UTC.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.DateTime, time.RFC3339, "2006-01-02T15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return t.UTC().Truncate(time.Second), nil
		}
	}
	return time.Time{}, credential.NewError(credential.InvalidInput, safetext.Quote(s)+" is not a time",
		"write it as 'YYYY-MM-DD HH:MM:SS', in UTC")
}
