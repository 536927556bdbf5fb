package broker

import (
	"context"
	"slices"
	"sync"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/door"
	"github.com/zen-agent/zen/internal/broker/home"
	"github.com/zen-agent/zen/internal/connector"
)

// anonymous is who answers where nobody is logged in.
const anonymous = "nobody"

// Limits asks Docker Hub about every login there, all at the same time, or how many pulls
// are left without one. It uses the network.
func (b *Credentials) Limits(ctx context.Context, caller access.Caller) (api.LimitList, error) {
	_, limiter, ok := kindThat[connector.Limiter](b.State)
	if !ok {
		return api.LimitList{Items: []api.PullLimit{}}, nil
	}
	hub, err := address.Parse("docker.io")
	if err != nil {
		return api.LimitList{}, err
	}
	logins := slices.DeleteFunc(
		b.logins(),
		func(l api.Login) bool { return home.Canonical(l.Address).Host() != hub.Host() },
	)
	if len(logins) == 0 {
		_, limits, err := b.Door.Limits(ctx, door.Use{}, limiter, hub, nil)
		return api.LimitList{
			Items: []api.PullLimit{
				pullLimit(api.PullLimit{Address: hub.String(), AnsweredBy: anonymous}, limits, err),
			},
		}, nil
	}
	items := make([]api.PullLimit, len(logins))
	var asking sync.WaitGroup
	for i, l := range logins {
		asking.Go(func() { items[i] = b.limitsOf(ctx, caller, limiter, hub, l) })
	}
	asking.Wait()
	return api.LimitList{Items: items}, nil
}

func (b *Credentials) limitsOf(
	ctx context.Context, caller access.Caller, limiter connector.Limiter, hub address.Address, l api.Login,
) api.PullLimit {
	p := api.PullLimit{Address: l.Address, AnsweredBy: source(l)}
	src := b.source(l, home.Canonical(l.Address))
	username, limits, err := b.Door.Limits(
		ctx,
		door.Use{Caller: caller, For: access.Verify},
		limiter,
		hub,
		&src,
	)
	p.Username = username
	return pullLimit(p, limits, err)
}

func pullLimit(p api.PullLimit, l connector.Limits, err error) api.PullLimit {
	if err != nil {
		p.Error = err.Error()
		if e, ok := asError(err); ok {
			p.Hint = e.HintText()
		}
		return p
	}
	p.Limited, p.Limit, p.Remaining, p.WindowSeconds, p.Source = l.Limited, l.Limit, l.Remaining, int(
		l.Window.Seconds(),
	), l.Source
	return p
}
