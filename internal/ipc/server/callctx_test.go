package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// However it is looked at, a call's context is what context.WithTimeout makes.
func TestCallContext(t *testing.T) {
	type made struct {
		context.Context
		end func()
	}
	kinds := map[string]func(context.Context) made{
		"ours": func(parent context.Context) made {
			c := withDeadline(parent, time.Minute)
			return made{c, c.end}
		},
		"the library's": func(parent context.Context) made {
			c, end := context.WithTimeout(parent, time.Minute)
			return made{c, end}
		},
	}
	for kind, of := range kinds {
		for name, tt := range map[string]struct {
			happens func(c made, endParent func())
			want    error
		}{
			"nothing":         {func(made, func()) {}, nil},
			"the time passes": {func(made, func()) { time.Sleep(time.Minute) }, context.DeadlineExceeded},
			"it is answered":  {func(c made, _ func()) { c.end() }, context.Canceled},
			"zend ends":       {func(_ made, endParent func()) { endParent() }, context.Canceled},
			"somebody waits and the time passes": {func(c made, _ func()) {
				select {
				case <-c.Done():
				case <-time.After(time.Hour):
					t.Error(kind, "waits for ever")
				}
			}, context.DeadlineExceeded},
			"somebody waits below it": {func(c made, _ func()) {
				child, cancel := context.WithTimeout(c, time.Hour)
				defer cancel()
				<-child.Done()
			}, context.DeadlineExceeded},
		} {
			synctest.Test(t, func(t *testing.T) {
				type key struct{}
				parent, endParent := context.WithCancel(context.WithValue(t.Context(), key{}, 1))
				defer endParent()
				c := of(parent)
				defer c.end()
				if d, ok := c.Deadline(); !ok || time.Until(d) != time.Minute || c.Value(key{}) != 1 ||
					c.Err() != nil {
					t.Errorf("%s, %s: %v, %v, %v, %v", kind, name, d, ok, c.Value(key{}), c.Err())
				}
				tt.happens(c, endParent)
				synctest.Wait()
				if err := c.Err(); !errors.Is(err, tt.want) || !errors.Is(context.Cause(c), tt.want) {
					t.Errorf("%s, %s: %v, because of %v, want %v", kind, name, err, context.Cause(c), tt.want)
				}
				if c.Value(key{}) != 1 {
					t.Errorf("%s, %s: the value is %v", kind, name, c.Value(key{}))
				}
				select {
				case <-c.Done():
					if tt.want == nil {
						t.Errorf("%s, %s: it is done", kind, name)
					}
				default:
					if tt.want != nil {
						t.Errorf("%s, %s: it is not done", kind, name)
					}
				}
			})
		}
	}
}
