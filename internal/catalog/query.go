package catalog

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// defaultSize is the size of a page (ZenML, PAGE_SIZE_DEFAULT).
const defaultSize = 20

// allItems as the size of a page means that everything is on one.
const allItems = -1

// field is a field of an entity that can be filtered and sorted by.
type field[T any] struct {
	names []string // the first is its own, the others are what tables call it
	kind  kind
	get   func(*T) value
}

func textField[T any](name string, get func(*T) string, more ...string) field[T] {
	return field[T]{append([]string{name}, more...), text, func(v *T) value {
		if s := get(v); s != "" {
			return value{text: []string{s}}
		}
		return value{}
	}}
}

func listField[T any](name string, get func(*T) []string, more ...string) field[T] {
	return field[T]{append([]string{name}, more...), text, func(v *T) value { return value{text: get(v)} }}
}

func timeField[T any](name string, get func(*T) *time.Time, more ...string) field[T] {
	return field[T]{append([]string{name}, more...), moment, func(v *T) value { return value{time: get(v)} }}
}

func numberField[T any](name string, get func(*T) *int) field[T] {
	return field[T]{[]string{name}, number, func(v *T) value { return value{number: get(v)} }}
}

func boolField[T any](name string, get func(*T) bool) field[T] {
	return field[T]{[]string{name}, boolean, func(v *T) value { return value{bool: get(v)} }}
}

// schema is what can be asked of a list of entities, which comes oldest first.
type schema[T any] struct {
	fields      []field[T]
	labels      func(*T) map[string]string
	active      func(*T) bool
	newestFirst bool // when nobody asks for another order (ZenML does this for components and stacks)
}

func (s schema[T]) field(name string) (field[T], error) {
	want := strings.ReplaceAll(name, "-", "_")
	var known []string
	for _, f := range s.fields {
		if slices.Contains(f.names, want) {
			return f, nil
		}
		known = append(known, f.names[0])
	}
	slices.Sort(known)
	return field[T]{}, credential.NewError(credential.InvalidInput, fmt.Sprintf("there is no field "+
		"'%s'", shorten(name)),
		"fields are: "+strings.Join(known, ", "))
}

// run selects, sorts and pages entities. It may reorder all.
func run[T any](q api.Query, s schema[T], all []T) ([]T, api.Page, error) {
	fits, err := s.filter(q)
	if err != nil {
		return nil, api.Page{}, err
	}
	order, err := s.order(q)
	if err != nil {
		return nil, api.Page{}, err
	}
	selected := make([]*T, 0, len(all))
	for i := range all {
		if fits(&all[i]) {
			selected = append(selected, &all[i])
		}
	}
	order(selected)
	return paged(q, selected)
}

// filter joins all conditions of a query by its logical operator.
func (s schema[T]) filter(q api.Query) (func(*T) bool, error) {
	tests, err := s.tests(q)
	if err != nil {
		return nil, err
	}
	switch strings.ToLower(q.Operator) {
	case "", "and":
		return func(v *T) bool {
			return !slices.ContainsFunc(tests, func(t func(*T) bool) bool { return !t(v) })
		}, nil
	case "or":
		return func(v *T) bool {
			return len(tests) == 0 || slices.ContainsFunc(tests, func(t func(*T) bool) bool { return t(v) })
		}, nil
	}
	return nil, credential.NewError(credential.InvalidInput,
		fmt.Sprintf("there is no logical operator '%s'", shorten(q.Operator)), "use and, or")
}

func (s schema[T]) tests(q api.Query) ([]func(*T) bool, error) {
	var tests []func(*T) bool
	for _, name := range slices.Sorted(maps.Keys(q.Filters)) {
		f, err := s.field(name)
		if err != nil {
			return nil, err
		}
		for _, expr := range q.Filters[name] {
			match, err := compile(f.kind, parseCondition(expr))
			if err != nil {
				return nil, inField(name, err)
			}
			tests = append(tests, func(v *T) bool { return match(f.get(v)) })
		}
	}
	for key, want := range q.Labels {
		tests = append(tests, func(v *T) bool {
			have, ok := s.labels(v)[key]
			return ok && (want == nil || *want == have)
		})
	}
	return tests, nil
}

// inField says which filter an error is about.
func inField(name string, err error) error {
	if e, ok := errors.AsType[*credential.Error](err); ok {
		return credential.NewError(e.Reason, fmt.Sprintf("filter '%s': %s", name, e.Message), e.Hint)
	}
	return err
}

// order returns what sorts a selection. Unless somebody asks for an order, what is active
// comes first, as in ZenML's tables.
func (s schema[T]) order(q api.Query) (func([]*T), error) {
	if q.SortBy == "" {
		return func(list []*T) {
			if s.newestFirst {
				slices.Reverse(list)
			}
			slices.SortStableFunc(list, func(a, b *T) int { return -compareBool(s.active(a), s.active(b)) })
		}, nil
	}
	direction, name, ok := strings.Cut(q.SortBy, ":")
	if !ok {
		direction, name = "asc", q.SortBy
	}
	if direction != "asc" && direction != "desc" {
		return nil, credential.NewError(credential.InvalidInput, fmt.Sprintf("there is no order "+
			"'%s'", shorten(direction)),
			"use asc:FIELD, desc:FIELD")
	}
	f, err := s.field(name)
	if err != nil {
		return nil, err
	}
	sign := 1
	if direction == "desc" {
		sign = -1
	}
	return func(list []*T) {
		slices.SortStableFunc(
			list,
			func(a, b *T) int { return sign * compareValues(f.kind, f.get(a), f.get(b)) },
		)
	}, nil
}

// compareValues orders values of one kind, the unknown ones first.
func compareValues(k kind, a, b value) int {
	switch k {
	case number:
		return comparePointers(a.number, b.number, cmp.Compare[int])
	case moment:
		return comparePointers(a.time, b.time, time.Time.Compare)
	case boolean:
		return compareBool(a.bool, b.bool)
	}
	return slices.Compare(a.text, b.text)
}

func comparePointers[T any](a, b *T, compare func(a, b T) int) int {
	if a == nil || b == nil {
		return compareBool(a != nil, b != nil)
	}
	return compare(*a, *b)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// paged cuts a page out of a selection. A page after the last is an error, in ZenML's
// words.
func paged[T any](q api.Query, selected []*T) ([]T, api.Page, error) {
	p := api.Page{Index: cmp.Or(q.Page, 1), MaxSize: cmp.Or(q.Size, defaultSize), Total: len(selected)}
	if p.Index < 1 || p.MaxSize < 1 && p.MaxSize != allItems {
		return nil, api.Page{}, credential.NewError(credential.InvalidInput, "pages and their size count "+
			"from 1", "")
	}
	if p.MaxSize == allItems {
		p.MaxSize = max(p.Total, 1)
	}
	p.TotalPages = max(1, (p.Total+p.MaxSize-1)/p.MaxSize)
	if p.Index > p.TotalPages {
		return nil, api.Page{}, credential.NewError(credential.InvalidInput, fmt.Sprintf(
			"Invalid page %d. The requested page size is %d and there are a total of %d items for this "+
				"query. "+
				"The maximum page value therefore is %d.", p.Index, p.MaxSize, p.Total, p.TotalPages), "")
	}
	start := (p.Index - 1) * p.MaxSize
	items := make([]T, 0, min(p.MaxSize, p.Total-start))
	for _, v := range selected[start:min(p.Total, start+p.MaxSize)] {
		items = append(items, *v)
	}
	return items, p, nil
}
