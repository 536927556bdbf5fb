// Package catalog holds zen's entities in memory (service connectors, container
// registries, stacks, logins, which stack is active) and ZenML's rules about them: names
// and prefixes, filters and pages, flavors and their uris, what uses what.
//
// Nothing here changes by itself. Functions that change something compute a [Change],
// which the caller commits to its store and then gives to [Catalog.Apply]; what was not
// applied has no effect, and the catalog after Apply equals one loaded from all records.
// Values that are returned share maps and slices with the catalog: read them, but do not
// write to them.
//
// The package must not do I/O, read a clock (now is passed in) or know secrets, and must
// not know that there is a vault, a network or a kind of connector.
package catalog
