package keystore

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// What is accepted as a vault is spelled as zen would spell it: writing it again gives
// the same bytes. What is not accepted is damaged or newer, nothing else. Each input is
// tried as it is and with a seal that fits.
func FuzzParse(f *testing.F) {
	slot := keyringStub()
	path, _, _ := sampleVault(f, slot)
	v := open(f, path, slot)
	if err := v.SetPassphrase(f.Context(), word("w")); err != nil {
		f.Fatal(err)
	}
	v.Close()
	for _, name := range []string{path, path + ".prev"} {
		b := mustRead(f, name)
		f.Add(b)
		f.Add(b[:len(b)-sealLine])
		f.Add(bytes.Replace(b, []byte(`"format":1`), []byte(`"format":2`), 1))
	}
	f.Add([]byte(textFormat + "1" + textVault + "5e0a" + textGen + "1" + textSlots + textRecords + textEnd))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		checkParse(t, b)
		checkParse(t, sealed(b))
		if len(b) > sealLine {
			checkParse(t, sealed(b[:len(b)-sealLine]))
		}
	})
}

// sealed ends a body with a seal whose checksum fits.
func sealed(body []byte) []byte {
	zeros := strings.Repeat("0", 2*sha256.Size)
	return reseal([]byte(string(body) + textSeal + zeros + textSum + zeros + textLast))
}

func checkParse(t *testing.T, b []byte) {
	t.Helper()
	f, err := parse(bytes.Clone(b))
	switch {
	case err == nil:
	case errors.Is(err, errDamaged) != errors.Is(err, errNewer):
		return
	default:
		t.Fatalf("parse: %v", err)
	}
	mac := f.mac
	again, err := f.encode(func([sha256.Size]byte) ([sha256.Size]byte, error) { return mac, nil })
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("accepted\n%s\nwritten again (%v)\n%s", b, err, again)
	}
	for i := range f.records {
		if r := &f.records[i]; f.find(r.id) != r || !json.Valid(r.public) {
			t.Fatalf("record %q is not found, or is not JSON: %s", r.id, r.public)
		}
	}
}

// What is written can be read: a vault of any valid records comes back as it was.
func FuzzRoundTrip(f *testing.F) {
	f.Add("a", "connector", []byte(`{"host":"ghcr.io"}`), []byte("secret"), uint64(1))
	f.Add("A-b_c.d:e/f@g", "k", []byte(`"\u2028 <b> \" \\ ä"`), []byte{}, uint64(1<<64-1))
	f.Add("a", "k", []byte(` [ 1 , -0.5e+7 , null ] `), []byte("\x00\xff\n"), uint64(0))
	f.Fuzz(func(t *testing.T, id, kind string, public, secret []byte, generation uint64) {
		s := word(string(secret))
		line, err := checkRecord(Record{ID: id, Kind: kind, Public: public}, &s)
		if err != nil {
			return
		}
		k, err := generateKeys(bytes.NewReader(bytes.Repeat([]byte{7}, KeySize)), "5e0a")
		if err != nil {
			t.Fatal(err)
		}
		defer k.destroy()
		r := record{id: id, kind: kind, public: line, secret: len(secret) > 0}
		if err := k.sealRecord(bytes.NewReader(make([]byte, nonceSize)), "5e0a", &r, secret); err != nil {
			t.Fatal(err)
		}
		in := &file{
			vault:      "5e0a",
			generation: generation,
			slots:      []slotEntry{{ID: "00", Kind: KindSession}},
			records:    []record{r},
		}
		b, err := in.encode(k.mac)
		if err != nil {
			t.Fatal(err)
		}
		out, err := parse(b)
		if err != nil {
			t.Fatalf("%v:\n%s", err, b)
		}
		got, err := k.openRecord(out.vault, out.find(id))
		if err != nil || !bytes.Equal(got, secret) || k.verify(out) != nil || out.generation != generation ||
			!bytes.Equal(out.records[0].public, line) {
			t.Fatalf("came back as %q, %+v, %v", got, out.records[0], err)
		}
	})
}
