// Package command is what the commands of zen have in common as commands: arguments and
// options in ZenML's spelling, --name=value attributes, filters, lists with columns and
// pages, completion with names that zend knows. It is about no noun in particular.
package command
