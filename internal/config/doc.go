// Package config reads and watches config.toml, zen's settings.
//
// It is strict: a setting that does not exist, or a value that makes no sense, is an
// error that names the line and what would be right; nothing is guessed, because a
// setting can be a promise about safety.
package config
