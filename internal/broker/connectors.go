package broker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

func (b *Broker) kind(name string) (connector.Kind, error) {
	if k, ok := b.kinds[name]; ok {
		return k, nil
	}
	known := slices.Sorted(maps.Keys(b.kinds))
	return nil, credential.NewError(credential.NoSuchEntity, fmt.Sprintf("Service connector type '%s' not found.", name),
		"known types: "+strings.Join(known, ", "))
}

// publicSpec is a connector's specification without its secrets: enough to match, not to mint.
func publicSpec(c api.ServiceConnector) connector.Spec {
	spec := connector.Spec{
		ID: c.ID, Revision: c.Revision, Type: c.Type, AuthMethod: c.AuthMethod, ResourceID: c.ResourceID,
		Config: maps.Clone(c.Configuration), Insecure: c.Insecure,
	}
	if len(c.ResourceTypes) == 1 {
		spec.ResourceType = c.ResourceTypes[0]
	}
	if c.ExpirationSeconds != nil {
		spec.ExpirationSeconds = *c.ExpirationSeconds
	}
	return spec
}

// notExpired refuses a connector whose credentials have run out. Of one that lives on a server only the server knows: it may have
// got new ones since it was listed.
func (b *Broker) notExpired(c api.ServiceConnector) error {
	if c.Server != "" {
		return nil
	}
	return b.expired(c)
}

// expired is the error for a connector whose credentials have run out, by what is known of it here; nil if they have not.
func (b *Broker) expired(c api.ServiceConnector) error {
	if !catalog.Expired(c, b.now()) {
		return nil
	}
	hint := fmt.Sprintf("zen service-connector update %s --expires-at=... with new credentials", c.Name)
	if c.Server != "" {
		hint += " --server " + c.Server
	}
	return credential.NewError(credential.Expired, "the connector's authentication credentials have expired.", hint)
}

// ConnectorTypes answers the descriptions that fit the query: of this machine's kinds, or of a server's.
func (b *Broker) ConnectorTypes(ctx context.Context, q api.ConnectorTypesQuery) (api.ConnectorTypes, error) {
	list := api.ConnectorTypes{Items: []api.ConnectorType{}}
	types := b.types
	if q.Server != "" {
		var err error
		if types, err = b.serverTypes(ctx, q.Server); err != nil {
			return list, err
		}
	}
	for _, t := range types {
		if (q.Type == "" || q.Type == t.Type) && hasResourceType(t, q.ResourceType) && hasAuthMethod(t, q.AuthMethod) {
			list.Items = append(list.Items, t)
		}
	}
	return list, nil
}

func hasResourceType(t api.ConnectorType, want string) bool {
	return want == "" || slices.ContainsFunc(t.ResourceTypes, func(r api.ResourceType) bool { return r.Type == want })
}

func hasAuthMethod(t api.ConnectorType, want string) bool {
	return want == "" || slices.ContainsFunc(t.AuthMethods, func(m api.AuthMethod) bool { return m.Method == want })
}

// QueryConnectors answers connector.list.
func (b *Broker) QueryConnectors(q api.Query) (list api.ConnectorList, err error) {
	b.read(func(c *catalog.Catalog) { list, err = c.Connectors.Query(q, b.now()) })
	return list, err
}

func (b *Broker) resolveConnector(ref string) (conn api.ServiceConnector, err error) {
	b.read(func(c *catalog.Catalog) { conn, err = c.Connectors.Resolve(ref) })
	return conn, err
}

// Connector answers connector.get: the connector as list shows it, and what it gives access to.
func (b *Broker) Connector(ctx context.Context, use api.UseConnector) (api.ConnectorResult, error) {
	conn, err := b.findConnector(ctx, use.Ref, use.Server)
	if err != nil || conn.Server != "" {
		return api.ConnectorResult{Connector: conn, Resources: b.plainResources(conn)}, err
	}
	list, err := b.QueryConnectors(api.Query{Filters: map[string][]string{"id": {conn.ID}}})
	if err == nil && len(list.Items) == 1 {
		conn = list.Items[0]
	}
	return api.ConnectorResult{Connector: conn, Resources: b.plainResources(conn), Shadowed: b.shadowed(ctx, conn, use.Server)}, nil
}

func (b *Broker) plainResources(conn api.ServiceConnector) []api.Resource {
	if len(conn.ResourceTypes) == 0 {
		return nil
	}
	r := resource(conn)
	if conn.Server != "" && forRegistries(conn) {
		r.ResourceType = resourceTypeRegistry
	}
	if conn.ResourceID != "" {
		r.ResourceIDs = []string{conn.ResourceID}
	}
	return []api.Resource{r}
}

