// Package guard watches the files in which registry clients keep their configuration and
// their logins. It tells when a password appears there in plain text and when a client
// that was pointed at zen no longer asks it, and, when the user wants that, moves the
// login into the vault and points the client at zen again.
//
// It looks at everything whenever something may have changed, and knows nothing of what
// happened. A login leaves its file only when zen answers with the very same and the
// client asks zen. Each change of somebody else is answered once: when it is made again,
// and no new login came with it, zen only tells of it. The package stores nothing itself,
// and no secret is in what it logs, tells or remembers.
package guard
