// Package connector has the commands of service connectors but for login and logout,
// which it is given.
package connector
