//go:build !linux

package kernelkeyring

import "context"

var errNone = unavailable("is a part of Linux only", nil)

func (Slot) probe(context.Context) error { return errNone }

func load(string) ([]byte, error) { return nil, errNone }

func save(string, []byte) error { return errNone }

func remove(string) error { return errNone }
