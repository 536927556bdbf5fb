// Package audit keeps the log of who used which credential: JSON lines, appended, rotated
// by size, for the user's eyes only.
//
// It never holds a secret, and nothing in it can move a terminal's cursor. A disk that is
// full or slow costs entries, which are counted and reported, but never keeps zend from
// answering.
package audit
