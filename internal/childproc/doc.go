// Package childproc runs this executable again as a child process that answers one
// question: what may hang, or leaves copies of secrets in its memory, does so where it
// can be ended. It is the frame only; what is asked, in which words and how long it may
// take is up to its users.
//
// Question and answer travel through the child's standard input and output, nothing of
// them through its arguments or environment. The parent ends the child as soon as it was
// heard. The child is hardened as zend is, and ends by itself when its standard input
// does: then the parent is gone.
package childproc