func resource(conn api.ServiceConnector) api.Resource {
	r := api.Resource{ConnectorID: conn.ID, ConnectorName: conn.Name, ConnectorType: conn.Type, Verification: conn.Verification}
	if len(conn.ResourceTypes) > 0 {
		r.ResourceType = conn.ResourceTypes[0]
	}
	return r
}

// RegisterConnector validates, verifies (unless told not to) and keeps a connector. The configuration's secrets are the
// caller's to wipe. A registry that cannot be reached does not stop a registration, one that refuses the credential does.
func (b *Broker) RegisterConnector(ctx context.Context, caller Caller, req api.RegisterConnector, config map[string]credential.Secret) (api.ConnectorResult, error) {
	if req.Server != "" {
		return b.registerOnServer(ctx, caller, req, config)
	}
	now := b.now().UTC()
	conn := api.ServiceConnector{
		ID: uuid.NewString(), Name: req.Name, Description: req.Description, Type: req.Type, AuthMethod: req.AuthMethod,
		ResourceID: req.ResourceID, ExpiresAt: req.ExpiresAt, ExpiresSkewTolerance: req.ExpiresSkewTolerance,
		ExpirationSeconds: req.ExpirationSeconds, Labels: req.Labels, Owner: b.owner, Created: now, Updated: now, Revision: 1,
	}
	if req.ResourceType != "" {
		conn.ResourceTypes = []string{req.ResourceType}
	}
	if err := b.nameFree(conn); err != nil {
		return api.ConnectorResult{}, err
	}
	conn.Insecure = req.Insecure
	result, err := b.keepConnector(ctx, conn, api.ServiceConnector{}, config, req.NoVerify, req.DryRun)
	if !req.DryRun {
		b.audit(caller, Subject{Action: ActionRegister, Connector: conn.Name}, err, conn.Type)
	}
	return result, err
}

// nameFree fails early on a bad or taken name, before anything asks the network.
func (b *Broker) nameFree(conn api.ServiceConnector) (err error) {
	b.read(func(c *catalog.Catalog) { _, err = c.Connectors.Put(conn) })
	return err
}

// keepConnector is the common end of register and update: config is the whole
// configuration, secret or not, and earlier the connector as it is kept so far.
func (b *Broker) keepConnector(
	ctx context.Context, conn, earlier api.ServiceConnector, config map[string]credential.Secret,
	noVerify, dryRun bool,
) (api.ConnectorResult, error) {
	kind, err := b.kind(conn.Type)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	spec, warnings, err := b.validSpec(kind, conn, config)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	conn, spec, err = agree(fill(conn, spec), earlier, spec, conn.Insecure)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	if err := b.notExpired(conn); err != nil {
		return api.ConnectorResult{}, err
	}
	resources, err := b.check(ctx, kind, spec, conn, noVerify, "")
	if err != nil {
		return api.ConnectorResult{}, err
	}
	if len(resources) > 0 {
		conn.Verification = resources[0].Verification
	}
	if !dryRun {
		err = b.change(ctx, func(c *catalog.Catalog) (edit, error) {
			change, err := c.Connectors.Put(conn)
			return edit{Change: change, secrets: map[string]credential.Secret{conn.ID: packBlob(spec.Secrets)}}, err
		})
		b.engine.Drop(conn.ID)
	}
	return api.ConnectorResult{Connector: conn, Resources: resources, Warnings: warnings}, err
}

func (b *Broker) validSpec(kind connector.Kind, conn api.ServiceConnector, config map[string]credential.Secret) (connector.Spec, []string, error) {
	method, err := connector.MethodOf(kind.Describe(), conn.AuthMethod)
	if err != nil {
		return connector.Spec{}, nil, err
	}
	conn.AuthMethod = method.Method
	spec := publicSpec(conn)
	spec.Config, spec.Secrets = make(map[string]string), make(map[string]credential.Secret)
	warnings := connector.Split(method, config, &spec)
	spec, err = kind.Validate(spec)
	return spec, warnings, err
}

// fill takes over what validation made of the specification.
func fill(conn api.ServiceConnector, spec connector.Spec) api.ServiceConnector {
	conn.AuthMethod, conn.ResourceID = spec.AuthMethod, spec.ResourceID
	conn.ResourceTypes = nil
	if spec.ResourceType != "" {
		conn.ResourceTypes = []string{spec.ResourceType}
	}
	conn.Configuration = spec.Config
	conn.SecretAttributes = slices.Sorted(maps.Keys(spec.Secrets))
	return conn
}

