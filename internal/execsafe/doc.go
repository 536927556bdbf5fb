// Package execsafe decides whether a program may be executed: only if nobody but root and
// the user can change it, or exchange it for another one. Everything that zen, zend and
// docker-credential-zen execute passes through here; TestWhoeverExecutesChecks
// (test/arch) sees to that.
//
// It looks at owners and permissions, and at nothing else: what a program does, and what
// it executes in turn, is not its matter. It must stay light, since docker-credential-zen
// links it to start zend.
package execsafe
