package keystore

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zen-agent/zen/internal/credential"
)

const sealLine = len(textSeal) + 2*sha256.Size + len(textSum) + 2*sha256.Size + len(textLast)

// reseal gives an edited body a checksum that fits, as an attacker does who cannot know
// the key. The MAC stays.
func reseal(b []byte) []byte {
	covered := b[:len(b)-2*sha256.Size-len(textLast)]
	sum := sha256.Sum256(covered)
	return append(hex.AppendEncode(bytes.Clone(covered), sum[:]), textLast...)
}

// sampleVault makes a vault with two generations and returns its path, its slot, and what
// it holds.
func sampleVault(t testing.TB, slot *slotStub) (path string, previous, present map[string]string) {
	t.Helper()
	path = vaultPath(t)
	v := open(t, path, slot)
	mustCommit(t, v,
		put("ghcr", `{"host":"ghcr.io","user":"alice"}`, "secret-1"),
		put("hub", `{"host":"docker.io","user":"bob"}`, "secret-2"),
		put("login", `{"address":"ghcr.io","connector":"ghcr"}`, ""),
	)
	previous = content(t, v)
	mustCommit(
		t,
		v,
		put("hub", `{"host":"docker.io","user":"bob"}`, "secret-3"),
		put("quay", `{"host":"quay.io","user":"carol"}`, "secret-4"),
	)
	present = content(t, v)
	v.Close()
	return path, previous, present
}

// Every flipped bit is noticed by the checksum, without any key.
func TestEveryFlippedBitIsDamage(t *testing.T) {
	path, _, _ := sampleVault(t, keyringStub())
	b := mustRead(t, path)
	for i := range b {
		for bit := range 8 {
			b[i] ^= 1 << bit
			if _, err := parse(b); !errors.Is(err, errDamaged) {
				t.Errorf("bit %d of byte %d (%q): %v", bit, i, b[i], err)
			}
			b[i] ^= 1 << bit
		}
	}
	for n := range b {
		if _, err := parse(b[:n]); !errors.Is(err, errDamaged) {
			t.Errorf("cut to %d of %d bytes: %v", n, len(b), err)
		}
	}
	if _, err := parse(append(bytes.Clone(b), '\n')); !errors.Is(err, errDamaged) {
		t.Errorf("one byte longer: %v", err)
	}
}

// Every byte changed by somebody who mends the checksum is noticed with the key.
func TestEveryChangedByteIsTampering(t *testing.T) {
	slot := keyringStub()
	path, _, _ := sampleVault(t, slot)
	b := mustRead(t, path)
	good, err := parse(bytes.Clone(b))
	if err != nil {
		t.Fatal(err)
	}
	v := open(t, path, slot)
	k, err := v.slots.open(t.Context(), good, &good.slots[0])
	if err != nil || k.verify(good) != nil {
		t.Fatal("the file itself does not open:", err)
	}
	defer k.destroy()
	parsed := 0
	for i := range len(b) - 2*sha256.Size - len(textLast) {
		for _, with := range []byte{b[i] ^ 1, '0', 'A'} {
			changed := bytes.Clone(b)
			changed[i] = with
			if with == b[i] {
				continue
			}
			f, err := parse(reseal(changed))
			if err != nil {
				continue
			}
			parsed++
			if err := k.verify(f); !errors.Is(err, errMAC) {
				t.Errorf("byte %d changed from %q to %q: %v", i, b[i], with, err)
			}
		}
	}
	if parsed < 500 {
		t.Errorf("only %d edits got past the parser: the test tests nothing", parsed)
	}
}

// A record's own seal binds its public part and its place, whatever happens to the
// file's.
func TestRecordSealBindsEverything(t *testing.T) {
	slot := keyringStub()
	path, _, _ := sampleVault(t, slot)
	v := open(t, path, slot)
	mustOpen(t, v)
	f, k := v.f, v.keys
	for _, id := range []string{"ghcr", "login"} {
		r := *f.find(id)
		other := f.find("hub")
		changes := map[string]func(r *record, vault *string){
			"host": func(r *record, _ *string) {
				r.public = bytes.ReplaceAll(r.public, []byte("ghcr.io"), []byte("evil.io"))
			},
			"attribute": func(r *record,
				_ *string,
			) {
				r.public = bytes.Replace(r.public, []byte("}"), []byte(`,"x":1}`), 1)
			},
			"spelling": func(r *record,
				_ *string,
			) {
				r.public = bytes.ReplaceAll(r.public, []byte("."), []byte(`\u002e`))
			},
			"id":             func(r *record, _ *string) { r.id = "other" },
			"kind":           func(r *record, _ *string) { r.kind = "other" },
			"having secrets": func(r *record, _ *string) { r.secret = !r.secret },
			"vault":          func(_ *record, vault *string) { *vault = "5e0a" },
			"sealed part":    func(r *record, _ *string) { r.blob = other.blob },
			"nonce": func(r *record,
				_ *string,
			) {
				r.blob = append([]byte{r.blob[0] ^ 1}, r.blob[1:]...)
			},
			"id into kind": func(r *record, _ *string) { r.id, r.kind = r.id[:1], r.id[1:]+r.kind },
		}
		if b, err := k.openRecord(f.vault, &r); err != nil {
			t.Fatalf("the record itself: %q, %v", b, err)
		}
		for name, change := range changes {
			r, vault := r, f.vault
			change(&r, &vault)
			if b, err := k.openRecord(vault, &r); !errors.Is(err, errSealed) || b != nil {
				t.Errorf("%s of %s changed: %q, %v", name, id, b, err)
			}
		}
	}
}

