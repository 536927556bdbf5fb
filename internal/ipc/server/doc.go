// Package server is zend's end of the wire: it listens, refuses everybody but the user,
// reads requests within limits and hands them to handlers it knows nothing about.
//
// It must not import what those handlers do (broker, keystore, connector). Bytes of
// requests and responses may be secrets: they live in buffers that are cleared, and never
// reach the log.
package server
