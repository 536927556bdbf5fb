// Package connector says what a kind of service connector must do ([Kind]), and holds the
// rules that all kinds share: ZenML's type model as data, the split of a configuration
// into public and secret attributes, and its validation.
//
// A kind describes itself, matches addresses and mints credentials. It keeps nothing
// between calls: no cache, no retries, no timers; how long a credential lives is
// tokencache's, what is kept is the broker's. Each kind is a package below this one and
// passes connectortest.
package connector
