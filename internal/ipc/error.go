package ipc

import (
	"errors"

	"github.com/zen-agent/zen/internal/credential"
)

// publicError is err as a stranger may see it.
func publicError(err error) *credential.Error {
	if e, ok := errors.AsType[*credential.Error](err); ok {
		return e
	}
	return &credential.Error{Reason: credential.Internal, Message: "zend failed; its log says " +
		"why", Cause: err}
}
