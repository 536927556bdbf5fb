package credential

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
)

const canary = "hunter2-canary"

func TestSecretNeverPrints(t *testing.T) {
	s := SecretString(canary)
	holder := struct{ S Secret }{s}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p", "%c"} {
		for _, v := range []any{s, &s, holder, []Secret{s}, map[string]Secret{"k": s}} {
			out := fmt.Sprintf(verb, v)
			if strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) ||
				strings.Contains(out, "104 117") {
				t.Errorf("%s of %T prints the secret: %s", verb, v, out)
			}
		}
	}
	if _, err := json.Marshal(holder); err == nil {
		t.Error("json.Marshal of a struct with a secret succeeded")
	}
	var buf bytes.Buffer
	slog.New(slog.NewTextHandler(&buf, nil)).Info("m", "s", s, "h", holder)
	slog.New(slog.NewJSONHandler(&buf, nil)).Info("m", "s", s, "h", holder)
	if strings.Contains(buf.String(), canary) {
		t.Errorf("slog prints the secret: %s", buf.String())
	}
}

func TestSecretWipeClearsEveryCopy(t *testing.T) {
	b := []byte(canary)
	s := NewSecret(b)
	other, clone := s, s.Clone()
	s.Wipe()
	if !other.IsEmpty() || !bytes.Equal(b, make([]byte, len(b))) {
		t.Errorf("after Wipe: copy has %d bytes, backing array is %q", other.Len(), b)
	}
	if string(clone.Reveal()) != canary {
		t.Error("Wipe reached a clone")
	}
	s.Wipe()
	Secret{}.Wipe()
}

func TestSecretEqual(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{{"", "", true}, {"a", "a", true}, {"a", "b", false}, {"a", "aa", false}, {"", "a", false}}
	for _, tt := range tests {
		if got := SecretString(tt.a).Equal(SecretString(tt.b)); got != tt.want {
			t.Errorf("Equal(%q, %q) = %v", tt.a, tt.b, got)
		}
	}
}

func TestReasonTable(t *testing.T) {
	codes, reasons := map[int]Reason{}, map[Reason]bool{}
	for _, row := range Reasons() {
		if reasons[row.Reason] {
			t.Errorf("%s stands twice", row.Reason)
		}
		if other, ok := codes[row.Code]; ok {
			t.Errorf("%s and %s share code %d", row.Reason, other, row.Code)
		}
		reasons[row.Reason], codes[row.Code] = true, row.Reason
		if row.Exit <= ExitOK || row.Exit > ExitInterrupted {
			t.Errorf("%s: exit status %d", row.Reason, row.Exit)
		}
		if row.Code > -32000 || row.Code < -32768 {
			t.Errorf("%s: code %d is outside JSON-RPC 2.0's reserved range", row.Reason, row.Code)
		}
		if strings.HasSuffix(row.Hint, ".") {
			t.Errorf("%s: a hint is a command or a phrase, without a period: %q", row.Reason, row.Hint)
		}
		if got := row.Reason.Info(); got != row {
			t.Errorf("Info(%s) = %+v", row.Reason, got)
		}
	}
	if got := Reason("from the future").Info().Reason; got != Internal {
		t.Errorf("unknown reason is treated as %s", got)
	}
}

func TestErrorReason(t *testing.T) {
	cause := errors.New("cause")
	err := fmt.Errorf("outer: %w", &Error{Reason: Locked, Message: "the vault is locked", Cause: cause})
	if !errors.Is(err, &Error{Reason: Locked}) || errors.Is(err, &Error{Reason: Exists}) ||
		!errors.Is(err, cause) {
		t.Error("errors.Is does not follow reason and cause")
	}
	if ReasonOf(err) != Locked || ReasonOf(nil) != "" || ReasonOf(cause) != Internal || !Locked.Is(err) ||
		Locked.Is(nil) {
		t.Error("ReasonOf is wrong")
	}
	if e := NewError(Locked, "", ""); e.Error() != "locked" || e.HintText() != Locked.Info().Hint {
		t.Errorf("defaults: %q %q", e.Error(), e.HintText())
	}
	if e := NewError(Locked, "m", "own hint"); e.HintText() != "own hint" {
		t.Error("own hint lost")
	}
}

func TestIdentityToken(t *testing.T) {
	if !(Credential{Username: TokenUsername}).IsIdentityToken() ||
		(Credential{Username: "token"}).IsIdentityToken() {
		t.Error("IsIdentityToken")
	}
}

func TestReasonsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Reasons() {
		if row := fmt.Sprintf("| `%s` | %d | %d |\n", r.Reason, r.Code, r.Exit); !strings.Contains(
			string(doc),
			row,
		) {
			t.Errorf("docs/protocol.md lacks the row %s", row)
		}
	}
}
