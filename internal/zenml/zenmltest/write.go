package zenmltest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// request is the body of what makes or changes a connector.
type request struct {
	Name              string            `json:"name"`
	Type              string            `json:"connector_type"`
	Description       string            `json:"description"`
	AuthMethod        string            `json:"auth_method"`
	ResourceTypes     []string          `json:"resource_types"`
	ResourceID        string            `json:"resource_id"`
	Configuration     map[string]any    `json:"configuration"`
	Labels            map[string]string `json:"labels"`
	ExpirationSeconds any               `json:"expiration_seconds"`
}

// read reads a request. As the real server does, it repeats the whole input in what it
// says of one that is not valid.
func read(w http.ResponseWriter, r *http.Request) (request, bool) {
	var req request
	err := json.NewDecoder(r.Body).Decode(&req)
	missing := ""
	for _, name := range required(req.Type, req.AuthMethod) {
		if v, ok := req.Configuration[name]; req.Configuration != nil && (!ok || v == "") {
			missing = name
		}
	}
	if err == nil && missing == "" {
		return req, true
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnprocessableEntity)
	json.NewEncoder(w).Encode([]string{"ValueError", fmt.Sprintf(
		"1 validation errors:\n  {'type': 'missing', 'loc': ('body', '%s'), 'msg': 'Field required', "+
			"'input': %v}\n", missing, req.Configuration)})
	return req, false
}

func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	req, ok := read(w, r)
	switch {
	case !ok:
	case slices.ContainsFunc(s.Connectors, func(c *Connector) bool { return c.Name == req.Name }):
		fail(w, http.StatusConflict, "EntityExistsError", "Unable to create the requested service "+
			"connector with name '"+req.Name+
			"': Found another existing service connector with the same name.")
	default:
		s.serial++
		c := &Connector{ID: fmt.Sprintf("77777777-7777-4777-8777-%012d", s.serial)}
		s.Connectors = append(s.Connectors, c)
		c.set(req)
		answer(w, c.response(c.Type, c.config(true), nil))
	}
}

func (s *Server) update(w http.ResponseWriter, r *http.Request, c *Connector) {
	req, ok := read(w, r)
	if !ok {
		return
	}
	if c.InUse && req.ResourceID != c.ResourceID {
		fail(w, http.StatusForbidden, "IllegalOperationError", "The resource ID of a service connector "+
			"that is already actively used in one or more "+
			"stack components cannot be changed.")
		return
	}
	c.set(req)
	answer(w, c.response(c.Type, c.config(true), nil))
}

// set changes what the request names: a configuration and labels as a whole.
func (c *Connector) set(req request) {
	for dst, v := range map[*string]string{
		&c.Name: req.Name, &c.Type: req.Type,
		&c.Description: req.Description, &c.AuthMethod: req.AuthMethod,
	} {
		if v != "" {
			*dst = v
		}
	}
	c.ResourceID, c.ExpirationSeconds = req.ResourceID, req.ExpirationSeconds
	if req.Labels != nil {
		c.Labels = req.Labels
	}
	if req.Configuration == nil {
		return
	}
	c.Username, c.Password, c.Registry, c.More = "", "", "", map[string]any{}
	for name, v := range req.Configuration {
		known := map[string]*string{
			"username": &c.Username, "password": &c.Password,
			"registry": &c.Registry,
		}[name]
		if text, ok := v.(string); ok && known != nil {
			*known = text
		} else {
			c.More[name] = v
		}
	}
}

// check answers the check of a connector that is not registered yet. As the real server
// it does not ask the registry.
func (s *Server) check(w http.ResponseWriter, r *http.Request) {
	req, ok := read(w, r)
	if !ok {
		return
	}
	c := &Connector{
		Type:      req.Type,
		Instances: []string{"eu-docker.example.dev/p/one", "eu-docker.example.dev/p/two"},
	}
	if req.Type == "docker" {
		c.Instances, c.ResourceID = nil, "docker.io"
		if registry, _ := req.Configuration["registry"].(string); registry != "" {
			c.ResourceID = registry
		}
	}
	s.verify(w, c)
}

func required(kind, method string) []string {
	switch {
	case kind == "docker":
		return []string{"username", "password"}
	case method == "service-account":
		return []string{"service_account_json"}
	}
	return nil
}

func secret(title string) map[string]any {
	return map[string]any{"format": "password", "title": title, "type": "string", "writeOnly": true}
}

func optional(title, kind string) map[string]any {
	return map[string]any{
		"anyOf":   []map[string]any{{"type": kind}, {"type": "null"}},
		"default": nil,
		"title":   title,
	}
}

func registries(instances bool, methods ...string) map[string]any {
	return map[string]any{
		"name": "Docker/OCI container registry", "resource_type": "docker-registry",
		"description":  "Registries.",
		"auth_methods": methods, "supports_instances": instances, "emoji": ":whale:",
	}
}

func method(name string, required []string, properties map[string]any, life any) map[string]any {
	return map[string]any{
		"name": "Method " + name, "auth_method": name, "description": "Use it.",
		"config_schema": map[string]any{
			"properties": properties,
			"required":   required,
			"title":      "C",
			"type":       "object",
		},
		"min_expiration_seconds": nil, "max_expiration_seconds": nil, "default_expiration_seconds": life,
	}
}

// types are a type with one authentication method, and one with several methods, resource
// types and instances.
func types() []map[string]any {
	return []map[string]any{
		{
			"name": "Docker Service Connector", "connector_type": "docker", "description": "\nDocker.",
			"emoji":          ":whale:",
			"resource_types": []map[string]any{registries(false, "password")},
			"auth_methods": []map[string]any{
				method("password", []string{"username", "password"}, map[string]any{
					"username": secret("Username"), "password": secret("Password"),
					"registry": optional("Registry server URL. Omit to use DockerHub.", "string"),
				}, nil),
			},
			"local": true, "remote": false, "supports_auto_configuration": false,
		},
		{
			"name": "GCP Service Connector", "connector_type": "gcp", "description": "Google.",
			"emoji": ":blue_circle:",
			"resource_types": []map[string]any{
				registries(true, "service-account", "oauth2-token"),
				{
					"name": "GCS bucket", "resource_type": "gcs-bucket", "description": "Buckets.",
					"emoji":        ":bucket:",
					"auth_methods": []string{"service-account", "oauth2-token"}, "supports_instances": true,
				},
			},
			"auth_methods": []map[string]any{
				method("service-account", []string{"project_id", "service_account_json"}, map[string]any{
					"project_id": map[string]any{
						"title": "Project",
						"type":  "string",
					}, "service_account_json": secret("Key"),
					"generate_temporary_tokens": map[string]any{
						"title":   "Temporary",
						"type":    "boolean",
						"default": true,
					},
					"scopes": optional("Scopes", "array"),
				}, nil),
				method("oauth2-token", []string{"token"}, map[string]any{"token": secret("Token")}, 3600),
			},
			"local": true, "remote": true, "supports_auto_configuration": false,
		},
	}
}
