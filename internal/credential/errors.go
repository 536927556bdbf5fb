package credential

import "errors"

// Reason says why a request failed, in one word that is stable on the wire.
type Reason string

// The reasons. Reasons holds the table of what each means to a client, a shell and a
// person.
const (
	// no login for the address: docker may go on anonymously
	NotLoggedIn        Reason = "not_logged_in"
	NoSuchEntity       Reason = "no_such_entity"      // no connector, registry, stack, ... of that name or id
	Ambiguous          Reason = "ambiguous"           // a prefix fits several entities
	Exists             Reason = "exists"              // the name is taken
	InUse              Reason = "in_use"              // something else refers to the entity
	InvalidInput       Reason = "invalid_input"       // what the caller sent makes no sense
	TooLarge           Reason = "too_large"           // over a documented limit
	Locked             Reason = "locked"              // the vault is locked and a person must unlock it
	WrongPassphrase    Reason = "wrong_passphrase"    // the passphrase does not open the vault
	KeyringUnavailable Reason = "keyring_unavailable" // the OS keyring cannot be reached
	KeyringRefused     Reason = "keyring_refused"     // a prompt was dismissed, or access was denied
	// the key that opens the vault is gone (deleted, or lost at reboot)
	KeyLost       Reason = "key_lost"
	VaultDamaged  Reason = "vault_damaged"  // the vault file was changed or damaged
	VaultTooNew   Reason = "vault_too_new"  // a newer zen wrote the vault
	VaultBusy     Reason = "vault_busy"     // another zend holds the vault
	CannotWrite   Reason = "cannot_write"   // disk full, read-only or no permission
	Rejected      Reason = "rejected"       // the registry (or server) refused the credential
	Unreachable   Reason = "unreachable"    // the registry (or server) cannot be reached
	Expired       Reason = "expired"        // the connector's credentials ran out
	NeedsLogin    Reason = "needs_login"    // a person has to log in again
	Denied        Reason = "denied"         // policy says no
	RateLimited   Reason = "rate_limited"   // too many requests
	Timeout       Reason = "timeout"        // a deadline passed
	Unavailable   Reason = "unavailable"    // zend cannot be reached or started
	ForeignPeer   Reason = "foreign_peer"   // the other end of the socket is another user
	UnknownMethod Reason = "unknown_method" // the daemon does not know the method: versions differ
	BadRequest    Reason = "bad_request"    // not a JSON-RPC 2.0 request
	ParseError    Reason = "parse_error"    // not JSON
	Internal      Reason = "internal"       // a fault of zen
)

// ReasonInfo is one row of the error table.
type ReasonInfo struct {
	Reason Reason
	Code   int    // JSON-RPC 2.0 error code
	Exit   int    // exit status of the zen command
	Hint   string // what to type when the error carries no hint of its own; may be empty
}

// Exit statuses of the zen command. docker-credential-zen knows 0 and 1 only.
const (
	ExitOK          = 0
	ExitError       = 1 // refused or failed
	ExitUsage       = 2 // the command line makes no sense
	ExitNeedsLogin  = 3 // log in (again) first
	ExitDenied      = 4 // policy or peer check said no
	ExitUnavailable = 5 // zend, the keyring or the registry cannot be reached
	ExitLocked      = 6 // unlock the vault first
	ExitInterrupted = 130
)

// Reasons returns the one table from which the wire code, the exit status and the default
// hint of each reason come.
func Reasons() []ReasonInfo {
	return []ReasonInfo{
		{NotLoggedIn, -32001, ExitNeedsLogin, "log in first: zen login NAME"},
		{NoSuchEntity, -32002, ExitError, ""},
		{Ambiguous, -32003, ExitError, "give more characters of the name or id"},
		{Exists, -32004, ExitError, ""},
		{InUse, -32005, ExitError, ""},
		{InvalidInput, -32602, ExitError, ""},
		{TooLarge, -32006, ExitError, ""},
		{Locked, -32007, ExitLocked, "unlock the vault: zen unlock"},
		{WrongPassphrase, -32008, ExitLocked, "try again: zen unlock"},
		{KeyringUnavailable, -32009, ExitUnavailable, "see what is wrong: zen vault status"},
		{KeyringRefused, -32010, ExitLocked, "answer the keyring's prompt: zen unlock"},
		{KeyLost, -32011, ExitLocked, "see what can be done: zen vault status"},
		{VaultDamaged, -32012, ExitError, "go back to the previous generation: zen vault restore"},
		{VaultTooNew, -32013, ExitError, "install the newer zen again"},
		{VaultBusy, -32014, ExitError, "stop the other zend: zen daemon stop"},
		{CannotWrite, -32015, ExitError, ""},
		{Rejected, -32016, ExitNeedsLogin, ""},
		{Unreachable, -32017, ExitUnavailable, ""},
		{Expired, -32018, ExitNeedsLogin, ""},
		{NeedsLogin, -32019, ExitNeedsLogin, "log in again: zen login NAME"},
		{Denied, -32020, ExitDenied, ""},
		{RateLimited, -32021, ExitDenied, "wait a moment and try again"},
		{Timeout, -32022, ExitUnavailable, ""},
		{Unavailable, -32023, ExitUnavailable, "see why it does not start: zen daemon status"},
		{ForeignPeer, -32024, ExitDenied, ""},
		{UnknownMethod, -32601, ExitError, "the daemon is of another version: zen daemon restart"},
		{BadRequest, -32600, ExitError, ""},
		{ParseError, -32700, ExitError, ""},
		{Internal, -32603, ExitError, "look into the log: zen daemon logs"},
	}
}

// Info returns the table's row for r; an unknown reason is treated as Internal.
func (r Reason) Info() ReasonInfo {
	var internal ReasonInfo
	for _, row := range Reasons() {
		if row.Reason == r {
			return row
		}
		if row.Reason == Internal {
			internal = row
		}
	}
	return internal
}

// Error is an error with a reason, made for a person: Message says what is wrong, Hint
// what to type. Neither may hold a secret. Errors with the same Reason are equal for
// errors.Is.
type Error struct {
	Reason  Reason
	Message string
	Hint    string // empty: the table's hint
	Cause   error  // for errors.Is and the log; its text is not shown unless Message repeats it
}

// NewError returns an Error. An empty hint means the table's.
func NewError(reason Reason, message, hint string) *Error {
	return &Error{Reason: reason, Message: message, Hint: hint}
}

// Error returns the message.
func (e *Error) Error() string {
	if e.Message == "" {
		return string(e.Reason)
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is reports whether target is an Error of the same reason.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason
}

// HintOf is what an error says to type; "" if it says nothing.
func HintOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.HintText()
	}
	return ""
}

// HintText is the error's hint or the table's.
func (e *Error) HintText() string {
	if e.Hint != "" {
		return e.Hint
	}
	return e.Reason.Info().Hint
}

// ReasonOf returns the reason of the first Error in err's chain, Internal for any other
// error, "" for nil.
func ReasonOf(err error) Reason {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	return Internal
}

// Is reports whether err carries the reason.
func (r Reason) Is(err error) bool { return err != nil && ReasonOf(err) == r }
