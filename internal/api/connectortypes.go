package api

// ConnectorTypesQuery is the params of connector.types.
type ConnectorTypesQuery struct {
	Type         string `json:"type,omitempty"`
	ResourceType string `json:"resource_type,omitempty"`
	AuthMethod   string `json:"auth_method,omitempty"`
	Server       string `json:"server,omitempty"` // the types that this server has; "": those of this machine
}

// ConnectorTypes answers connector.types.
type ConnectorTypes struct {
	Items []ConnectorType `json:"items"`
}

// ConnectorType describes a kind of connector as data (ZenML's type model).
type ConnectorType struct {
	Name                      string         `json:"name"` // "Docker Service Connector"
	Type                      string         `json:"connector_type"`
	Description               string         `json:"description"`
	AuthMethods               []AuthMethod   `json:"auth_methods"`
	ResourceTypes             []ResourceType `json:"resource_types"`
	SupportsAutoConfiguration bool           `json:"supports_auto_configuration"`
	Local                     bool           `json:"local"`
	Remote                    bool           `json:"remote"`
	Emoji                     string         `json:"emoji,omitempty"`
}

// AuthMethod is one way a connector type authenticates.
type AuthMethod struct {
	Method                   string      `json:"auth_method"`
	Name                     string      `json:"name"`
	Description              string      `json:"description"`
	Attributes               []Attribute `json:"attributes"`
	MinExpirationSeconds     int         `json:"min_expiration_seconds,omitempty"`
	MaxExpirationSeconds     int         `json:"max_expiration_seconds,omitempty"`
	DefaultExpirationSeconds int         `json:"default_expiration_seconds,omitempty"`
}

// Attribute is one field of an auth method's configuration.
type Attribute struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Type        string `json:"type"` // "string", "boolean", "integer", "array"
	Description string `json:"description,omitempty"`
	Required    bool   `json:"required"`
	Secret      bool   `json:"secret"`
	Default     string `json:"default,omitempty"`
}

// ResourceType is a kind of resource a connector type gives access to.
type ResourceType struct {
	Type              string   `json:"resource_type"`
	Name              string   `json:"name"` // "Docker/OCI container registry"
	Description       string   `json:"description"`
	AuthMethods       []string `json:"auth_methods"`
	SupportsInstances bool     `json:"supports_instances"`
	Emoji             string   `json:"emoji,omitempty"`
}
