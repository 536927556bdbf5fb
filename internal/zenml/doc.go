// Package zenml is a client of a ZenML server's REST API (ZenML 0.80 to 0.98): who it is,
// logging in, and the service connectors, container registries and stacks that live
// there. A server can mint short-lived credentials for any registry of any cloud, which
// is what zen needs it for.
//
// Every answer is distrusted: bounded in size and time, never followed to another host,
// and a credential for a host that was not asked for is refused. The package keeps no
// file and logs nothing; access tokens live in memory only, in a [Pool] that gives every
// client of one server the same token. The secret behind them is asked for when a token
// is needed.
package zenml
