package api

import "time"

// StatusRequest is the params of status: from where clients would ask. Nothing stands for
// no directory and no profile.
type StatusRequest struct {
	Dir     string `json:"dir,omitempty"`
	Profile string `json:"profile,omitempty"`
}

// Status answers status.
type Status struct {
	Version  string      `json:"version"`
	PID      int         `json:"pid"`
	Started  time.Time   `json:"started"`
	Socket   string      `json:"socket"`
	LogFile  string      `json:"log_file,omitempty"`
	Activity string      `json:"activation"`        // "on demand", "socket activation" or "foreground"
	IdleExit int         `json:"idle_exit_seconds"` // 0: never
	Guard    string      `json:"guard"`             // "off", "report", "repair" or "import"
	Vault    VaultStatus `json:"vault"`
	// when the vault locks itself unless it is used before
	AutoLock *time.Time `json:"auto_lock_at,omitempty"`
	Logins   []Login    `json:"logins"`
	Counts   Counts     `json:"counts"`
	// only where they were asked for: from the method limits
	Limits []PullLimit `json:"pull_limits,omitempty"`
	// things the user should know, such as a plaintext login seen by the guard
	Notices []Notice `json:"notices,omitempty"`
}

// LimitList answers limits.
type LimitList struct {
	Items []PullLimit `json:"items"`
}

// PullLimit is how many more images may be pulled from a registry, by those for whom one
// login answers.
type PullLimit struct {
	Address       string `json:"address"`
	AnsweredBy    string `json:"answered_by"` // the login's connector or source; "nobody" for anonymous pulls
	Username      string `json:"username,omitempty"`
	Limited       bool   `json:"limited"`
	Limit         int    `json:"limit,omitempty"`
	Remaining     int    `json:"remaining"`
	WindowSeconds int    `json:"window_seconds,omitempty"`
	// whom the registry counts for: an IP address, or an account's id
	Source string `json:"source,omitempty"`
	Error  string `json:"error,omitempty"` // why it is not known
	Hint   string `json:"hint,omitempty"`
}

// Counts are the numbers of entities.
type Counts struct {
	Connectors int `json:"service_connectors"`
	Registries int `json:"container_registries"`
	Stacks     int `json:"stacks"`
}

// Notice is something a person should know, and what to type.
type Notice struct {
	Time time.Time `json:"time"`
	Text string    `json:"text"`
	Hint string    `json:"hint,omitempty"`
	Done bool      `json:"done,omitempty"` // zend did it by itself; nothing is wrong
	// Urgent is shown before anything else: the rules are not those in config.toml.
	Urgent bool `json:"urgent,omitempty"`
}

// VaultStatus answers vault.status.
type VaultStatus struct {
	File       string      `json:"file"`
	State      string      `json:"state"` // "absent", "unlocked", "locked", "key lost", "damaged", "too new"
	Problem    string      `json:"problem,omitempty"`
	Hint       string      `json:"hint,omitempty"`
	ID         string      `json:"id,omitempty"`
	Format     int         `json:"format,omitempty"`
	Generation uint64      `json:"generation,omitempty"`
	Records    int         `json:"records"`
	Slots      []VaultSlot `json:"slots,omitempty"`
}

// VaultSlot is one way to open the vault.
type VaultSlot struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`   // "os-keyring", "session", "memory", "passphrase"
	Detail  string    `json:"detail"` // for a person: what keeps the key and what that protects from
	Created time.Time `json:"created"`
}

// PassphraseRequest is the params of vault.passphrase.
type PassphraseRequest struct {
	Remove bool `json:"remove,omitempty"`
}
