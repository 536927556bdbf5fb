// Package arena holds key material outside Go's heap: pages of their own that the garbage
// collector never copies, locked into memory and left out of core dumps where the system
// allows it, and wiped before they are given back.
//
// It knows nothing about what the bytes mean and never writes them anywhere.
package arena
