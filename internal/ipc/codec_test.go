package ipc

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/credential"
)

func TestSecrets(t *testing.T) {
	m := map[string]credential.Secret{}
	for i, s := range []string{"plain", "\"\\\n\x00", "日本語 😀", "\u202e", strings.Repeat("\n", 300)} {
		m[string(rune('a'+i))] = credential.SecretString(s)
	}
	params := append([]byte(`{"name":"x","secrets":`), AppendSecrets(nil, m)...)
	back, err := Secrets(append(params, '}'))
	if err != nil || len(back) != len(m) {
		t.Fatalf("%d secrets came back: %v", len(back), err)
	}
	for name, s := range m {
		if !back[name].Equal(s) {
			t.Errorf("%s is %q", name, back[name].Reveal())
		}
	}
	if none, err := Secrets([]byte(`{"a":1}`)); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
	for _, doc := range []string{
		`{"secrets":1}`, `{"secrets":{"a":1}}`, `{"secrets":{"a":"b","a":"c"}}`,
		`{"secrets":null}`, `[]`,
	} {
		if got, err := Secrets([]byte(doc)); err == nil || got != nil {
			t.Errorf("%s: %v, %v", doc, got, err)
		}
	}
	if got := string(AppendSecrets(nil, nil)); got != "{}" {
		t.Errorf("none are %s", got)
	}
}

// Every reason survives the wire, with its message and hint.
func TestErrorsTravel(t *testing.T) {
	for _, row := range credential.Reasons() {
		sent := credential.NewError(row.Reason, "what \"is\" wrong\n", "what to type")
		wire := AppendError(nil, sent)
		var object struct {
			Code    int
			Message string
			Data    struct{ Reason, Hint string }
		}
		if err := json.Unmarshal(wire, &object); err != nil || object.Code != row.Code ||
			object.Data.Reason != string(row.Reason) {
			t.Errorf("%s is %s (%v)", row.Reason, wire, err)
		}
		got, ok := errors.AsType[*credential.Error](parseError(wire))
		if !ok || got.Reason != row.Reason || got.Message != sent.Message || got.Hint != sent.Hint {
			t.Errorf("%s came back as %+v", row.Reason, got)
		}
	}
	inner := errors.New("the password is 1234")
	if wire := string(AppendError(nil, inner)); strings.Contains(wire, "1234") ||
		!strings.Contains(wire, "internal") {
		t.Errorf("an error not made for strangers is sent as %s", wire)
	}
}

func TestParseReply(t *testing.T) {
	tests := []struct {
		line, result string
		reason       credential.Reason
		message      string
	}{
		{`{"jsonrpc":"2.0","id":1,"result":{"a":1}}`, `{"a":1}`, "", ""},
		{`{"result":{},"more":[1]}`, `{}`, "", ""},
		{`{"id":1}`, "", credential.Internal, "zend's answer makes no sense"},
		{`garbage`, "", credential.Internal, "zend's answer makes no sense"},
		{``, "", credential.Internal, "zend's answer makes no sense"},
		{`{"error":{"code":-1,"message":"m","data":{"reason":"locked"}}}`, "", credential.Locked, "m"},
		{`{"error":{"code":-1,"message":"m","data":{"reason":"of the future"}}}`, "", "of the future", "m"},
		{`{"error":{"code":-1,"message":"m","data":null}}`, "", credential.Internal, "m"},
		{`{"error":{"code":-1,"message":"m"},"result":{}}`, "", credential.Internal, "m"},
		{`{"error":{"message":1}}`, "", credential.Internal, "zend's answer makes no sense"},
		{`{"error":"text"}`, "", credential.Internal, "zend's answer makes no sense"},
		{`{"error":{"data":{"reason":1}}}`, "", credential.Internal, "zend's answer makes no sense"},
	}
	for _, tt := range tests {
		result, err := parseReply([]byte(tt.line))
		if string(result) != tt.result || credential.ReasonOf(err) != tt.reason ||
			err != nil && err.Error() != tt.message {
			t.Errorf("%s: %s, %v (%s)", tt.line, result, err, credential.ReasonOf(err))
		}
	}
}

func TestAppendRequest(t *testing.T) {
	got := string(appendRequest(nil, "zen/1", "get", []byte(`{"a":1}`), 1500*time.Millisecond))
	if want := `{"jsonrpc":"2.0","id":1,"method":"get","client":"zen/1","timeout_ms":1500,"params":{"a":1}}` +
		"\n"; got != want {
		t.Errorf("got %s", got)
	}
	odd := appendRequest(nil, strings.Repeat("\x01", 200), "m\"", nil, -time.Second)
	var req struct {
		Method, Client string
		TimeoutMS      int64 `json:"timeout_ms"`
	}
	if err := json.Unmarshal(odd, &req); err != nil || req.Method != "m\"" || len(req.Client) != 200 ||
		req.TimeoutMS != 1 {
		t.Errorf("got %s (%v)", odd, err)
	}
}
