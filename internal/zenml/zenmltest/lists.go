package zenmltest

import (
	"encoding/json"
	"net/http"
	"slices"
)

// Registry is a hydrated ComponentResponse of a container registry; connector may be nil.
func Registry(id, name, uri string, connector *Connector) map[string]any {
	metadata := map[string]any{
		"configuration": map[string]any{
			"uri": uri,
		}, "environment": map[string]any{}, "labels": map[string]any{}, "connector": nil,
		"connector_resource_id": nil,
	}
	if connector != nil {
		link(metadata, connector, connector.ResourceID)
	}
	return component(id, name, "container_registry", "default", metadata)
}

func component(id, name, kind, flavor string, metadata map[string]any) map[string]any {
	return map[string]any{
		"id": id, "name": name, "permission_denied": false,
		"body": map[string]any{
			"created": "2026-11-23T09:38:47.306447", "updated": "2026-11-23T09:39:01.735289", "type": kind,
			"flavor_name": flavor,
		},
		"metadata": metadata, "resources": map[string]any{"user": map[string]any{"name": "zenbot"}},
	}
}

func link(metadata map[string]any, c *Connector, resource string) {
	linked := c.response(c.Type, nil, nil)
	linked["metadata"], linked["resources"] = nil, nil
	linked["body"].(map[string]any)["connector_type"] = c.Type
	metadata["connector"], metadata["connector_resource_id"] = linked, orNull(resource)
}

// Stack is a hydrated StackResponse with a container registry, or without one.
func Stack(id, name string, registry map[string]any) map[string]any {
	components := map[string]any{
		"orchestrator":   []any{component(id+"-o", "default", "orchestrator", "local", map[string]any{})},
		"artifact_store": []any{component(id+"-a", "default", "artifact_store", "local", map[string]any{})},
	}
	if registry != nil {
		components["container_registry"] = []any{registry}
	}
	return map[string]any{
		"id": id, "name": name, "permission_denied": false,
		"body": map[string]any{
			"created": "2026-11-23T09:37:50.364681",
			"updated": "2026-11-23T09:37:50.364702",
		},
		"metadata": map[string]any{"components": components, "description": "", "labels": map[string]any{}},
	}
}

// component changes which connector a container registry is linked to, as an update does:
// what it does not name is unlinked.
func (s *Server) component(w http.ResponseWriter, r *http.Request, id string) {
	var req struct {
		Connector string `json:"connector"`
		Resource  string `json:"connector_resource_id"`
	}
	i := slices.IndexFunc(s.Registries, func(r map[string]any) bool { return r["id"] == id })
	if i < 0 || r.Method != http.MethodPut || json.NewDecoder(r.Body).Decode(&req) != nil {
		fail(w, http.StatusNotFound, "KeyError", "No component with this ID found")
		return
	}
	metadata := s.Registries[i]["metadata"].(map[string]any)
	metadata["connector"], metadata["connector_resource_id"] = nil, nil
	for _, c := range s.Connectors {
		if c.ID == req.Connector {
			link(metadata, c, req.Resource)
		}
	}
	answer(w, s.Registries[i])
}
