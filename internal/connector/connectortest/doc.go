// Package connectortest holds the tests that every kind of service connector passes. It
// is for tests only.
package connectortest
