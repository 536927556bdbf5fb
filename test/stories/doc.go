// Package stories holds stories told with the real three programs (testdata/*.txtar, run
// by testscript), a real zend of their own and an in-process registry that demands a
// password. It has no code outside its tests.
package stories
