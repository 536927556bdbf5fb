package api

import "time"

// Approval is a request that waits until a person allows it. The programs' names are
// theirs to choose.
type Approval struct {
	ID        string    `json:"id"` // four characters, for a person to type
	Asked     time.Time `json:"asked"`
	Action    string    `json:"action"` // "get" or "reveal"
	Address   string    `json:"address,omitempty"`
	Connector string    `json:"connector,omitempty"`
	// executable of the client that docker-credential-zen asks for
	Asker string `json:"asker,omitempty"`
	// executables of whoever asks and its ancestors, nearest first
	Programs    []string `json:"programs,omitempty"`
	PID         int      `json:"pid,omitempty"`
	Dir         string   `json:"dir,omitempty"`
	KeepSeconds int      `json:"keep_seconds,omitempty"` // for how long a yes counts; 0: once
	// requests that wait now; 0: the answer is for the next one
	Waiting int `json:"waiting"`
}

// ApprovalList answers approval.list and, with what was answered, approval.answer.
type ApprovalList struct {
	Items []Approval `json:"items"`
}

// AnswerApproval is the params of approval.answer.
type AnswerApproval struct {
	ID   string `json:"id,omitempty"`
	All  bool   `json:"all,omitempty"` // instead of ID: every request
	Deny bool   `json:"deny,omitempty"`
}

// AuditQuery is the params of audit.
type AuditQuery struct {
	Since time.Time `json:"since,omitzero"`
	Host  string    `json:"host,omitempty"`
	Limit int       `json:"limit,omitempty"`
	// instead: what clients asked for that nobody is logged in to
	Misses bool `json:"misses,omitempty"`
}

// AuditList answers audit.
type AuditList struct {
	Items []AuditEntry `json:"items"`
	Off   bool         `json:"off,omitempty"` // of misses: the settings do not want them kept
}

// AuditEntry is one line of the audit log. It never holds a secret.
type AuditEntry struct {
	Time time.Time `json:"time"`
	// get, store, erase, list, login, logout, verify, mint, reveal, lock, ...
	Action    string `json:"action"`
	Address   string `json:"address,omitempty"`
	Connector string `json:"connector,omitempty"`
	// To is where a secret went, or was to go: "client", "screen", "registry HOST",
	// "program PATH", "server URL".
	To      string   `json:"to,omitempty"`
	Result  string   `json:"result"` // "ok" or a credential.Reason
	Detail  string   `json:"detail,omitempty"`
	PID     int      `json:"pid,omitempty"`
	Exe     string   `json:"exe,omitempty"`
	Parents []string `json:"parents,omitempty"` // nearest first
	Dir     string   `json:"dir,omitempty"`
}
