// Package chaos starts, kills and floods the real zend to show that no request fails and nothing stored is lost. Its tests
// run in full with the build tag chaos (make chaos) and for seconds among the ordinary tests. It has no other code.
package chaos
