package door

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

// Revision is a change of a connector's configuration, to which the stored secrets are
// added that are not typed anew.
type Revision struct {
	Connector string
	Kind      connector.Kind // nil: none of this machine's, and nothing here will use the result

	// What the connector is now: as a sealed record has it, and a specification without
	// secrets; or as it is read from elsewhere.
	Record string
	Before connector.Spec
	Stored func(context.Context) (map[string]credential.Secret, connector.Spec, error)

	Typed  map[string]credential.Secret // attributes to set
	Remove []string                     // attributes to take away

	// Validate makes a specification of a whole configuration.
	Validate func(map[string]credential.Secret) (connector.Spec, error)
}

// Revise returns the whole configuration after a change, and its specification. It
// refuses to take stored secrets along to a registry, a program or a server that they
// were not stored for. The caller wipes both.
func (d *Door) Revise(
	ctx context.Context, u Use, r Revision,
) (whole map[string]credential.Secret, spec connector.Spec, err error) {
	if r.Stored != nil {
		whole, r.Before, err = r.Stored(ctx)
	} else if whole, err = d.open(ctx, r.Record); err == nil {
		for name, v := range r.Before.Config {
			whole[name] = credential.SecretString(v)
		}
	}
	if err != nil {
		return nil, spec, err
	}
	for name, v := range r.Typed {
		whole[name].Wipe()
		whole[name] = v.Clone()
	}
	for _, name := range r.Remove {
		whole[name].Wipe()
		delete(whole, name)
	}
	spec, err = r.Validate(whole)
	if err == nil && r.Kind != nil {
		err = d.stays(u, r, spec)
	}
	if err != nil {
		WipeAll(whole)
		return nil, connector.Spec{}, err
	}
	return whole, spec, nil
}

// stays refuses a revision that takes a stored secret to a new place.
func (d *Door) stays(u Use, r Revision, spec connector.Spec) error {
	var taken []string
	for _, name := range slices.Sorted(maps.Keys(spec.Secrets)) {
		if _, typed := r.Typed[name]; !typed && proves(r.Kind, name) {
			taken = append(taken, name)
		}
	}
	before := places(r.Kind, r.Before)
	for _, to := range places(r.Kind, spec) {
		if len(taken) == 0 || slices.Contains(before, to) || slices.Contains(before, inClear(to)) {
			continue
		}
		err := credential.NewError(credential.Denied,
			fmt.Sprintf("the stored %s of service connector '%s' is for %s, and is not sent to %s",
				strings.Join(taken, " and "), r.Connector, list(before), to), typeAgain(taken))
		s := access.Subject{Action: access.Update, Connector: r.Connector, To: to}
		s.Address, _ = address.Parse(spec.ResourceID) // it was validated
		d.record(u, s, err, err.Message)
		return err
	}
	return nil
}

// proves reports whether a secret attribute opens something; a user name alone does not.
func proves(k connector.Kind, name string) bool {
	namer, ok := k.(connector.Namer)
	return !ok || !slices.Contains(namer.Names(), name)
}

// places are where the credentials of a specification go before a client gets them.
func places(k connector.Kind, spec connector.Spec) (list []access.Destination) {
	if to := madeBy(k, spec); to.Place != "" {
		list = append(list, to)
	}
	if a, err := address.Parse(spec.ResourceID); err == nil {
		list = append(list, registryOf(spec, a))
	}
	return list
}

// inClear is the same destination, asked by plain http. What was stored for that may go
// there by https too.
func inClear(to access.Destination) access.Destination {
	to.Name = "http://" + to.Name
	return to
}

func list(places []access.Destination) string {
	texts := make([]string, len(places))
	for i, p := range places {
		texts[i] = p.String()
	}
	return strings.Join(texts, " and ")
}

// typeAgain is the hint of what to type; one attribute at most can come from standard
// input.
func typeAgain(names []string) string {
	options := make([]string, len(names))
	for i, name := range names {
		options[i] = "--" + strings.ReplaceAll(name, "_", "-") + "=@FILE"
	}
	if len(names) > 1 {
		return "type them again (" + strings.Join(options, ", ") + ")"
	}
	return fmt.Sprintf(
		"type the %s again (%s, or %s-stdin)",
		names[0],
		options[0],
		strings.TrimSuffix(options[0], "=@FILE"),
	)
}

// Explain says what binds a source's credential: the rules bind whoever gets it, all else
// its destination.
func (d *Door) Explain(s Source, connectorName string) (steps []string) {
	if s.Grant != nil {
		if by := madeBy(s.Grant.Kind, s.Grant.Spec); by.Place != "" {
			steps = append(steps, by.String()+
				" makes the credential; renewing it ahead counts as the last client's use, and asks nobody")
		}
		if reg, ok := s.Grant.Kind.Match(s.Grant.Spec, s.Address); ok {
			steps = append(steps, "zen itself shows it to "+registryOf(s.Grant.Spec, reg.Address).String()+
				" only; for another one it has to be typed again")
		}
	}
	// whether a client satisfies it shows when it asks: the one who asks now is somebody
	// else
	if d.Policy != nil {
		steps = append(steps, d.Policy.Explain(s.getting(connectorName))...)
	}
	return steps
}
