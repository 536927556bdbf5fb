package clientconfig

// Options of Apply and Undo.
type Options struct {
	Hosts  []string // only for these registries, in any spelling; none means all
	DryRun bool     // write nothing
	File   string   // Undo: the file of a Recorded, instead of the one the client would read now
}

// Report says what Apply or Undo did, or would do.
type Report struct {
	Client     string
	File       string    // as the client finds it
	Target     string    // with symbolic links followed
	Changed    bool      // false: everything was as it should be already
	Created    bool      // the file was made; after Undo: removed
	Exact      bool      // Undo: the file is byte for byte as it was before zen
	Unrecorded bool      // Undo: zen does not remember to have set this; it was removed because it names zen
	Steps      []Step    // the members that were set, or taken back
	Diff       string    // of the file, in the unified format, with everything masked that could be a secret
	Hidden     []string  // Apply: registries whose plaintext login in the file the client does not use any more
	Plaintext  []string  // registries whose login is in the file in clear, Hidden or not
	Warnings   []Warning // what keeps it from working
	Elsewhere  []string  // Undo: other files of the client that zen changed
}

// Step is one member and its value. Values are names of helpers, "" stands for none.
type Step struct {
	Member string // "credsStore", `credHelpers["ghcr.io"]`
	Before string
	After  string
	Kept   bool // Undo: somebody else set Before since, so it stays
}

// Warning is something the user should know, and what to type.
type Warning struct {
	Message string
	Hint    string // may be empty
}
