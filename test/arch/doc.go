// Package arch holds the tests of what holds the whole together: who may import whom and
// what each program may link, the drawing of that in ARCHITECTURE.md, how large a thing
// may grow, package comments, package-level state, and documents that name only what
// exists. It has no code outside its tests.
package arch
