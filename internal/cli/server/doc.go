// Package server has the commands about ZenML servers and about the zenml command on this
// machine, whose files it reads.
package server