// check lists what a specification gives access to and asks the registry about it. Rejected is an error; what could not be
// asked is told in the resource.
func (b *Broker) check(ctx context.Context, kind connector.Kind, spec connector.Spec, conn api.ServiceConnector, skip bool, push string) ([]api.Resource, error) {
	ids, err := kind.Resources(ctx, spec)
	if err != nil {
		return nil, err
	}
	r := resource(conn)
	r.ResourceType, r.ResourceIDs, r.Verification = spec.ResourceType, ids, api.VerificationSkipped
	v, ok := kind.(connector.Verifier)
	if skip || !ok || len(ids) == 0 {
		return []api.Resource{r}, nil
	}
	if spec.ResourceID == "" {
		spec.ResourceID = ids[0]
	}
	report, err := b.verify(ctx, kind, v, spec, ids[0], push)
	if err != nil {
		return nil, err
	}
	return reported(r, report)
}

// reported puts what the registry said into a resource. Rejected is an error.
func reported(r api.Resource, report connector.Report) ([]api.Resource, error) {
	r.Verification = report.Verification
	switch report.Verification {
	case api.VerificationRejected:
		return nil, &credential.Error{Reason: credential.Rejected, Message: report.Detail, Hint: report.Hint}
	case api.VerificationUnreachable, api.VerificationAnonymous:
		r.Error = report.Detail
	}
	return []api.Resource{r}, nil
}

func (b *Broker) verify(ctx context.Context, kind connector.Kind, v connector.Verifier, spec connector.Spec, id, push string) (connector.Report, error) {
	a, err := address.Parse(id)
	if err != nil {
		return connector.Report{}, err
	}
	reg, ok := kind.Match(spec, a)
	if !ok {
		return connector.Report{}, credential.NewError(credential.InvalidInput, "the connector does not give access to "+id, "")
	}
	return v.Verify(ctx, spec, reg, connector.VerifyOptions{Push: push})
}

// UpdateConnector changes a connector and verifies the result before anything is kept; changed attributes come in config.
func (b *Broker) UpdateConnector(ctx context.Context, caller Caller, req api.UpdateConnector, config map[string]credential.Secret) (api.ConnectorResult, error) {
	req.Remove = attributeNames(req.Remove)
	if req.Server != "" {
		return b.updateOnServer(ctx, caller, req, config)
	}
	conn, err := b.resolveConnector(req.Ref)
	if err != nil {
		return api.ConnectorResult{}, b.elsewhere(ctx, req.Ref, err)
	}
	whole, err := b.mergedConfig(ctx, conn, req, config)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	defer wipeAll(whole)
	next := b.updated(conn, req)
	if req.ResourceID == nil && !b.hasInstances(conn) {
		next.ResourceID = "" // follows from the configuration, which may have changed
	}
	next.Insecure = req.Insecure
	result, err := b.keepConnector(ctx, next, conn, whole, req.NoVerify, req.DryRun)
	if !req.DryRun {
		b.audit(caller, Subject{Action: ActionUpdate, Connector: conn.Name}, err, "")
	}
	if err == nil {
		result.Shadowed = b.shadowed(ctx, conn, "")
	}
	return result, err
}

// attributeNames spells names as attributes are: people type them as options too, with dashes.
func attributeNames(typed []string) []string {
	names := make([]string, len(typed))
	for i, name := range typed {
		names[i] = strings.ReplaceAll(name, "-", "_")
	}
	return names
}

// hasInstances reports whether the connector's type gives access to more than one resource of its kind.
func (b *Broker) hasInstances(conn api.ServiceConnector) bool {
	for _, t := range b.types {
		if t.Type == conn.Type {
			return slices.ContainsFunc(t.ResourceTypes, func(r api.ResourceType) bool { return r.SupportsInstances })
		}
	}
	return false
}

