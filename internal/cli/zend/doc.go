// Package zend is how the zen command calls zend: one typed request at a time, with
// secrets beside its params that encoding/json never sees. It shows nothing.
package zend
