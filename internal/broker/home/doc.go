// Package home knows the places where service connectors live: this machine, and ZenML
// servers. What differs between them is behind [Home], with one implementation each; what
// is found in several of them, by name, is found here. It answers no client and keeps no
// login: that is the broker's.
package home
