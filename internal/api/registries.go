package api

import "time"

// ContainerRegistry is a container registry stack component.
type ContainerRegistry struct {
	ID                  string            `json:"id"`
	Name                string            `json:"name"`
	Flavor              string            `json:"flavor"`
	Configuration       map[string]string `json:"configuration"` // uri, default_repository, ...
	ConnectorID         string            `json:"connector_id,omitempty"`
	ConnectorName       string            `json:"connector_name,omitempty"` // computed
	ConnectorType       string            `json:"connector_type,omitempty"` // computed
	ConnectorResourceID string            `json:"connector_resource_id,omitempty"`
	Labels              map[string]string `json:"labels,omitempty"`
	Owner               string            `json:"owner"`
	Created             time.Time         `json:"created"`
	Updated             time.Time         `json:"updated"`
	Active              bool              `json:"active"` // computed
	Server              string            `json:"server,omitempty"`
}

// URI is the registry's uri attribute.
func (r ContainerRegistry) URI() string { return r.Configuration["uri"] }

// RegisterRegistry is the params of registry.register. Connector, if set, is connected in
// the same change.
type RegisterRegistry struct {
	Name          string            `json:"name"`
	Flavor        string            `json:"flavor,omitempty"` // "": inferred from the uri
	Configuration map[string]string `json:"configuration"`
	Labels        map[string]string `json:"labels,omitempty"`
	Connector     string            `json:"connector,omitempty"`
	ResourceID    string            `json:"resource_id,omitempty"`
	NoVerify      bool              `json:"no_verify,omitempty"`
}

// UpdateRegistry is the params of registry.update; an empty Ref means the active stack's.
type UpdateRegistry struct {
	Ref           string             `json:"ref,omitempty"`
	Name          *string            `json:"name,omitempty"`
	Configuration map[string]*string `json:"configuration,omitempty"` // nil value: remove the attribute
	Labels        map[string]*string `json:"labels,omitempty"`
}

// CopyRef is the params of registry.copy and stack.copy.
type CopyRef struct {
	Ref  string `json:"ref"`
	Name string `json:"name"`
}

// ConnectRegistry is the params of registry.connect.
type ConnectRegistry struct {
	// both are on this server; "": the registry is of this machine
	Server     string `json:"server,omitempty"`
	Ref        string `json:"ref,omitempty"`
	Connector  string `json:"connector"`
	ResourceID string `json:"resource_id,omitempty"`
	NoVerify   bool   `json:"no_verify,omitempty"`
}

// RegistryResult answers the registry methods.
type RegistryResult struct {
	Registry  ContainerRegistry `json:"registry"`
	Resources []Resource        `json:"resources,omitempty"`
	Connector *ServiceConnector `json:"connector,omitempty"`
	Warning   string            `json:"warning,omitempty"`
}

// RegistryList answers registry.list.
type RegistryList struct {
	Items    []ContainerRegistry `json:"items"`
	Page     Page                `json:"pagination"`
	Warnings []string            `json:"warnings,omitempty"` // servers that did not answer
}

// Flavors answers registry.flavors.
type Flavors struct {
	Items []Flavor `json:"items"`
}

// Flavor is a kind of container registry.
type Flavor struct {
	Name          string      `json:"name"`
	Integration   string      `json:"integration"`
	Description   string      `json:"description"`
	ConnectorType string      `json:"connector_type,omitempty"` // "": any
	ResourceType  string      `json:"connector_resource_type"`
	Attributes    []Attribute `json:"attributes"`
	URIHelp       string      `json:"uri_help"`
}
