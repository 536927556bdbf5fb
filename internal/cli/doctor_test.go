package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/doctor"
	"github.com/zen-agent/zen/internal/ipc"
	"github.com/zen-agent/zen/internal/paths"
)

// doctorBox is a setupBox with a zend that answers by a function.
type doctorBox struct {
	*setupBox

	zend      func(method string, params []byte) (any, error)
	started   bool // zend was to be started
	elsewhere []string
	dirsErr   error
	width     int
}

func newDoctorBox(t *testing.T, zend func(string, []byte) (any, error)) *doctorBox {
	b := &doctorBox{setupBox: newSetupBox(t), zend: zend}
	b.write(
		"bin/docker-credential-zen",
		"#!/bin/sh\necho 'docker-credential-zen (x) "+api.Version+"'\n",
		0o755,
	)
	t.Setenv(ipc.DaemonVariable, "/bin/sh") // some program, that is not executed
	return b
}

func (b *doctorBox) Call(method string, params []byte, _ time.Time) (ipc.Reply, error) {
	result, err := b.zend(method, params)
	if err != nil {
		return ipc.Reply{}, err
	}
	encoded, err := json.Marshal(result)
	return ipc.Reply{Result: encoded}, err
}

// run runs a command line and writes both streams into the transcript.
func (b *doctorBox) run(line string) (stdout string, status int) {
	b.t.Helper()
	var out, errOut bytes.Buffer
	a := &app{
		UI: &ui.UI{
			In: strings.NewReader(
				"",
			), Out: &ui.DataWriter{W: &out}, Err: &errOut, Term: ui.Terminal{Width: b.width},
			Getenv: func(k string) string { return b.vars[k] },
		},
		now:  noon,
		zend: func(start bool) (zend.Caller, error) { b.started = b.started || start; return b, nil },
		dirs: func() (paths.Dirs, error) {
			if b.dirsErr != nil {
				return paths.Dirs{}, b.dirsErr
			}
			return paths.Dirs{
				Data: filepath.Join(
					b.dir,
					"data",
				), State: filepath.Join(b.dir, "state"), Config: filepath.Join(b.dir, "config"),
				Runtime: filepath.Join(b.dir, "run"),
			}, nil
		},
		elsewhere: func(paths.Dirs) []string { return b.elsewhere },
	}
	status = a.run(b.t.Context(), words(line))
	fmt.Fprintf(&b.transcript, "$ zen %s\n%s%s", line, &out, &errOut)
	if status != 0 {
		fmt.Fprintf(&b.transcript, "[exit status %d]\n", status)
	}
	b.transcript.WriteByte('\n')
	return out.String(), status
}

// compare is setupBox's, for programs of any version.
func (b *doctorBox) compare(name string) {
	b.t.Helper()
	text := strings.ReplaceAll(b.transcript.String(), api.Version, "VERSION")
	b.transcript.Reset()
	b.transcript.WriteString(text)
	b.setupBox.compare(name)
}

// noZend is where nobody answers.
func noZend(string, []byte) (any, error) { return nil, absent() }

// aZend runs, and has one login.
func aZend(method string, _ []byte) (any, error) {
	if method != api.MethodStatus {
		return nil, errors.New("unexpected " + method)
	}
	return api.Status{
		Version: api.Version, PID: 4711,
		Logins: []api.Login{{Address: "ghcr.io", ServerURL: "ghcr.io", ConnectorName: "gh"}},
		Vault: api.VaultStatus{
			State: "unlocked",
			Slots: []api.VaultSlot{{Kind: "session", Detail: "the kernel's user keyring"}},
		},
	}, nil
}

// TestDoctor compares what zen doctor prints with testdata/doctor.golden; UPDATE_GOLDEN=1
// writes it. Only checks are made that do not depend on the machine.
func TestDoctor(t *testing.T) {
	b := newDoctorBox(t, noZend)
	b.note("a machine where nothing was done yet")
	b.run("doctor directories settings zend vault vault-key helper helper-version client-setup")
	if b.started {
		t.Error("zend was to be started")
	}

	b.note("clients are there, and broken")
	for _, p := range []string{"docker", "helm", "regctl"} {
		b.program(p)
	}
	b.config(`{"auths": {"quay.io": {"auth": "YWxpY2U6Y2FuYXJ5"}}, "credsStore": "desktop", ` +
		`"credHelpers": {"gcr.io": "gcloud"}}`)
	b.write(".docker/config.json123", `{"auths": {"quay.io": {"auth": "YWxpY2U6Y2FuYXJ5"}}}`, 0o600)
	b.vars["DOCKER_AUTH_CONFIG"] = `{"auths": {"ghcr.io": {"auth": "YWxpY2U6Y2FuYXJ5"}}}`
	const clients = "doctor client-setup configured-helpers docker-auth-config plaintext-logins " +
		"leftover-files"
	b.run(clients)
	b.zend = aZend
	b.run("doctor zend zend-version vault vault-key logins docker-auth-config")
	b.width = 60
	b.run("doctor vault-key docker-auth-config")
	b.width = 0

	b.note("for scripts")
	b.run("doctor helper vault-key -o json")
	b.run("doctor helper vault-key -o csv")
	b.run("doctor vault-key --strict -o tsv")

	b.note("what cannot be done")
	b.run("doctor helth")
	b.zend = func(string, []byte) (any, error) {
		return nil, credential.NewError(credential.ForeignPeer, "the socket belongs to another user", "rm it")
	}
	b.run("doctor zend vault")
	b.zend = noZend
	b.run("doctor zend --start")
	if !b.started {
		t.Error("zend was not to be started")
	}
	b.dirsErr = credential.NewError(credential.InvalidInput, `ZEN_SOCKET is not an absolute path: "x"`, "")
	b.run("doctor directories runtime-directory settings one-zend zend vault client-setup")
	b.compare("doctor.golden")
}

