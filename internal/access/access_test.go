package access

import "testing"

func TestWorkDir(t *testing.T) {
	system := func() string { return "/private/tmp" }
	for _, tt := range []struct {
		c    Caller
		want string
	}{
		{Caller{}, ""},
		{Caller{Cwd: system}, "/private/tmp"},
		{Caller{Dir: "/tmp", Cwd: system}, "/private/tmp"},
		{Caller{Dir: "/tmp"}, "/tmp"},
	} {
		if got := tt.c.WorkDir(); got != tt.want {
			t.Errorf("%+v: %s", tt.c, got)
		}
	}
}
