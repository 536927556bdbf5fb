package keystore

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

// scenario is one change of a vault, from a state that is prepared once.
type scenario struct {
	name    string
	prepare func(t *testing.T, path string, slot *slotStub)
	run     func(t *testing.T, v *Vault) error
	session bool // the slot's keys may be lost at any time
	once    bool // what was done cannot be done again
	lenient bool // it may work in part, and say so in State
}

func word(s string) credential.Secret { return credential.SecretString(s) }

func scenarios() []scenario {
	withRecords := func(t *testing.T, path string, slot *slotStub) {
		v := open(t, path, slot)
		mustCommit(t, v, put("a", `{"n":1}`, "s1"), put("b", `{}`, ""))
		mustCommit(t, v, put("a", `{"n":2}`, "s2"))
		v.Close()
	}
	withPassphrase := func(t *testing.T, path string, slot *slotStub) {
		withRecords(t, path, slot)
		v := open(t, path, slot)
		if err := v.SetPassphrase(t.Context(), word("old")); err != nil {
			t.Fatal(err)
		}
		v.Close()
	}
	return []scenario{
		{
			name:    "first change",
			prepare: func(*testing.T, string, *slotStub) {},
			run: func(t *testing.T, v *Vault) error {
				return v.Commit(t.Context(), put("a", `{}`, "s1"))
			},
		},
		{name: "change", prepare: withRecords, run: func(t *testing.T, v *Vault) error {
			return v.Commit(t.Context(), put("a", `{"n":3}`, "s3"))
		}},
		{name: "new passphrase", prepare: withRecords, run: func(t *testing.T, v *Vault) error {
			return v.SetPassphrase(t.Context(), word("new"))
		}},
		{name: "other passphrase", prepare: withPassphrase, run: func(t *testing.T, v *Vault) error {
			return v.SetPassphrase(t.Context(), word("new"))
		}},
		{name: "no passphrase", prepare: withPassphrase, once: true, run: func(t *testing.T, v *Vault) error {
			return v.RemovePassphrase(t.Context())
		}},
		{
			name:    "rotation",
			prepare: withPassphrase,
			run:     func(t *testing.T, v *Vault) error { return v.Rotate(t.Context()) },
		},
		{name: "lock", prepare: withRecords, run: func(_ *testing.T, v *Vault) error { return v.Lock() }},
		{name: "unlock", prepare: func(t *testing.T, path string, slot *slotStub) {
			withRecords(t, path, slot)
			v := open(t, path, slot)
			if err := v.Lock(); err != nil {
				t.Fatal(err)
			}
			v.Close()
		}, run: func(t *testing.T, v *Vault) error { return v.Unlock(t.Context(), nil) }},
		{
			name:    "unlock after a reboot",
			session: true,
			lenient: true,
			prepare: func(t *testing.T, path string, slot *slotStub) {
				withPassphrase(t, path, slot)
				slot.lose()
			},
			run: func(t *testing.T, v *Vault) error {
				w := word("old")
				return v.Unlock(t.Context(), &w)
			},
		},
		{name: "restore", once: true, prepare: func(t *testing.T, path string, slot *slotStub) {
			withRecords(t, path, slot)
			writeVault(t, path, []byte("garbage"), nil)
		}, run: func(t *testing.T, v *Vault) error { return v.Restore(t.Context()) }},
		{
			name:    "start anew",
			session: true,
			once:    true,
			prepare: func(t *testing.T, path string, slot *slotStub) {
				withRecords(t, path, slot)
				slot.lose()
			},
			run: func(t *testing.T, v *Vault) error {
				_ = v.EnsureOpen(t.Context()) // finds out that the key is lost
				return v.StartAnew(t.Context())
			},
		},
	}
}

// world is a prepared scenario: a disk and a key slot.
type world struct {
	scenario
	disk disk
	slot *slotStub
}

func (s scenario) world(t *testing.T) world {
	t.Helper()
	slot := &slotStub{kind: KindOSKeyring}
	if s.session {
		slot.kind = KindSession
	}
	path := vaultPath(t)
	s.prepare(t, path, slot)
	if len(files(t, path)) == 0 {
		return world{s, disk{}, slot}
	}
	return world{s, readDisk(t, path), slot}
}

// outcome is all that can be seen of a vault by who opens it: its state, its content, and
// which passphrases open it.
func outcome(t *testing.T, path string, slot *slotStub) string {
	t.Helper()
	v := open(t, path, slot)
	defer v.Close()
	var words []string
	for _, w := range []string{"old", "new"} {
		if f, err := v.store.read(path); err == nil && opensWith(f, w) {
			words = append(words, w)
		}
	}
	_ = v.EnsureOpen(t.Context())
	text := fmt.Sprintf("%s, passphrases %q", v.State().State, words)
	if v.State().State == StateUnlocked {
		text += fmt.Sprint(", ", content(t, v))
	}
	return text
}

// opensWith reports whether a passphrase opens a file.
func opensWith(f *file, passphrase string) bool {
	for _, s := range f.slots {
		if s.Params == nil {
			continue
		}
		kek, err := s.Params.unwrapKey([]byte(passphrase))
		if err != nil {
			continue
		}
		if k, err := s.unwrap(f.vault, kek); err == nil {
			defer k.destroy()
			return k.verify(f) == nil
		}
	}
	return false
}