func TestDoctorExitStatus(t *testing.T) {
	b := newDoctorBox(t, aZend)
	for _, tt := range []struct {
		line string
		want int
	}{
		{"doctor helper", 0},
		{"doctor vault-key", 0},
		{"doctor vault-key --strict", 1},
		{"doctor helper --strict -o json", 0},
		{"doctor configured-helpers", 1},
		{"doctor configured-helpers -o yaml", 1},
		{"doctor nonsense", 2},
	} {
		b.config(`{"credsStore": "gone"}`)
		if _, got := b.run(tt.line); got != tt.want {
			t.Errorf("zen %s: exit %d, want %d", tt.line, got, tt.want)
		}
	}
	var doc struct {
		Items []doctor.Result `json:"items"`
	}
	out, _ := b.run("doctor -o json")
	if err := json.Unmarshal([]byte(out), &doc); err != nil || len(doc.Items) < 15 {
		t.Errorf("%v\n%s", err, out)
	}
}

// Only a zend that answers, and is not the one that was asked, is a second one.
func TestDoctorFindsASecondZend(t *testing.T) {
	b := newDoctorBox(t, aZend)
	other := startZend(t, smallWorld())
	stale := filepath.Join(b.dir, "stale.sock")
	if err := os.WriteFile(stale, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.elsewhere = []string{"/no/such.sock", stale}
	if out, status := b.run("doctor one-zend"); status != 0 {
		t.Errorf("exit %d: %s", status, out)
	}
	same := startZend(t, smallWorld()) // by its process id
	b.zend = func(string, []byte) (any, error) { return api.Status{PID: 4712}, nil }
	b.elsewhere = []string{stale, other.socket}
	if out, status := b.run("doctor one-zend"); status != 1 ||
		!strings.Contains(out, "ZEN_SOCKET="+other.socket+" zen daemon stop") {
		t.Errorf("exit %d: %s", status, out)
	}
	b.zend = aZend
	b.elsewhere = []string{same.socket}
	if out, status := b.run("doctor one-zend"); status != 0 {
		t.Errorf("the same zend by another path: exit %d: %s", status, out)
	}
}

// What the doctor prescribes must exist.
func TestDoctorPrescribesCommandsThatExist(t *testing.T) {
	b := newDoctorBox(t, func(string, []byte) (any, error) {
		return api.Status{
			Version: "0", Vault: api.VaultStatus{State: "odd"},
			Logins: []api.Login{{Address: "a.io", ConnectorName: "c", Problem: "x"}},
		}, nil
	})
	for _, p := range []string{"docker", "podman", "helm", "regctl"} {
		b.program(p)
	}
	b.config(`{"auths": {"quay.io": {"auth": "YWxpY2U6Y2FuYXJ5"}}, "credsStore": "zen", "credHelpers": ` +
		`{"gcr.io": "", "a.io": "gone"}}`)
	b.write("helm/registry/config.json", `{"credsStore": "desktop"}`, 0o600)
	b.elsewhere = []string{startZend(t, smallWorld()).socket}
	type found struct {
		Items []doctor.Result `json:"items"`
	}
	var all []doctor.Result
	for _, zend := range []func(string, []byte) (any, error){b.zend, aZend, noZend} {
		b.zend = zend
		b.write("data/vault.json", "{}", 0o600)
		out, _ := b.run("doctor -o json")
		var doc found
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatal(err)
		}
		all = append(all, doc.Items...)
	}
	var prescribed []string
	for _, r := range all {
		_, line, ok := strings.Cut(r.Hint, "zen ")
		line, _, _ = strings.Cut(line, ",")
		line, _, _ = strings.Cut(line, ";")
		if !ok || strings.HasPrefix(r.Hint, "install") || slices.Contains(prescribed, line) {
			continue
		}
		prescribed = append(prescribed, line)
		a := testApp(t, &fakeZend{}, "", &strings.Builder{})
		tree := a.root()
		cmd, rest, err := tree.Find(words(line))
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil || cmd == tree {
			t.Errorf("%s prescribes %q: %v", r.Check, line, err)
		}
	}
	if len(prescribed) < 8 {
		t.Errorf("found only %q", prescribed)
	}
}