// lines are a file's lines, without the seal.
func lines(b []byte) []string { return strings.SplitAfter(string(b[:len(b)-sealLine]), "\n") }

// edits are what somebody with an editor, or an older copy of the file, can do to a
// vault.
func edits(t *testing.T, prev []byte) map[string]func(b []byte) []byte {
	replace := func(from, to string) func(b []byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(from)) {
				t.Fatalf("there is no %s to edit in %s", from, b)
			}
			return bytes.ReplaceAll(b, []byte(from), []byte(to))
		}
	}
	line := func(b []byte, prefix string) string {
		for _, l := range lines(b) {
			if strings.HasPrefix(l, prefix) {
				return l
			}
		}
		t.Fatalf("no line begins with %s", prefix)
		return ""
	}
	return map[string]func(b []byte) []byte{
		"host edited":       replace(`"host":"docker.io"`, `"host":"evil.example"`),
		"user edited":       replace(`"user":"alice"`, `"user":"mallory"`),
		"login edited":      replace(`"address":"ghcr.io"`, `"address":"evil.example"`),
		"attribute added":   replace(`"user":"alice"`, `"user":"alice","registry":"evil.example"`),
		"kind edited":       replace(`"id":"hub","kind":"connector"`, `"id":"hub","kind":"login"`),
		"id edited":         replace(`"id":"hub"`, `"id":"hub2"`),
		"secret passed off": replace(`"sealed"`, `"tag"`),
		"record deleted":    func(b []byte) []byte { return replace(line(b, `{"id":"ghcr"`), "")(b) },
		"login deleted":     func(b []byte) []byte { return replace(line(b, `{"id":"login"`), "")(b) },
		"record of another time": func(b []byte) []byte {
			return replace(line(b, `{"id":"hub"`),
				line(prev, `{"id":"hub"`))(b)
		},
		"records swapped": func(b []byte) []byte {
			hub, ghcr := line(b, `{"id":"hub"`), line(b, `{"id":"ghcr"`)
			swapped := strings.NewReplacer(
				hub,
				strings.ReplaceAll(ghcr, `"id":"ghcr"`, `"id":"hub"`),
				ghcr,
				strings.ReplaceAll(hub, `"id":"hub"`, `"id":"ghcr"`),
			)
			return []byte(swapped.Replace(string(b)))
		},
		"generation edited": replace("\"generation\":2", "\"generation\":9"),
		"slot edited":       replace(`"kind":"os-keyring"`, `"kind":"os-keyring","note":"trust me"`),
		"mac of another time": func(b []byte) []byte {
			body := len(b) - sealLine
			return append(bytes.Clone(b[:body]), prev[len(prev)-sealLine:]...)
		},
	}
}

// Each edit is detected, nothing of the file is served, the message names the file and
// the way back, and the way works.
func TestEditedVaultIsDetectedAndRestored(t *testing.T) {
	base := keyringStub()
	from, previous, _ := sampleVault(t, base)
	prev := mustRead(t, from+".prev")
	for name, edit := range edits(t, prev) {
		t.Run(name, func(t *testing.T) {
			path, slot := vaultPath(t), base.clone()
			edited := reseal(edit(mustRead(t, from)))
			writeVault(t, path, edited, prev)
			v := open(t, path, slot)
			err := v.EnsureOpen(t.Context())
			wantDamage(t, v, err, path)
			if err := v.Restore(t.Context()); err != nil {
				t.Fatal(err)
			}
			mustOpen(t, v)
			if diff := cmp.Diff(previous, content(t, v)); diff != "" {
				t.Errorf("restored: %s", diff)
			}
			aside, err := filepath.Glob(path + ".damaged-*")
			if err != nil || len(aside) != 1 || !bytes.Equal(mustRead(t, aside[0]), edited) {
				t.Errorf("the damaged file is not kept: %v, %v", aside, err)
			}
			mustCommit(t, v, put("new", `{}`, "s")) // life goes on
		})
	}
}

