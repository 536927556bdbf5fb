// Package approval stands before every credential: it applies the user's rules to the
// caller, counts uses where a rule limits their rate, and asks a person where a rule
// demands it.
//
// A person answers on the desktop or with zen approve. The request fails before its
// client gives up, with an error that says what to type. The question stays open for a
// while longer, so that an answer that comes too late is good for the next try.
package approval
