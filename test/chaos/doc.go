// Package chaos starts, kills and floods the real zend to show that no request fails and
// nothing stored is lost. Its tests run in full with the build tag chaos (make chaos).
// The ordinary tests have those that need neither a thousand clients nor a machine with
// nothing else to do, for seconds. It has no other code.
package chaos
