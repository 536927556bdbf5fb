//go:build !linux && !darwin

package fileedit

import "errors"

// swap cannot exchange files here.
func swap(a, b string) error { return errors.ErrUnsupported }

func unsupported(err error) bool { return errors.Is(err, errors.ErrUnsupported) }
