package keystore

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/zen-agent/zen/internal/credential"
)

// largeVault makes a vault of n records.
func largeVault(t *testing.T, slot KeySlot, n int) (path string, ids []string) {
	t.Helper()
	path = vaultPath(t)
	v := open(t, path, slot)
	defer v.Close()
	secret := credential.SecretString("dckr_pat_0123456789abcdefghijklmnopq")
	err := v.Commit(t.Context(), func(tx *Tx) error {
		for i := range n {
			id := fmt.Sprintf("c/%08d", i)
			ids = append(ids, id)
			public := json.RawMessage(
				fmt.Sprintf(
					`{"name":"connector-%d","type":"docker","auth":"password","registry":"r%d.example.com"}`,
					i,
					i,
				),
			)
			if err := tx.Put(Record{ID: id, Kind: fmt.Sprint("kind", i%3), Public: public},
				&secret); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return path, ids
}

func TestLargeVault(t *testing.T) {
	slot := keyringStub()
	path, ids := largeVault(t, slot, 1000)
	b := mustRead(t, path)
	f, err := parse(bytes.Clone(b))
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.encode(func([sha256.Size]byte) ([sha256.Size]byte, error) { return f.mac, nil })
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("it is not written again as it was: %v", err)
	}
	v := open(t, path, slot)
	if err := v.EnsureOpen(t.Context()); err != nil {
		t.Fatal(err)
	}
	var have []string
	for i, r := range v.Records() {
		have = append(have, r.ID)
		if want := fmt.Sprint("kind", i%3); r.Kind != want || !r.HasSecret {
			t.Fatalf("record %s: %s, secret %v", r.ID, r.Kind, r.HasSecret)
		}
	}
	if !slices.Equal(have, ids) {
		t.Errorf("%d records", len(have))
	}
	for _, id := range ids {
		if got := secretOf(t, v, id); got != "dckr_pat_0123456789abcdefghijklmnopq" {
			t.Fatalf("%s: %q", id, got)
		}
	}
}

// A list that is not in the lines that zen writes is damaged, wherever that is.
func TestEditedLinesAreDamage(t *testing.T) {
	path, ids := largeVault(t, keyringStub(), 30)
	b := mustRead(t, path)
	begin := bytes.Index(b, []byte(textRecords)) + len(textRecords)
	end := bytes.LastIndex(b, []byte(textEnd))
	list := b[begin:end]
	lines := bytes.SplitAfter(list, []byte{'\n'})
	lines = lines[:len(ids)] // nothing comes after the last newline
	places := []int{0, 1, 12, len(ids) - 2, len(ids) - 1}
	for what, edit := range map[string]func(lines [][]byte, i int){
		"no comma": func(lines [][]byte, i int) { lines[i] = append(bytes.TrimRight(lines[i], ",\n"), '\n') },
		"a comma": func(lines [][]byte,
			i int,
		) {
			lines[i] = append(bytes.TrimRight(lines[i], "\n"), ",\n"...)
		},
		"no newline": func(lines [][]byte, i int) {
			lines[i] = bytes.TrimRight(lines[i], "\n")
		},
		"another newline": func(lines [][]byte, i int) { lines[i] = append(lines[i], '\n') },
		"twice": func(lines [][]byte,
			i int,
		) {
			lines[i] = append(bytes.Clone(lines[max(i-1, 0)]), lines[i]...)
		},
		"swapped": func(lines [][]byte, i int) {
			j := max(i, 1)
			lines[j-1], lines[j] = append(bytes.TrimRight(lines[j], ",\n"), ",\n"...), lines[j-1]
		},
		"garbage": func(lines [][]byte, i int) { lines[i] = append([]byte("x"), lines[i]...) },
	} {
		for _, i := range places {
			edited := slices.Clone(lines)
			for k := max(i-1, 0); k <= i; k++ {
				edited[k] = bytes.Clone(lines[k])
			}
			edit(edited, i)
			whole := slices.Concat(b[:begin], bytes.Join(edited, nil), b[end:])
			if last := i == len(lines)-1; bytes.Equal(whole, b) {
				if !last || what != "no comma" {
					t.Errorf("%s at record %d changes nothing", what, i)
				}
				continue
			}
			if _, err := parse(reseal(whole)); !errors.Is(err, errDamaged) {
				t.Errorf("%s at record %d of %d was accepted: %v", what, i, len(lines), err)
			}
		}
	}
}
