package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// Kind says what a record holds.
type Kind string

// The kinds of records. These words are in every vault file: they may be added to, not changed.
const (
	KindConnector Kind = "connector"
	KindRegistry  Kind = "registry"
	KindStack     Kind = "stack"
	KindLogin     Kind = "login"
	KindActive    Kind = "active_stack"
	KindServer    Kind = "server"
	KindRemote    Kind = "server_connector" // a connector that lives on a server, as it was when a login began to use it
)

// activeID is the id of the one record that names the active stack.
const activeID = "active-stack"

// Record is an entity as it is stored: Public is JSON of its api type, without what is computed from others.
type Record struct {
	ID     string
	Kind   Kind
	Public json.RawMessage
}

// The stored forms hide the members that are computed (the outer member wins over the embedded one of the same name).
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
		return Record{}, credential.NewError(credential.InvalidInput, "this cannot be stored: "+err.Error(), "")
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

// manyRecords is how many are worth a goroutine of their own.
const manyRecords = 1024

// decodeAll reads records, on all processors when there are many: whoever starts zend waits for it.
func decodeAll(records []Record) ([]any, error) {
	entities := make([]any, len(records))
	part := max(manyRecords, (len(records)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	errs := make([]error, (len(records)+part-1)/part)
	var parts sync.WaitGroup
	for i := range errs {
		from, to := i*part, min((i+1)*part, len(records))
		parts.Go(func() { errs[i] = decodeTo(entities[from:to], records[from:to]) })
	}
	parts.Wait()
	return entities, cmp.Or(errs...)
}

func decodeTo(entities []any, records []Record) (err error) {
	var like api.Login // the login before
	for i, r := range records {
		if entities[i], err = decode(r, &like); err != nil {
			return err
		}
	}
	return nil
}

// remote is a connector of a server.
type remote struct{ *api.ServiceConnector }

// decode reads a record and returns what Catalog.keep takes over. A login shares texts with like, whose place it takes.
func decode(r Record, like *api.Login) (any, error) {
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
		return &g, nil
	case KindStack:
		s, err := readStack(r)
		if err != nil || s.ID != r.ID || s.Name == "" {
			return nil, damaged(r, err)
		}
		s.Active = false
		return &s, nil
	case KindLogin:
		like.ID = r.ID
		l, err := readLogin(r, like)
		if err != nil {
			return nil, damaged(r, err)
		}
		*like = l.Login
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

func readLogin(r Record, like *api.Login) (*login, error) {
	l := &login{}
	if !plainLogin(&l.Login, r.Public, like) {
		var err error
		if l.Login, err = read[api.Login](r); err != nil {
			return nil, err
		}
	}
	if l.ID != r.ID {
		return nil, errors.New("it says that its id is " + strconv.Quote(l.ID))
	}
	a, err := address.Parse(l.Address)
	if err != nil {
		return nil, err
	}
	l.ConnectorName, l.Username, l.TokenExpires, l.LastUsed, l.Problem = "", "", nil, nil, ""
	l.setAddress(a)
	return l, nil
}

// setAddress gives the login an address in its canonical spellings. What it had is nearly always that: then it costs no memory.
func (l *login) setAddress(a address.Address) {
	l.address = a
	if !isSpelled(l.Address, a) {
		l.Address = a.String()
	}
	l.ServerURL = l.Address
	if a.IsHub() || a.IsHubToken() {
		l.ServerURL = a.ServerURL()
	}
}

// isSpelled reports whether s is a.String().
func isSpelled(s string, a address.Address) bool {
	rest, ok := strings.CutPrefix(s, a.Host())
	if !ok || a.Path() == "" {
		return ok && rest == ""
	}
	return rest != "" && rest[0] == '/' && rest[1:] == a.Path()
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
