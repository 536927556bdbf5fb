// Package server is the kind of the service connectors that live on a ZenML server. The
// server mints: it answers with a credential for one registry, whatever the connector's
// type and cloud, and zen checks that it is for the registry that was asked for. Nobody
// registers a connector of this kind; the broker makes specifications of what a server
// lists.
package server
