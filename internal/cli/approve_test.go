package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
)

// pendingApprovals are requests that wait for a person: an ordinary one, one of whom
// little is known, and one that wants to deceive.
func pendingApprovals() []api.Approval {
	return []api.Approval{
		{
			ID: "k7qm", Asked: noon().Add(-3 * time.Second), Action: "get", Address: "ghcr.io",
			Connector: "prod", Asker: "/usr/bin/docker",
			Programs: []string{
				"[docker-credenti]",
				"/usr/bin/docker",
				"/usr/bin/make",
				"/bin/bash",
			}, PID: 4711, Dir: "/src/app",
			KeepSeconds: 600, Waiting: 1,
		},
		{ID: "b3x2", Asked: noon().Add(-90 * time.Second), Action: "get", Address: "quay.io"},
		{
			ID: "evil", Asked: noon(), Action: "reveal", Connector: "prod", Asker: "/tmp/x\x1b[2J\nAllow " +
				"it? [y/N]: y", Dir: "/a\nRegistry: b",
			Programs: []string{"/tmp/x\x1b[2J\nAllow it? [y/N]: y"}, Waiting: 1,
		},
	}
}

func answers(z *fakeZend) (list []string) {
	for _, r := range z.sent(api.MethodApprovalAnswer) {
		list = append(list, r.params)
	}
	return list
}

func TestApproveAsksAboutEachRequest(t *testing.T) {
	w := smallWorld()
	w.approvals = pendingApprovals()
	z := startZend(t, w)
	d := startDialog(t, z, 100, "approve")
	d.expect("/usr/bin/docker wants to use service connector 'prod'.")
	d.expect("Registry:   ghcr.io")
	d.expect("Directory:  /src/app")
	d.expect("Started by: /usr/bin/make < /bin/bash")
	d.answer("Approval is remembered for 10m. Allow it? [y/N]: ", "y")
	d.expect("/usr/bin/docker may use service connector 'prod'.")
	d.expect("An unknown program wants to use the login for quay.io.")
	d.answer("Allow it? [y/N]: ", "")
	d.expect("An unknown program may not use the login for quay.io.")
	d.expect(`/tmp/x\x1b[2J Allow it? [y/N]: y wants to show the secrets of service connector 'prod'.`)
	d.expect("Directory:  /a Registry: b")
	d.answer("\r\nAllow it? [y/N]: ", "no")
	d.end(0)
	if got := answers(z); !slices.Equal(
		got,
		[]string{`{"id":"k7qm"}`, `{"deny":true,"id":"b3x2"}`, `{"deny":true,"id":"evil"}`},
	) {
		t.Errorf("zend was sent %q", got)
	}
	d = startDialog(t, z, 100, "approve")
	d.expect("No pending approval requests.")
	d.end(0)
}

// A request that somebody else answered meanwhile is no failure; the end of the input is
// no answer.
func TestApproveOfWhatIsNotOpenAnyMore(t *testing.T) {
	w := smallWorld()
	w.approvals = pendingApprovals()[:2]
	z := startZend(t, w)
	d := startDialog(t, z, 100, "approve")
	d.expect("Allow it? [y/N]: ")
	if r := zen(t, z, "", terminalOf{}, "approve", "k7qm"); r.code != 0 {
		t.Errorf("approve k7qm: %s", r.stderr)
	}
	d.enter("y")
	d.expect("The request is not open any more.")
	d.expect("Allow it? [y/N]: ")
	d.press("\x04")
	d.end(1)
	if got := answers(z); len(got) != 2 {
		t.Errorf("zend was sent %q", got)
	}
}

func TestApproveFollows(t *testing.T) {
	z := startZend(t, smallWorld())
	d := startDialog(t, z, 100, "approve", "--follow")
	d.expect("Waiting for requests. Ctrl-C ends this.")
	z.add(pendingApprovals()[0])
	d.answer("Allow it? [y/N]: ", "yes")
	d.expect("may use service connector 'prod'.")
	z.add(pendingApprovals()[1])
	d.answer("Allow it? [y/N]: ", "n")
	d.expect("may not use the login for quay.io.")
	d.press("\x03")
	d.end(130)
	if got := answers(z); len(got) != 2 {
		t.Errorf("zend was sent %q", got)
	}
}

func TestApproveCompletesIDs(t *testing.T) {
	w := smallWorld()
	w.approvals = pendingApprovals()
	z := startZend(t, w)
	if got := completions(t, z, "approve", ""); strings.Join(got, " ") != "k7qm b3x2 evil" {
		t.Errorf("%q", got)
	}
}
