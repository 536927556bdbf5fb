package daemon

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/config"
	"github.com/zen-agent/zen/internal/policy"
)

func TestPolicyRules(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	ghcr, err := address.Parse("ghcr.io/team")
	if err != nil {
		t.Fatal(err)
	}
	got := policyRules([]config.Rule{
		{Confirm: true},
		{
			Connector: "prod-*", Registry: "ghcr.io/team", Executables: []config.Executable{"~/bin/docker", "docker", "/usr/bin/x", "~x"},
			Directories: []config.Directory{"~", "~/src/../a", "/src"}, Confirm: true, ConfirmKeep: config.Duration(time.Minute),
			Rate: config.Rate{Count: 3, Per: time.Hour},
		},
	})
	want := []policy.Rule{
		{Number: 1, Confirm: true},
		{
			Number: 2, Connector: "prod-*", Registry: ghcr, Executables: []string{"/home/me/bin/docker", "docker", "/usr/bin/x", "~x"},
			Directories: []string{"/home/me", "/home/me/a", "/src"}, Confirm: true, Keep: time.Minute, Rate: policy.Rate{Count: 3, Per: time.Hour},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// An edited policy holds at once; a request that waits is a notice, and so is a rule about nothing.
func TestPolicyIsTakenOver(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	w.store("ghcr.io")
	w.wantGet("ghcr.io", canary)
	w.write(w.dirs.ConfigFile(), "[[policy]]\nexecutables = [\"/nowhere/docker\"]\n\n[[policy]]\nconnector = \"prod\"\nconfirm = true\n")
	p.awaitLog("Took over the edited config.toml")
	w.wantGet("ghcr.io", "denied")
	eventually(t, "the rule about nothing is told of", func() bool {
		return len(w.status().Notices) == 1 && strings.Contains(w.status().Notices[0].Text, "rule 2 of the policy is about service connector 'prod', which there is not")
	})
	w.store("quay.io")
	w.write(w.dirs.ConfigFile(), "[[policy]]\nconfirm = true\n")
	p.awaitLogs("Took over the edited config.toml", 2)
	for _, want := range []string{"a request waits until you allow it", "2 requests wait until you allow them"} {
		host := map[bool]string{true: "ghcr.io", false: "quay.io/team/app"}[strings.HasPrefix(want, "a ")]
		go w.get(host)
		eventually(t, want, func() bool {
			list := w.status().Notices
			return len(list) == 1 && list[0].Text == want && list[0].Hint == "zen approve"
		})
	}
	if got := w.mustCall(api.MethodApprovalList, api.Empty{}); !strings.Contains(got, `"address":"ghcr.io"`) || !strings.Contains(got, `"address":"quay.io/team/app"`) {
		t.Errorf("%s", got)
	}
	w.mustCall(api.MethodApprovalAnswer, api.AnswerApproval{All: true})
	eventually(t, "nothing waits any more", func() bool { return len(w.status().Notices) == 0 })
}
