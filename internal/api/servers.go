package api

import "time"

// Server is a ZenML server that zen is connected to, without its secret.
type Server struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	URL      string `json:"url"`
	Auth     string `json:"auth"`               // see ServerAuth
	Username string `json:"username,omitempty"` // of ServerAuthPassword
	User     string `json:"user,omitempty"`     // who the server says we are
	CACert   string `json:"ca_cert,omitempty"`  // PEM
	// without TLS, or without authentication, and not on this machine
	Insecure bool       `json:"insecure,omitempty"`
	ServerID string     `json:"server_id,omitempty"`
	Version  string     `json:"version,omitempty"` // ZenML's, when it was connected
	Until    *time.Time `json:"until,omitempty"`   // when a login in a browser ends
	Active   bool       `json:"active"`            // names that several servers have are its
	Owner    string     `json:"owner"`
	Created  time.Time  `json:"created"`
	Updated  time.Time  `json:"updated"`
	Logins   int        `json:"logins"`            // through its connectors; computed
	Problem  string     `json:"problem,omitempty"` // why it cannot be used now; computed by server.get
}

// Ways to say to a server who we are.
const (
	ServerAuthAPIKey   = "api-key"
	ServerAuthPassword = "password"
	ServerAuthDevice   = "device"
	ServerAuthNone     = "none"
)

// ConnectServer is the params of server.connect and, without Auth, Username and Device,
// of server.device.
type ConnectServer struct {
	URL      string `json:"url,omitempty"`
	Name     string `json:"name,omitempty"` // "": the URL's host
	Auth     string `json:"auth,omitempty"`
	Username string `json:"username,omitempty"`
	CACert   string `json:"ca_cert,omitempty"` // PEM
	Insecure bool   `json:"insecure,omitempty"`
	// what server.device answered; all else but Name is known from it
	Device string `json:"device,omitempty"`

	// take the place of the same server under another address or, with its name, of
	// another account on it
	Replace bool `json:"replace,omitempty"`

	// with ServerAuthDevice and an access token as the key: when that ends
	Until *time.Time `json:"until,omitempty"`
}

// ServerDevice answers server.device.
type ServerDevice struct {
	// names it for server.connect; "": the server lets everybody in, connect with
	// ServerAuthNone
	Device   string    `json:"device,omitempty"`
	URL      string    `json:"url,omitempty"` // to open in a browser
	UserCode string    `json:"user_code,omitempty"`
	Until    time.Time `json:"until,omitzero"`
	// nothing was begun: it is this server that zen is connected to, under another
	// address; see ConnectServer.Replace
	Moved *Server `json:"moved,omitempty"`
}

// ServerResult answers server.connect, get, use and disconnect.
type ServerResult struct {
	Server  Server `json:"server"`
	Pending bool   `json:"pending,omitempty"` // connect: nobody allowed the device yet; ask again
	// connect: nothing was kept, see ServerDevice
	Moved      *Server `json:"moved,omitempty"`
	Connectors *int    `json:"connectors,omitempty"`   // get: how many it has for registries
	Ended      int     `json:"ended_logins,omitempty"` // disconnect: logins that ended with it
}

// ServerList answers server.list.
type ServerList struct {
	Items []Server `json:"items"`
}
