// Package machine has the commands about zen on this machine: status, vault, daemon,
// audit log, approvals, doctor, self-test and version.
package machine
