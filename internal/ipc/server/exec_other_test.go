//go:build !linux

package server_test

import "errors"

func hide() error { return errors.ErrUnsupported }
