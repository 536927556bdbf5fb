// Package clients has the commands about clients such as docker: setup, import and why,
// and the hint that a client does not ask zen yet.
package clients
