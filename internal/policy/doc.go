// Package policy decides, by the user's rules, who may use which credential. It is a
// table: given the rules and what is known of who asks, it says what has to be so,
// without waiting, I/O or a clock of its own. Package approval does the waiting.
//
// Rules only ever restrict: without one that is about a credential, every program of the
// user may use it, and of several each has to be satisfied. What is known of a program
// comes from processes of the same user, who can deceive: rules keep honest programs
// apart and tell of mistakes, they are not a wall against code that runs as the user.
package policy
