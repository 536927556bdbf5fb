// Package login has the commands that begin and end logins, in zen's spelling and in
// those of the nouns that have one.
package login
