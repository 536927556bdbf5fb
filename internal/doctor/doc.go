// Package doctor looks for the set-ups that are known to be broken, and says for each
// what is wrong and what to type.
//
// A check is a function on Facts with a name and a row in the table of doctor.go. Checks
// look at the environment, at files and at what zend says about itself; they change
// nothing, use no network and tell no secret. New ones are added where a person lost an
// hour.
package doctor
