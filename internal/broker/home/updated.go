package home

import (
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
)

// updated applies the public part of an update.
func (h *Homes) updated(c api.ServiceConnector, req api.UpdateConnector) api.ServiceConnector {
	set(&c.Name, req.Name)
	set(&c.Description, req.Description)
	set(&c.AuthMethod, req.AuthMethod)
	set(&c.ResourceID, req.ResourceID)
	if req.ResourceType != nil {
		c.ResourceTypes = []string{*req.ResourceType}
	}
	setPtr(&c.ExpiresAt, req.ExpiresAt)
	setPtr(&c.ExpiresSkewTolerance, req.ExpiresSkewTolerance)
	setPtr(&c.ExpirationSeconds, req.ExpirationSeconds)
	for _, name := range req.Remove {
		switch name {
		case "resource_id":
			c.ResourceID = ""
		case "resource_type":
			c.ResourceTypes = nil
		case "expires_at":
			c.ExpiresAt = nil
		case "expires_skew_tolerance":
			c.ExpiresSkewTolerance = nil
		case "expiration_seconds":
			c.ExpirationSeconds = nil
		}
	}
	c.Labels = catalog.Merged(c.Labels, req.Labels)
	c.Updated = h.Now().UTC()
	c.Revision++
	return c
}

func set(dst *string, v *string) {
	if v != nil {
		*dst = *v
	}
}

func setPtr[T any](dst **T, v *T) {
	if v != nil {
		*dst = v
	}
}
