// Package stack has the commands of stacks.
package stack
