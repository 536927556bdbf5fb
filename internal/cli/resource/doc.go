// Package resource is what service connectors give access to, as the commands of several
// nouns show it: zend's connector types, which it is asked for once, the options that
// name a resource, the tables of resources.
package resource
