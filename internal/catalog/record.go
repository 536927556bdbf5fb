package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// Kind says what a record holds.
type Kind string

// The kinds of records. These words are in every vault file: they may be added to, not
// changed.
const (
	KindConnector Kind = "connector"
	KindRegistry  Kind = "registry"
	KindStack     Kind = "stack"
	KindLogin     Kind = "login"
	KindActive    Kind = "active_stack"
	KindServer    Kind = "server"
	// a connector that lives on a server, as it was when a login began to use it
	KindRemote Kind = "server_connector"
)

// activeID is the id of the one record that names the active stack.
const activeID = "active-stack"

// Record is an entity as it is stored: Public is JSON of its api type, without what is
// computed from others.
type Record struct {
	ID     string
	Kind   Kind
	Public json.RawMessage
}

// The stored forms hide the members that are computed (the outer member wins over the
// embedded one of the same name).
type (
	storedConnector struct {
		*api.ServiceConnector
		Active  *bool `json:"active,omitempty"`
		Expired *bool `json:"expired,omitempty"`
	}
	storedRegistry struct {
		*api.ContainerRegistry
		Active        *bool   `json:"active,omitempty"`
		ConnectorName *string `json:"connector_name,omitempty"`
		ConnectorType *string `json:"connector_type,omitempty"`
	}
	storedStack struct {
		*api.Stack
		Active *bool `json:"active,omitempty"`
	}
	storedLogin struct {
		*api.Login
		ServerURL     *string `json:"server_url,omitempty"`
		ConnectorName *string `json:"connector_name,omitempty"`
		Username      *string `json:"username,omitempty"`
		TokenExpires  *string `json:"token_expires,omitempty"`
		LastUsed      *string `json:"last_used,omitempty"`
		Problem       *string `json:"problem,omitempty"`
	}
	storedServer struct {
		*api.Server
		Logins  *int    `json:"logins,omitempty"`
		Problem *string `json:"problem,omitempty"`
	}
	storedActive struct {
		StackID string `json:"stack_id"`
	}
)

func record(id string, kind Kind, v any) (Record, error) {
	public, err := json.Marshal(v)
	if err != nil {
		return Record{}, credential.NewError(credential.InvalidInput, "this cannot be "+
			"stored: "+err.Error(), "")
	}
	return Record{ID: id, Kind: kind, Public: public}, nil
}

func connectorRecord(s api.ServiceConnector) (Record, error) {
	return record(s.ID, KindConnector, storedConnector{ServiceConnector: &s})
}

func registryRecord(r api.ContainerRegistry) (Record, error) {
	return record(r.ID, KindRegistry, storedRegistry{ContainerRegistry: &r})
}

func stackRecord(s api.Stack) (Record, error) {
	return record(s.ID, KindStack, storedStack{Stack: &s})
}

func loginRecord(l api.Login) (Record, error) {
	return record(l.ID, KindLogin, storedLogin{Login: &l})
}

func remoteRecord(s api.ServiceConnector) (Record, error) {
	return record(s.ID, KindRemote, storedConnector{ServiceConnector: &s})
}

func serverRecord(s api.Server) (Record, error) {
	return record(s.ID, KindServer, storedServer{Server: &s})
}

func activeRecord(stackID string) (Record, error) {
	return record(activeID, KindActive, storedActive{StackID: stackID})
}

// put is the change of one record.
func put(r Record, err error) (Change, error) {
	if err != nil {
		return Change{}, err
	}
	return Change{Put: []Record{r}}, nil
}

func decodeAll(records []Record) (entities []any, err error) {
	entities = make([]any, len(records))
	for i, r := range records {
		if entities[i], err = decode(r); err != nil {
			return nil, err
		}
	}
	return entities, nil
}

// remote is a connector of a server.
type remote struct{ *api.ServiceConnector }

// decode reads a record and returns what Catalog.keep takes over.
func decode(r Record) (any, error) {
	switch r.Kind {
	case KindConnector:
		s, err := read[api.ServiceConnector](r)
		if err != nil || s.ID != r.ID || s.Name == "" {
			return nil, damaged(r, err)
		}
		s.Active, s.Expired = false, false
		return &s, nil
	case KindRemote:
		s, err := read[api.ServiceConnector](r)
		if err != nil || s.ID != r.ID || s.Name == "" || s.Server == "" {
			return nil, damaged(r, err)
		}
		s.Active, s.Expired = false, false
		return remote{&s}, nil
	case KindServer:
		s, err := read[api.Server](r)
		if err != nil || s.ID != r.ID || s.Name == "" || s.URL == "" {
			return nil, damaged(r, err)
		}
		s.Logins, s.Problem = 0, ""
		return &s, nil
	case KindRegistry:
		g, err := read[api.ContainerRegistry](r)
		if err != nil || g.ID != r.ID || g.Name == "" {
			return nil, damaged(r, err)
		}
		g.Active, g.ConnectorName, g.ConnectorType = false, "", ""
		delete(g.Configuration, retired)
		return &g, nil
	case KindStack:
		s, err := readStack(r)
		if err != nil || s.ID != r.ID || s.Name == "" {
			return nil, damaged(r, err)
		}
		s.Active = false
		return &s, nil
	case KindLogin:
		l, err := readLogin(r)
		if err != nil {
			return nil, damaged(r, err)
		}
		return l, nil
	case KindActive:
		a, err := read[storedActive](r)
		if err != nil || r.ID != activeID {
			return nil, damaged(r, err)
		}
		return a, nil
	}
	return nil, nil
}

// read decodes a record.
func read[T any](r Record) (v T, err error) {
	err = json.Unmarshal(r.Public, &v)
	return v, err
}

// readStack decodes a stack, whose components' attributes are not zen's to round.
func readStack(r Record) (s api.Stack, err error) {
	if !json.Valid(r.Public) {
		return s, json.Unmarshal(r.Public, &s)
	}
	d := json.NewDecoder(bytes.NewReader(r.Public))
	d.UseNumber()
	err = d.Decode(&s)
	return exactNumbers(s), err
}

func readLogin(r Record) (*login, error) {
	stored, err := read[api.Login](r)
	if err != nil {
		return nil, err
	}
	if stored.ID != r.ID {
		return nil, errors.New("it says that its id is " + strconv.Quote(stored.ID))
	}
	a, err := address.Parse(stored.Address)
	if err != nil {
		return nil, err
	}
	l := &login{Login: stored, address: a}
	l.ConnectorName, l.Username, l.TokenExpires, l.LastUsed, l.Problem = "", "", nil, nil, ""
	l.Address, l.ServerURL = a.String(), a.ServerURL()
	return l, nil
}

func damaged(r Record, cause error) error {
	detail := "its id or its name is not what it should be"
	if cause != nil {
		detail = cause.Error()
	}
	return &credential.Error{
		Reason:  credential.VaultDamaged,
		Message: fmt.Sprintf("the vault's record %q (%s) cannot be read: %s", r.ID, r.Kind, detail),
		Cause:   cause,
	}
}