// Whatever goes wrong at whatever operation, the old state or the new one is there, and
// who asked is told which.
func TestFaultAtEveryOperation(t *testing.T) {
	for _, s := range scenarios() {
		for _, noLinks := range []bool{false, true} {
			if noLinks && s.name != "change" && s.name != "restore" {
				continue
			}
			t.Run(fmt.Sprintf("%s, no links %v", s.name, noLinks), func(t *testing.T) {
				t.Parallel()
				w := s.world(t)
				before, after, fs := w.normally(t, noLinks)
				for _, f := range faults() {
					for at := 1; at <= fs.count; at++ {
						if f.short && !slices.Contains(fs.writes, at) {
							continue
						}
						w.withFault(t, f, at, noLinks, before, after)
					}
				}
			})
		}
	}
}

// normally runs the scenario without a fault; fs says what operations that takes.
func (w world) normally(t *testing.T, noLinks bool) (before, after string, fs *faultFS) {
	t.Helper()
	before = outcome(t, w.disk.write(t), w.slot.clone())
	path, slot := w.disk.write(t), w.slot.clone()
	fs = &faultFS{noLinks: noLinks}
	slot.log = fs.note
	v := openWith(t, Options{Path: path, Slots: []KeySlot{slot}, FS: fs})
	if err := w.run(t, v); err != nil {
		t.Fatal(err)
	}
	v.Close()
	return before, outcome(t, path, slot), fs
}

func (w world) withFault(t *testing.T, f fault, at int, noLinks bool, before, after string) {
	t.Helper()
	path, slot := w.disk.write(t), w.slot.clone()
	fs := &faultFS{fault: f, at: at, noLinks: noLinks}
	slot.down = fs.killed
	v := openWith(t, Options{Path: path, Slots: []KeySlot{slot}, FS: fs})
	err := w.run(t, v)
	noted := w.lenient && v.State().Problem != ""
	again := errors.New("not tried")
	if !f.stays && !w.once && err != nil && v.State().State != StateDamaged {
		again = w.run(t, v)
	}
	records := v.Records()
	v.Close()
	slot.down = nil
	got := outcome(t, path, slot)
	context := fmt.Sprintf("%s at operation %d, which returned %v:%s\n", f.name, at, err, describe(fs.events))
	killed := errors.Is(f.err, errKilled)
	switch {
	case got != before && got != after:
		t.Errorf("%s got    %s\n before %s\n after  %s", context, got, before, after)
	case killed:
	case noted && err == nil:
	case (err == nil || again == nil) && got != after:
		t.Errorf("%s it worked, but what is there is %s, not %s", context, got, after)
	case err != nil && strings.Contains(err.Error(), "nor read it"): // zend cannot know, and says so
	case err != nil && strings.Contains(got, StateUnlocked) && len(records) > 0 &&
		!strings.Contains(got, string(records[0].Public)):
		t.Errorf("%s zend believes in %s, the disk has %s", context, records[0].Public, got)
	}
	if err != nil && !killed {
		w.checkMessage(t, context, err, path)
	}
}

// checkMessage wants the file named, and something to type or to do.
func (w world) checkMessage(t *testing.T, context string, err error, path string) {
	t.Helper()
	e, ok := errors.AsType[*credential.Error](err)
	switch {
	case !ok:
		t.Errorf("%s the error is for nobody: %v", context, err)
	case e.Reason == credential.InvalidInput:
		// the fault came before: what is there cannot be read, as State says
	case !strings.Contains(e.Message, path) || e.HintText() == "" || strings.Contains(e.Message, tempPrefix):
		t.Errorf("%s message %q, hint %q", context, e.Message, e.HintText())
	}
}

// Whatever went wrong in a change, the previous generation can be restored, and opens:
// its keys are deleted only after it is gone.
func TestPreviousGenerationOpensAfterAnyFault(t *testing.T) {
	for _, s := range scenarios() {
		if s.session || s.once || s.name == "first change" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := s.world(t)
			_, _, fs := w.normally(t, false)
			for at := 1; at <= fs.count+1; at++ {
				path, slot := w.disk.write(t), w.slot.clone()
				v := openWith(
					t,
					Options{
						Path:  path,
						Slots: []KeySlot{slot},
						FS:    &faultFS{fault: fault{err: syscall.EIO, stays: true}, at: at},
					},
				)
				err := w.run(t, v)
				v.Close()
				_ = os.Remove(path) // it may be the same file as the previous generation
				writeVault(t, path, []byte("garbage"), nil)
				v = open(t, path, slot)
				if opened := errors.Join(v.Restore(t.Context()), v.Unlock(t.Context(), nil)); opened != nil {
					t.Fatalf("after a fault in operation %d, which returned %v: %v", at, err, opened)
				}
				if got := content(t, v); len(got) != 2 {
					t.Errorf("restored: %v", got)
				}
				v.Close()
			}
		})
	}
}

// The machine loses power at any moment of a change. What was reported as done stays
// done.
func TestPowerLossAtEveryMoment(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := s.world(t)
			before, after, fs := w.normally(t, false)
			seen := make(map[string]bool)
			for _, c := range crashes(w.disk, fs.events) {
				keys := slotAfter(w.slot, fs.events[:c.events])
				key := fmt.Sprint(c.disk, keys.ids())
				if seen[key] && c.events < len(fs.events) {
					continue
				}
				seen[key] = true
				got := outcome(t, c.disk.write(t), keys)
				if got != before && got != after || c.events == len(fs.events) && got != after {
					t.Fatalf(
						"lost power after:%s\n\tgot    %s\n\tbefore %s\n\tafter  %s",
						describe(fs.events[:c.events]),
						got,
						before,
						after,
					)
				}
			}
		})
	}
}
