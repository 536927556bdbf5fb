// Package secretjson decodes JSON that has secrets in it, for connectors: what programs print and token services answer. All
// texts of a document lie in one buffer, which the caller clears; encoding/json would leave copies behind.
//
// It is a leaf: standard library only, no I/O.
package secretjson
