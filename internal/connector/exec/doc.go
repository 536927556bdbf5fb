// Package exec is the exec kind of service connector: another program makes the
// credential. It speaks three dialects: that of docker-credential-helpers, a JSON object
// in the manner of AWS's credential_process, and that of the kubelet's credential
// provider plugins (KEP-2133).
//
// The program is run by its absolute path with a list of arguments and no shell, in an
// environment of a few known variables, for a bounded time and with bounded output;
// afterwards its process group is killed. What it says on its standard error is looked at
// and never repeated: it may hold a secret. zen's own programs are refused, which would
// ask zend in turn.
package exec