// updated applies the public part of an update.
func (b *Broker) updated(c api.ServiceConnector, req api.UpdateConnector) api.ServiceConnector {
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
	c.Updated = b.now().UTC()
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

// mergedConfig is the whole configuration after an update, secret and public attributes alike.
func (b *Broker) mergedConfig(ctx context.Context, conn api.ServiceConnector, req api.UpdateConnector, config map[string]credential.Secret) (map[string]credential.Secret, error) {
	whole, err := b.secrets(ctx, conn.ID)
	if err != nil {
		return nil, err
	}
	for k, v := range conn.Configuration {
		whole[k] = credential.SecretString(v)
	}
	for k, v := range config {
		whole[k].Wipe()
		whole[k] = v.Clone()
	}
	for _, k := range req.Remove {
		whole[k].Wipe()
		delete(whole, k)
	}
	return whole, nil
}

// DeleteConnector removes a connector and ends its logins; it is refused while a container registry uses it.
func (b *Broker) DeleteConnector(ctx context.Context, caller Caller, req api.DeleteConnector) (api.ConnectorResult, error) {
	if req.Server != "" {
		return b.deleteOnServer(ctx, caller, req)
	}
	if _, err := b.resolveConnector(req.Ref); err != nil {
		return api.ConnectorResult{}, b.elsewhere(ctx, req.Ref, err)
	}
	var conn api.ServiceConnector
	var logins []api.Login
	err := b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		gone, change, err := c.Connectors.Delete(req.Ref)
		conn = gone
		logins = slices.DeleteFunc(c.Logins.List(), func(l api.Login) bool { return l.ConnectorID != gone.ID })
		return edit{Change: change}, err
	})
	b.audit(caller, Subject{Action: ActionDelete, Connector: conn.Name}, err, "")
	if err != nil {
		return api.ConnectorResult{}, err
	}
	b.engine.Drop(conn.ID)
	b.forget(logins)
	return api.ConnectorResult{Connector: conn, Ended: len(logins), Shadowed: b.shadowed(ctx, conn, "")}, nil
}

// RevealConnector returns a connector's secret attributes, for a person who asked to see them; always audited. The caller
// wipes them.
func (b *Broker) RevealConnector(ctx context.Context, caller Caller, use api.UseConnector) (api.ServiceConnector, map[string]credential.Secret, error) {
	conn, err := b.resolveConnector(use.Ref)
	if err != nil {
		return conn, nil, err
	}
	subject := Subject{Action: ActionReveal, Address: mustParse(conn.ResourceID), Connector: conn.Name}
	if err := b.allow(ctx, caller, subject); err != nil {
		b.audit(caller, subject, err, refusalText(err))
		return conn, nil, err
	}
	attrs, err := b.secrets(ctx, conn.ID)
	b.audit(caller, subject, err, "")
	return conn, attrs, err
}

// VerifyConnector asks the registry whether the connector's credential works.
func (b *Broker) VerifyConnector(ctx context.Context, caller Caller, use api.UseConnector) (api.ConnectorResult, error) {
	conn, err := b.findConnector(ctx, use.Ref, use.Server)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	resources, err := b.verifyConnector(ctx, conn, use)
	found := ""
	if len(resources) > 0 {
		found = resources[0].Verification
	}
	b.audit(caller, Subject{Action: ActionVerify, Address: mustParse(conn.ResourceID), Connector: conn.Name}, err, found)
	if err != nil {
		return api.ConnectorResult{}, err
	}
	return api.ConnectorResult{Connector: conn, Resources: resources, Shadowed: b.shadowed(ctx, conn, use.Server)}, nil
}

func (b *Broker) verifyConnector(ctx context.Context, conn api.ServiceConnector, use api.UseConnector) ([]api.Resource, error) {
	kind, err := b.kindOf(conn)
	if err != nil {
		return nil, err
	}
	if err := b.notExpired(conn); err != nil {
		return nil, err
	}
	spec, secretID, err := b.specOf(conn)
	if err != nil {
		return nil, err
	}
	if spec, err = request(spec, use.ResourceType, use.ResourceID); err != nil {
		return nil, err
	}
	if err := checkPlain(conn, spec); err != nil {
		return nil, err
	}
	if spec.Secrets, err = b.secrets(ctx, secretID); err != nil {
		return nil, err
	}
	defer wipeAll(spec.Secrets)
	resources, err := b.check(ctx, kind, spec, conn, false, use.Push)
	if use.Push != "" { // the refusal may be of the push
		return resources, err
	}
	return resources, acceptedBefore(conn, err)
}

// acceptedBefore tells a password that was revoked from one that was never right. conn is as it is kept: what it holds now was
// checked with its last change.
func acceptedBefore(conn api.ServiceConnector, err error) error {
	e, ok := asError(err)
	if !ok || e.Reason != credential.Rejected || conn.Verification != api.VerificationValid {
		return err
	}
	c := *e
	c.Message += "; it accepted them before, so they were revoked, changed or have run out"
	return &c
}

