// Package leak searches files and running processes for a password, in plain text and in
// base64. It reports places and spellings, never what it was looking for, and changes
// nothing.
package leak
