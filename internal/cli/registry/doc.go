// Package registry has the commands of container registries but for login, which it is
// given.
package registry
