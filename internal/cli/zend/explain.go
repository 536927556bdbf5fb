package zend

import (
	"errors"

	"github.com/zen-agent/zen/internal/credential"
)

// Explain is what an error says, and what to type about it.
func Explain(err error) (problem, hint string) {
	if e, ok := errors.AsType[*credential.Error](err); ok {
		hint = e.HintText()
	}
	if hint == credential.Unavailable.Info().Hint {
		hint = "zen daemon start"
	}
	return err.Error(), hint
}
