// Package zenmlserver is a real ZenML server, as install-zenml.sh installs it, for what
// tries or measures zen beside ZenML: how it is started, and what its administrator does.
// It runs nothing itself; its users have their own way of keeping a service.
package zenmlserver
