package clientconfig

// Options of Apply and Undo.
type Options struct {
	Hosts  []string // only for these registries, in any spelling; none means all
	DryRun bool     // write nothing
	File   string   // Undo: the file of a Recorded, instead of the one the client would read now

	// the helper of this profile, which Link makes; Undo: only where that is named; "":
	// zen's, or whichever
	Profile string
}

// Report says what Apply or Undo did, or would do.
type Report struct {
	Client string `json:"client"` // whose configuration it is
	// the client that was asked for, when it reads that of another
	For     string `json:"for,omitempty"`
	File    string `json:"file"`    // as the client finds it
	Target  string `json:"target"`  // with symbolic links followed
	Changed bool   `json:"changed"` // false: everything was as it should be already
	// Apply: the file was made; Undo: such a file was removed
	Created bool `json:"created"`
	Exact   bool `json:"exact,omitempty"` // Undo: the file is byte for byte as it was before zen
	// Undo: zen does not remember what was there; what names zen was removed
	Unrecorded bool   `json:"unrecorded,omitempty"`
	Steps      []Step `json:"steps"` // the members that were set, or taken back
	// unified format; everything is masked that could be a secret
	Diff string `json:"diff"`
	// Apply: registries whose plain-text login is out of use now
	Hidden []string `json:"hidden,omitempty"`
	// registries whose login is in the file in plain text, Hidden or not
	Plaintext []string  `json:"plaintext,omitempty"`
	Warnings  []Warning `json:"warnings,omitempty"`  // what keeps it from working
	Elsewhere []string  `json:"elsewhere,omitempty"` // Undo: other files of the client that zen changed
}

// Step is one member and its value. Values are names of helpers, "" stands for none.
type Step struct {
	Member string `json:"member"` // "credsStore", `credHelpers["ghcr.io"]`
	Before string `json:"before"`
	After  string `json:"after"`
	Kept   bool   `json:"kept,omitempty"` // Undo: somebody else set Before since, so it stays
}

// Warning is something the user should know, and what to type.
type Warning struct {
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}
