// Package desktop asks a person on the desktop whether a program may use a credential,
// through notify-send (libnotify), which is on most desktops and keeps everything that
// draws out of zend.
package desktop
