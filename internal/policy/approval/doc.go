// Package approval stands before every credential: it applies the user's policy to who asks, keeps count for rates, and has those
// wait for whom a person is asked first.
//
// A person answers on the desktop or with zen approve. Who waits gives up before its client does, and says what to type; the
// question stays open for a while longer, so that an answer that comes too late is good for the next try.
package approval
