package access

// Holding is what zen has for a registry, beside a credential that is kept elsewhere.
type Holding struct {
	Connector string // name of the service connector that answers; "" for a stored login
	Exact     bool   // the login is for this very address, not for one above it
	Same      bool   // clients are given this very credential
}

// By says whose credentials zen answers with.
func (h Holding) By() string {
	if h.Connector != "" {
		return "service connector '" + h.Connector + "'"
	}
	return "docker login"
}