func writeVault(t testing.TB, path string, present, prev []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{path: present, path + ".prev": prev} {
		if b == nil {
			continue
		}
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func wantDamage(t *testing.T, v *Vault, err error, path string) {
	t.Helper()
	e := wantReason(t, err, credential.VaultDamaged)
	if !strings.Contains(e.Message, path) || !strings.Contains(e.HintText(), "zen vault restore") {
		t.Errorf("message %q, hint %q", e.Message, e.HintText())
	}
	wantState(t, v, StateDamaged)
	if got := v.Records(); got != nil {
		t.Errorf("served: %v", got)
	}
	for _, id := range []string{"ghcr", "hub", "hub2", "login"} {
		s, err := v.Secret(id)
		if !credential.VaultDamaged.Is(err) || !s.IsEmpty() {
			t.Errorf("Secret(%s): %d bytes, %v", id, s.Len(), err)
		}
	}
	if err := v.Commit(t.Context(), put("x", `{}`, "")); !credential.VaultDamaged.Is(err) {
		t.Errorf("Commit: %v", err)
	}
}

// Damage without an edit shows while the vault is locked, before any key is asked for.
func TestDamagedFileIsToldAtOnce(t *testing.T) {
	base := keyringStub()
	from, previous, _ := sampleVault(t, base)
	whole, prev := mustRead(t, from), mustRead(t, from+".prev")
	for name, present := range map[string][]byte{
		"empty": {}, "one byte": whole[:1], "cut short": whole[:len(whole)/2],
		"zeros": make([]byte, len(whole)), "no seal": whole[:len(whole)-sealLine],
		"not a vault": []byte("{}\n"), "two vaults": append(bytes.Clone(whole), whole...), "gone": nil,
	} {
		t.Run(name, func(t *testing.T) {
			path, slot := vaultPath(t), base.clone()
			writeVault(t, path, present, prev)
			v := open(t, path, slot)
			wantDamage(t, v, v.EnsureOpen(t.Context()), path)
			if slot.loads > 0 {
				t.Error("the keyring was asked for a key")
			}
			if present != nil && !bytes.Equal(mustRead(t, path), present) {
				t.Error("the damaged file was replaced without being asked")
			}
			if err := v.Restore(t.Context()); err != nil {
				t.Fatal(err)
			}
			mustOpen(t, v)
			if diff := cmp.Diff(previous, content(t, v)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The passphrase does not make a tampered file pass.
func TestPassphraseDoesNotOpenEditedVault(t *testing.T) {
	slot := keyringStub()
	path, _, _ := sampleVault(t, slot)
	v := open(t, path, slot)
	word := credential.SecretString("open sesame")
	if err := v.SetPassphrase(t.Context(), word); err != nil {
		t.Fatal(err)
	}
	v.Close()
	b := bytes.ReplaceAll(mustRead(t, path), []byte("ghcr.io"), []byte("evil.io"))
	writeVault(t, path, reseal(b), nil)
	slot.load = fail(credential.KeyringUnavailable, "", "no keyring today")
	v = open(t, path, slot)
	wantDamage(t, v, v.Unlock(t.Context(), &word), path)
}

// Editing the names under which keys are looked up leaves nothing that opens the file.
func TestEditedVaultIDOpensNothing(t *testing.T) {
	slot := keyringStub()
	path, _, _ := sampleVault(t, slot)
	id, _, _ := strings.Cut(slot.ids()[0], "/")
	writeVault(t, path, reseal(bytes.ReplaceAll(mustRead(t, path), []byte(id), []byte("5e0a"))), nil)
	v := open(t, path, slot)
	wantReason(t, v.EnsureOpen(t.Context()), credential.KeyLost)
	_, err := v.Secret("hub")
	wantReason(t, err, credential.KeyLost)
	if len(slot.ids()) != 1 {
		t.Error("the real key was deleted")
	}
}

// A key that somebody put under the slot's name is not mistaken for a lost one: that
// could start a new vault.
func TestForeignKeyIsDamageNotLoss(t *testing.T) {
	for _, slot := range []*slotStub{keyringStub(), sessionStub()} {
		path, _, _ := sampleVault(t, slot)
		for _, id := range slot.ids() {
			slot.keys[id] = [KeySize]byte{1}
		}
		v := open(t, path, slot)
		wantDamage(t, v, v.EnsureOpen(t.Context()), path)
		if v.EndedWithSession() {
			t.Error("the vault would be set aside")
		}
	}
}

// Parameters that would exhaust the machine are refused before they are used.
func TestAbsurdPassphraseParameters(t *testing.T) {
	path := vaultPath(t)
	v := open(t, path, keyringStub())
	if err := v.SetPassphrase(t.Context(), credential.SecretString("x")); err != nil {
		t.Fatal(err)
	}
	v.Close()
	b := mustRead(t, path)
	for from, to := range map[string]string{
		`"memory_kib":8`: `"memory_kib":4194304`, `"passes":1`: `"passes":4000000`,
		`"threads":1`: `"threads":0`, `"kdf":"argon2id"`: `"kdf":"none"`,
	} {
		edited := bytes.Replace(b, []byte(from), []byte(to), 1)
		if bytes.Equal(edited, b) {
			t.Fatalf("there is no %s in %s", from, b)
		}
		if _, err := parse(reseal(edited)); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// A vault of a newer format is left alone by everything, and named.
func TestNewerFormatIsLeftAlone(t *testing.T) {
	slot := keyringStub()
	path, _, _ := sampleVault(t, slot)
	newer := reseal(
		bytes.Replace(mustRead(t, path), []byte(`{"format":1`), []byte(`{"format":7,"new":[]`), 1),
	)
	writeVault(t, path, newer, nil)
	before := snapshot(t, path)
	v := open(t, path, slot)
	wantState(t, v, StateTooNew)
	word := credential.SecretString("x")
	e := wantReason(t, v.EnsureOpen(t.Context()), credential.VaultTooNew)
	for _, want := range []string{path, "format: 7", "knows format 1"} {
		if !strings.Contains(e.Message, want) {
			t.Errorf("message %q does not say %q", e.Message, want)
		}
	}
	if s := v.State(); s.Problem != e.Message || s.Hint == "" {
		t.Errorf("state: %+v", s)
	}
	_, err := v.Secret("hub")
	for name, err := range map[string]error{
		"Secret": err, "Commit": v.Commit(t.Context(), put("x", `{}`, "")),
		"SetPassphrase": v.SetPassphrase(t.Context(), word), "Rotate": v.Rotate(t.Context()),
		"RemovePassphrase": v.RemovePassphrase(t.Context()), "Unlock": v.Unlock(t.Context(), nil),
		"Unlock with passphrase": v.Unlock(t.Context(), &word),
	} {
		if !credential.VaultTooNew.Is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"Restore":   v.Restore(t.Context()),
		"StartAnew": v.StartAnew(t.Context()),
	} {
		if !credential.InvalidInput.Is(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	v.Close()
	if diff := cmp.Diff(before, snapshot(t, path)); diff != "" {
		t.Errorf("something was written: %s", diff)
	}
}

// snapshot is the content of every file of a vault but the writer lock, which is empty.
func snapshot(t testing.TB, path string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for _, name := range files(t, path) {
		if b := mustRead(t, name); !strings.HasSuffix(name, ".writer") {
			out[filepath.Base(name)] = string(b)
		}
	}
	return out
}

// A newer format that is damaged is damage: whatever it holds, no newer zen helps.
func TestDamagedNewerFormat(t *testing.T) {
	path, _, _ := sampleVault(t, keyringStub())
	b := bytes.Replace(mustRead(t, path), []byte(`{"format":1`), []byte(`{"format":2`), 1)
	if _, err := parse(b); !errors.Is(err, errDamaged) {
		t.Error(err)
	}
	if _, err := parse(reseal(bytes.Replace(b, []byte(`{"format":2`), []byte(`{"format":0`), 1))); !errors.Is(
		err,
		errDamaged,
	) {
		t.Error(err)
	}
}

// One spelling: a file that says the same in other words is not accepted.
func TestOnlyOneSpelling(t *testing.T) {
	path, _, _ := sampleVault(t, keyringStub())
	b := mustRead(t, path)
	blob := string(b[bytes.Index(b, []byte(`"sealed":"`))+len(`"sealed":"`):])[:40]
	if _, err := base64.StdEncoding.DecodeString(blob); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		`"generation":2`: `"generation":02`, `"format":1`: `"format":01`, `"host":"docker.io"`: `"host": ` +
			`"docker.io"`, `{"id":"hub"`: ` {"id":"hub"`,
		`"kind":"os-keyring"`: `"kind":"os-keyring" `, blob: blob + "\r", `"records":[`: `"records": ` +
			`[`, `"slots":[`: "\"slots\":[\n",
	} {
		edited := bytes.Replace(b, []byte(from), []byte(to), 1)
		if bytes.Equal(edited, b) {
			t.Fatalf("there is no %s", from)
		}
		if _, err := parse(reseal(edited)); !errors.Is(err, errDamaged) {
			t.Errorf("%q was accepted: %v", to, err)
		}
	}
	noSlots := append(
		append([]byte(nil), b[:bytes.Index(b, []byte(textSlots))+len(textSlots)]...),
		b[bytes.Index(b, []byte(textRecords)):]...)
	if _, err := parse(reseal(noSlots)); !errors.Is(err, errDamaged) {
		t.Errorf("a file without key slots was accepted: %v", err)
	}
}
