package catalog

import (
	"fmt"
	"slices"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// defaultSkew is how long before expires_at a connector counts as expired when it does
// not say otherwise (ZenML, SERVICE_CONNECTOR_SKEW_TOLERANCE_SECONDS).
const defaultSkew = 300 * time.Second

// Expired reports whether a connector's credentials have run out, its tolerance taken
// off.
func Expired(s api.ServiceConnector, now time.Time) bool {
	if s.ExpiresAt == nil {
		return false
	}
	skew := defaultSkew
	if s.ExpiresSkewTolerance != nil {
		skew = time.Duration(*s.ExpiresSkewTolerance) * time.Second
	}
	return !now.Before(s.ExpiresAt.Add(-skew))
}

// Connectors are the service connectors.
type Connectors struct{ *state }

func connectorKey(s *api.ServiceConnector) (time.Time, string, string) {
	return s.Created, s.Name, s.ID
}

// List returns all service connectors, oldest first.
func (c Connectors) List() []api.ServiceConnector {
	out := make([]api.ServiceConnector, 0, len(c.connectors))
	for _, s := range sorted(c.connectors, connectorKey) {
		out = append(out, *s)
		out[len(out)-1].Active = s.ID == c.inUse.connector
	}
	return out
}

// ByID returns the service connector of that very id, be it one of a server.
func (c Connectors) ByID(id string) (api.ServiceConnector, bool) {
	s := c.connectorByID(id)
	if s == nil {
		return api.ServiceConnector{}, false
	}
	out := *s
	out.Active = id == c.inUse.connector
	return out, true
}

func (c *state) connectorByID(id string) *api.ServiceConnector {
	if s := c.connectors[id]; s != nil {
		return s
	}
	return c.remotes[id]
}

// Resolve finds a service connector.
func (c Connectors) Resolve(ref string, how Match) (api.ServiceConnector, error) {
	all := make([]entity, 0, len(c.connectors))
	for id, s := range c.connectors {
		all = append(all, entity{id, s.Name})
	}
	id, err := resolve("service_connectors", seeConnectors, ref, all, how)
	if err != nil {
		return api.ServiceConnector{}, err
	}
	s, _ := c.ByID(id)
	return s, nil
}

// Query answers service-connector list: this machine's connectors and then those of
// servers.
func (c Connectors) Query(
	q api.Query,
	now time.Time,
	remote ...api.ServiceConnector,
) (api.ConnectorList, error) {
	all := append(c.List(), remote...)
	for i := range all {
		all[i].Expired = Expired(all[i], now)
	}
	items, page, err := run(q, connectorSchema(), all)
	return api.ConnectorList{Items: items, Page: page}, err
}

func connectorSchema() schema[api.ServiceConnector] {
	type s = api.ServiceConnector
	return schema[s]{
		fields: []field[s]{
			textField("id", func(s *s) string { return s.ID }),
			textField("name", func(s *s) string { return s.Name }),
			textField("description", func(s *s) string { return s.Description }),
			textField("connector_type", func(s *s) string { return s.Type }, "type"),
			textField("auth_method", func(s *s) string { return s.AuthMethod }),
			listField("resource_type", func(s *s) []string { return s.ResourceTypes }, "resource_types"),
			textField("resource_id", func(s *s) string { return s.ResourceID }, "resource_name"),
			textField("user", func(s *s) string { return s.Owner }, "owner", "user_id"),
			timeField("created", func(s *s) *time.Time { return &s.Created }),
			timeField("updated", func(s *s) *time.Time { return &s.Updated }),
			timeField("expires_at", func(s *s) *time.Time { return s.ExpiresAt }, "expires_in"),
			numberField("expires_skew_tolerance", func(s *s) *int { return s.ExpiresSkewTolerance }),
			numberField("expiration_seconds", func(s *s) *int { return s.ExpirationSeconds }),
			numberField("revision", func(s *s) *int { return &s.Revision }),
			boolField("active", func(s *s) bool { return s.Active }),
			boolField("expired", func(s *s) bool { return s.Expired }),
			textField("verification", func(s *s) string { return s.Verification }),
			textField("server", func(s *s) string { return s.Server }),
		},
		labels: func(s *s) map[string]string { return s.Labels },
		active: func(s *s) bool { return s.Active },
	}
}

// Put registers a service connector, or updates the one of the same id; an update must
// have the revision after the one that it was made from, so that of two at the same time
// none undoes the other. What container registries use it for must stay possible.
func (c Connectors) Put(s api.ServiceConnector) (Change, error) {
	if s.ID == "" {
		return Change{}, credential.NewError(credential.Internal, "a service connector has no id", "")
	}
	if err := checkName("service connector", s.Name); err != nil {
		return Change{}, err
	}
	if err := checkLabels(s.Labels); err != nil {
		return Change{}, err
	}
	if err := c.checkName(s); err != nil {
		return Change{}, err
	}
	if err := c.checkRevision(s); err != nil {
		return Change{}, err
	}
	for _, r := range c.connectedTo(s.ID) {
		if f, err := flavorNamed(r.Flavor); err != nil || f.checkConnector(*r, s) == nil {
			continue
		}
		return Change{}, credential.NewError(credential.InUse, fmt.Sprintf(
			"Service connector '%s' is used by the container registry '%s' with the uri '%s', to which "+
				"it would not give access "+
				"any more.", s.Name, r.Name, r.URI()), "zen container-registry "+
			"disconnect "+safetext.ShellWord(r.Name))
	}
	return put(connectorRecord(s))
}

func (c Connectors) checkName(s api.ServiceConnector) error {
	verb := "create"
	if c.connectors[s.ID] != nil {
		verb = "update"
	}
	for _, o := range c.connectors {
		if o.Name == s.Name && o.ID != s.ID {
			return credential.NewError(credential.Exists, fmt.Sprintf(
				"Unable to %s the requested service connector with name '%s': Found another existing "+
					"service connector with "+
					"the same name.", verb, s.Name), "choose another name, or: zen service-connector "+
				"describe "+safetext.ShellWord(s.Name))
		}
	}
	return nil
}

func (c Connectors) checkRevision(s api.ServiceConnector) error {
	old := c.connectors[s.ID]
	switch {
	case old == nil && s.Revision > 1:
		return credential.NewError(credential.NoSuchEntity,
			fmt.Sprintf("Service connector '%s' was deleted meanwhile.", s.Name), seeConnectors)
	case old != nil && s.Revision <= old.Revision:
		return credential.NewError(
			credential.InvalidInput,
			fmt.Sprintf(
				"Service connector '%s' was changed by somebody else meanwhile.",
				s.Name,
			),
			"look at it and try again",
		)
	}
	return nil
}

// connectedTo are the container registries that are linked to a connector, oldest first.
func (c *state) connectedTo(id string) []*api.ContainerRegistry {
	all := sorted(c.registries, registryKey)
	return slices.DeleteFunc(all, func(r *api.ContainerRegistry) bool { return r.ConnectorID != id })
}

// Delete removes a service connector and its logins. It is refused while a container
// registry uses it.
func (c Connectors) Delete(ref string) (api.ServiceConnector, Change, error) {
	s, err := c.Resolve(ref, Exactly)
	if err != nil {
		return s, Change{}, err
	}
	var users []string
	for _, r := range c.connectedTo(s.ID) {
		users = append(users, r.Name)
	}
	if len(users) > 0 {
		return s, Change{}, credential.NewError(credential.InUse, fmt.Sprintf(
			"Service connector '%s' with ID %s cannot be deleted as it is still referenced by %d stack "+
				"components: %s. "+
				"Before deleting this service connector, make sure to remove it from all stack components.",
			s.Name, s.ID, len(users), quoted(users)), "zen container-registry "+
			"disconnect "+safetext.ShellWord(users[0]))
	}
	change := Change{Delete: []string{s.ID}}
	for _, l := range c.logins {
		if l.ConnectorID == s.ID {
			change.Delete = append(change.Delete, l.ID)
		}
	}
	slices.Sort(change.Delete)
	return s, change, nil
}
