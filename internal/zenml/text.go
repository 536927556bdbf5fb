package zenml

import (
	"encoding/json"

	"github.com/zen-agent/zen/internal/safejson"
)

// text decodes the first candidate that is a JSON string and not empty into bytes of its
// own. encoding/json would leave copies of a secret in memory.
func text(candidates ...json.RawMessage) ([]byte, bool) {
	for _, raw := range candidates {
		if len(raw) > 2 && raw[0] == '"' {
			decoded, err := safejson.Unquote(raw)
			return decoded, err == nil
		}
	}
	return nil, false
}
