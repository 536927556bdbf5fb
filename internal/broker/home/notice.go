package home

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/catalog"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safetext"
)

// lookAgain is how long clients are answered from what a server said before its list is
// read again. Passwords are asked for anew in that time anyway, see zenml's lifeStatic;
// tokens of clouds live longer.
const lookAgain = time.Hour

// notice compares what a server lists with what is kept of it for logins: of what was
// renamed or changed there the new state is kept, what was deleted is marked, and nothing
// that was made before is handed out any more. ids are those of all that the server
// lists, items what of it may be read.
func (h *Homes) notice(ctx context.Context, s api.Server, ids []string, items []api.ServiceConnector) {
	h.looked.set(s.ID, h.Now())
	var changed []api.ServiceConnector
	h.Read(func(c *catalog.Catalog) {
		for _, r := range c.Servers.Remotes() {
			if r.Server != s.Name {
				continue
			}
			i := slices.IndexFunc(items, func(conn api.ServiceConnector) bool { return conn.ID == r.ID })
			switch {
			case i >= 0 && (r.Deleted || items[i].Revision != r.Revision):
				conn := withoutConfiguration(items[i])
				conn.Revision = r.Revision + 1
				changed = append(changed, conn)
			case i < 0 && !slices.Contains(ids, r.ID) && !r.Deleted:
				r.Deleted = true
				r.Revision++
				changed = append(changed, r)
			}
		}
	})
	if len(changed) == 0 {
		return
	}
	err := h.Change(ctx, func(c *catalog.Catalog) (e state.Edit, err error) {
		for _, conn := range changed {
			if !slices.ContainsFunc(c.Servers.Remotes(),
				func(r api.ServiceConnector) bool { return r.ID == conn.ID }) {
				continue // its last login ended meanwhile
			}
			change, err := c.Servers.PutRemote(conn)
			if err != nil {
				return e, err
			}
			e.Put = append(e.Put, change.Put...)
		}
		return e, nil
	})
	if err != nil { // it is noticed again
		h.Log.Warn("cannot keep what changed on a server", "server", s.Name, "error", err)
	}
	for _, conn := range changed {
		h.Engine.Drop(conn.ID)
	}
}

// LookAgain has what changed on the server of a connector noticed, if it is long ago that
// it was asked. It does not wait for that.
func (h *Homes) LookAgain(ctx context.Context, connectorID string) {
	var conn api.ServiceConnector
	h.Read(func(c *catalog.Catalog) { conn, _ = c.Connectors.ByID(connectorID) })
	s, ok := h.named(conn.Server)
	if conn.Server == "" || !ok || !h.looked.due(s.ID, h.Now(), lookAgain) {
		return
	}
	go h.Connectors(context.WithoutCancel(ctx), ListTime, s.Name)
}

func (h *Homes) named(name string) (s api.Server, ok bool) {
	h.Read(func(c *catalog.Catalog) { s, ok = c.Servers.Named(name) })
	return s, ok
}

// deleted is the error for a connector that its server does not have any more.
func deleted(conn api.ServiceConnector) error {
	return credential.NewError(credential.NoSuchEntity,
		fmt.Sprintf("service connector '%s' was deleted on server '%s'", conn.Name, conn.Server),
		"zen logout "+safetext.ShellWord(conn.Name))
}