// request narrows a specification to the resource that was asked for, with ZenML's messages when it does not fit.
func request(spec connector.Spec, resourceType, resourceID string) (connector.Spec, error) {
	if resourceType != "" && spec.ResourceType != "" && resourceType != spec.ResourceType {
		return spec, credential.NewError(credential.InvalidInput, fmt.Sprintf(
			"the connector is configured to provide access to a '%s' resource type, but a different resource type was requested: '%s'.",
			spec.ResourceType, resourceType), "")
	}
	if resourceID == "" {
		return spec, nil
	}
	want, err := address.Parse(resourceID)
	if err != nil {
		return spec, err
	}
	if spec.ResourceID != "" && want.Host() != mustParse(spec.ResourceID).Host() {
		return spec, credential.NewError(credential.InvalidInput, fmt.Sprintf(
			"The connector does not allow access to the provided '%s' Docker/OCI container registry resource. It only allows access to the following resource: '%s'.",
			resourceID, spec.ResourceID), "")
	}
	if spec.ResourceID == "" {
		spec.ResourceID = want.String()
	}
	return spec, nil
}

// Resources answers connector.resources: every connector of the type that gives access to the resource, bounded in time by
// ctx when the registries are to be asked too.
func (b *Broker) Resources(ctx context.Context, q api.ResourcesQuery) (api.ResourceList, error) {
	list := api.ResourceList{Items: []api.Resource{}}
	var conns []api.ServiceConnector
	if q.Server == "" {
		b.read(func(c *catalog.Catalog) { conns = c.Connectors.List() })
	}
	remote, warnings, err := b.remoteConnectors(ctx, q.Server, listTime)
	if err != nil {
		return list, err
	}
	list.Warnings = warnings
	conns = slices.DeleteFunc(append(conns, remote...), func(conn api.ServiceConnector) bool {
		return q.ConnectorType != "" && q.ConnectorType != conn.Type || conn.Server != "" && !forRegistries(conn)
	})
	for _, found := range b.eachResources(ctx, conns, q) {
		list.Items = append(list.Items, found...)
	}
	return list, nil
}

// eachResources asks about several connectors at a time: behind each can be a cloud, or a registry that does not answer.
func (b *Broker) eachResources(ctx context.Context, conns []api.ServiceConnector, q api.ResourcesQuery) [][]api.Resource {
	ctx, cancel := context.WithTimeout(ctx, eachTime)
	defer cancel()
	const atOnce = 8
	found := make([][]api.Resource, len(conns))
	turns := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, conn := range conns {
		turns <- struct{}{}
		all.Go(func() {
			found[i] = b.connectorResources(ctx, conn, q)
			<-turns
		})
	}
	all.Wait()
	return found
}

func (b *Broker) connectorResources(ctx context.Context, conn api.ServiceConnector, q api.ResourcesQuery) []api.Resource {
	var out []api.Resource
	for _, r := range b.plainResources(conn) {
		if q.ResourceType != "" && q.ResourceType != r.ResourceType {
			continue
		}
		if conn.Server != "" && conn.ResourceID == "" {
			b.askInstances(ctx, conn, &r)
		}
		if !offers(r, q.ResourceID) {
			continue
		}
		if err := b.expired(conn); err != nil {
			r.Error = err.Error()
		} else if q.Verify && r.Error == "" {
			checked, err := b.verifyConnector(ctx, conn, api.UseConnector{})
			if err != nil {
				r.Error = err.Error()
			} else if len(checked) == 1 {
				r = checked[0]
			}
		}
		out = append(out, r)
	}
	return out
}

// askInstances asks a server which registries a connector without one of its own gives access to.
func (b *Broker) askInstances(ctx context.Context, conn api.ServiceConnector, r *api.Resource) {
	kind, err := b.kindOf(conn)
	if err == nil {
		spec, secretID, specErr := b.specOf(conn)
		if err = specErr; err == nil {
			r.ResourceIDs, err = b.resourcesOf(ctx, kind, spec, secretID, conn)
		}
	}
	if err != nil {
		r.Error = err.Error()
	}
}

func offers(r api.Resource, want string) bool {
	if want == "" {
		return true
	}
	a, err := address.Parse(want)
	return err == nil && slices.ContainsFunc(r.ResourceIDs, func(id string) bool { return mustParse(id).Host() == a.Host() })
}
