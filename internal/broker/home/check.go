package home

import (
	"context"
	"errors"
	"fmt"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// ResourceOf is a connector as a resource, of its first type.
func ResourceOf(conn api.ServiceConnector) api.Resource {
	r := api.Resource{
		ConnectorID:   conn.ID,
		ConnectorName: conn.Name,
		ConnectorType: conn.Type,
		Verification:  conn.Verification,
	}
	if len(conn.ResourceTypes) > 0 {
		r.ResourceType = conn.ResourceTypes[0]
	}
	return r
}

// Check lists what a grant gives access to and asks the registry about it. Rejected is an
// error; the resource says what could not be asked.
func (h *Homes) Check(
	ctx context.Context, use door.Use, g door.Grant, conn api.ServiceConnector, skip bool, push string,
) ([]api.Resource, error) {
	ids, err := h.Door.Resources(ctx, use, g)
	if err != nil {
		return nil, err
	}
	r := ResourceOf(conn)
	r.ResourceType, r.ResourceIDs, r.Verification = g.Spec.ResourceType, ids, api.VerificationSkipped
	if skip || len(ids) == 0 {
		return []api.Resource{r}, nil
	}
	if g.Spec.ResourceID == "" {
		g.Spec.ResourceID = ids[0]
	}
	report, err := h.Door.Verify(ctx, use, g, ids[0], connector.VerifyOptions{Push: push})
	return Reported(r, report, err)
}

// Reported puts what the registry said into a resource.
func Reported(r api.Resource, report connector.Report, err error) ([]api.Resource, error) {
	if err != nil {
		return nil, err
	}
	r.Verification = report.Verification
	if report.Verification == api.VerificationUnreachable ||
		report.Verification == api.VerificationAnonymous {
		r.Error = report.Detail
	}
	return []api.Resource{r}, nil
}

// Verify asks the registry whether a connector's credential works.
func (h *Homes) Verify(
	ctx context.Context, why door.Use, conn api.ServiceConnector, use api.UseConnector,
) ([]api.Resource, error) {
	g, err := h.Grant(conn)
	if err != nil {
		return nil, err
	}
	if g.Spec, err = Request(g.Spec, use.ResourceType, use.ResourceID); err != nil {
		return nil, err
	}
	if err := CheckPlain(conn, g.Spec); err != nil {
		return nil, err
	}
	resources, err := h.Check(ctx, why, g, conn, false, use.Push)
	if use.Push != "" { // the refusal may be of the push
		return resources, err
	}
	return resources, AcceptedBefore(conn, err)
}

// AcceptedBefore tells a password that was revoked from one that was never right. conn is
// as it is kept: what it holds now was checked with its last change.
func AcceptedBefore(conn api.ServiceConnector, err error) error {
	e, ok := errors.AsType[*credential.Error](err)
	if !ok || e.Reason != credential.Rejected || conn.Verification != api.VerificationValid {
		return err
	}
	c := *e
	c.Message += "; it accepted them before, so they were revoked, changed or have run out"
	return &c
}

// Request narrows a specification to the resource that was asked for, with ZenML's
// messages when it does not fit.
func Request(spec connector.Spec, resourceType, resourceID string) (connector.Spec, error) {
	if resourceType != "" && spec.ResourceType != "" && resourceType != spec.ResourceType {
		return spec, credential.NewError(credential.InvalidInput, fmt.Sprintf(
			"the connector is configured to provide access to a '%s' resource type, but a different "+
				"resource type was requested: '%s'.",
			spec.ResourceType, resourceType), "")
	}
	if resourceID == "" {
		return spec, nil
	}
	want, err := address.Parse(resourceID)
	if err != nil {
		return spec, err
	}
	if spec.ResourceID != "" && want.Host() != Canonical(spec.ResourceID).Host() {
		return spec, credential.NewError(credential.InvalidInput, fmt.Sprintf(
			"The connector does not allow access to the provided '%s' Docker/OCI container registry "+
				"resource. It only allows access to the following resource: '%s'.",
			resourceID, spec.ResourceID), "")
	}
	if spec.ResourceID == "" {
		spec.ResourceID = want.String()
	}
	return spec, nil
}

// Asking is a use by whoever the context says it is.
func Asking(ctx context.Context, what access.Action) door.Use {
	return door.Use{Caller: access.From(ctx), For: what}
}

// Access asks the registry whether the connector really gives access, and says so in
// ZenML's words when it does not. resource is what a connector for several is wanted for.
func (h *Homes) Access(
	ctx context.Context,
	conn api.ServiceConnector,
	resource string,
	noVerify bool,
) ([]api.Resource, error) {
	if noVerify {
		return nil, nil
	}
	use := api.UseConnector{}
	if conn.ResourceID == "" {
		use.ResourceID = resource
	}
	resources, err := h.Verify(ctx, Asking(ctx, access.Register), conn, use)
	if e, ok := errors.AsType[*credential.Error](err); ok {
		c := *e
		c.Message = fmt.Sprintf("Access to the resource could not be verified: %s", e.Message)
		if c.Reason == credential.Rejected {
			c.Hint = "zen service-connector update " + conn.Name + " with credentials that work"
		}
		return nil, &c
	}
	return resources, err
}

// resourcesOf is the one resource that a connector names; none if it names no type.
func resourcesOf(conn api.ServiceConnector) []api.Resource {
	if len(conn.ResourceTypes) == 0 {
		return nil
	}
	r := ResourceOf(conn)
	if conn.ResourceID != "" {
		r.ResourceIDs = []string{conn.ResourceID}
	}
	return []api.Resource{r}
}

// Lapsed is the error for a connector whose credentials have run out, by what is known of
// it here; nil if they have not.
func (h *Homes) Lapsed(conn api.ServiceConnector) error {
	if !catalog.Expired(conn, h.Now()) {
		return nil
	}
	return credential.NewError(credential.Expired, "the connector's authentication credentials have expired.",
		fmt.Sprintf("zen service-connector update %s --expires-at=... with new "+
			"credentials%s", conn.Name, h.Of(conn).Option()))
}

// Canonical parses an address that the catalog holds; those are canonical, so there is no
// error.
func Canonical(s string) address.Address {
	a, _ := address.Parse(s)
	return a
}
