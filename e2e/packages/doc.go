// Package packages proves the Linux packages in real roots: installed, upgraded while
// clients ask all the time, removed and purged, by the tools of each format. It is run by
// `make e2e-packages`, as root, and changes nothing outside directories of its own.
package packages
