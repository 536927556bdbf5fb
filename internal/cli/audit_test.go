package cli

import (
	"fmt"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/credential"
)

// What is added is printed once, in order, also when zend was away meanwhile.
func TestAuditFollows(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		line string // of entry %d
	}{
		{nil, "2026-11-23 12:00:0%[1]d UTC  get      ok      h%[1]d.example  x\\x1b[2J (7)  a b\n"},
		{[]string{"--json"}, `{"time":"2026-11-23T12:00:0%[1]dZ","action":"get",` +
			`"address":"h%[1]d.example","result":"ok","detail":"a\nb",` +
			`"pid":7,"exe":"/x\u001b[2J"}` + "\n"},
		{[]string{"-o", "json"}, `"address":"h%[1]d.example"`},
	} {
		w := smallWorld()
		w.audit = nil
		z := startZend(t, w)
		out, end := runInBackground(t, z, append([]string{"audit", "--follow"}, tt.args...)...)
		want := ""
		for i := 1; i <= 3; i++ {
			entry := api.AuditEntry{
				Time:   noon().Add(time.Duration(i) * time.Second),
				Action: "get", Address: fmt.Sprintf("h%d.example", i), Result: "ok", PID: 7,
				Exe: "/x\x1b[2J", Detail: "a\nb",
			}
			z.change(func(w *world) {
				w.audit = append(w.audit, entry)
				delete(w.fail, api.MethodAudit)
			})
			line := fmt.Sprintf(tt.line, i)
			out.await(t, line)
			z.change(func(w *world) {
				w.fail[api.MethodAudit] = credential.NewError(credential.Unavailable, "zend is not "+
					"running", "")
			})
			want += line
		}
		if code := end(); code != credential.ExitInterrupted {
			t.Errorf("exit status %d", code)
		}
		if got := out.String(); got != want && len(tt.args) < 2 {
			t.Errorf("it printed\n%s\nwant\n%s", got, want)
		}
	}
}

func TestAuditFollowFails(t *testing.T) {
	w := smallWorld()
	w.fail[api.MethodAudit] = credential.NewError(credential.Internal, "the audit log cannot be read", "")
	z := startZend(t, w)
	if r := zen(t, z, "", terminalOf{}, "audit", "-f"); r.code != credential.ExitError {
		t.Errorf("%+v", r)
	}
	env := map[string]string{"HOME": t.TempDir(), ui.OutputVariable: "csv"}
	if r := zenWith(t, startZend(t, smallWorld()), "", terminalOf{}, env, "audit", "--json"); r.code != 0 ||
		r.stdout == "" {
		t.Errorf("with a format in the environment: %+v", r)
	}
}
