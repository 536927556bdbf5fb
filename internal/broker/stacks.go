package broker

import (
	"context"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker/home"
	"github.com/zen-agent/zen/internal/broker/state"
	"github.com/zen-agent/zen/internal/catalog"
)

// Stacks answers about stacks.
type Stacks struct{ *core }

// stackChange runs one change of a stack and returns it. ref is the stack that was named,
// if one was.
func (b *Stacks) stackChange(
	ctx context.Context,
	ref string,
	f func(c *catalog.Catalog) (api.Stack, catalog.Change, error),
) (result api.StackResult, err error) {
	err = b.Change(ctx, func(c *catalog.Catalog) (state.Edit, error) {
		s, change, err := f(c)
		result.Stack = s
		return state.Edit{Change: change}, err
	})
	return result, b.homes.StackElsewhere(ctx, ref, err)
}

// RegisterStack keeps a stack and, if asked to, makes it the active one.
func (b *Stacks) RegisterStack(ctx context.Context, req api.RegisterStack) (api.StackResult, error) {
	return b.stackChange(ctx, "", func(c *catalog.Catalog) (api.Stack, catalog.Change, error) {
		return c.Stacks.Register(req, b.Now().UTC(), b.Owner)
	})
}

// UpdateStack changes a stack; an empty ref is the active one.
func (b *Stacks) UpdateStack(ctx context.Context, req api.UpdateStack) (api.StackResult, error) {
	return b.stackChange(ctx, req.Ref, func(c *catalog.Catalog) (api.Stack, catalog.Change, error) {
		return c.Stacks.Update(req, b.Now().UTC())
	})
}

// DeleteStack removes a stack.
func (b *Stacks) DeleteStack(ctx context.Context, req api.DeleteStack) (api.StackResult, error) {
	return b.stackChange(
		ctx,
		req.Ref,
		func(c *catalog.Catalog) (api.Stack, catalog.Change, error) { return c.Stacks.Delete(req) },
	)
}

// CopyStack registers a stack's copy under a new name.
func (b *Stacks) CopyStack(ctx context.Context, req api.CopyRef) (api.StackResult, error) {
	return b.stackChange(ctx, req.Ref, func(c *catalog.Catalog) (api.Stack, catalog.Change, error) {
		return c.Stacks.Copy(req.Ref, req.Name, b.Now().UTC(), b.Owner)
	})
}

// SetStack makes a stack the active one.
func (b *Stacks) SetStack(ctx context.Context, ref string) (api.StackResult, error) {
	return b.stackChange(
		ctx,
		ref,
		func(c *catalog.Catalog) (api.Stack, catalog.Change, error) { return c.Stacks.Set(ref) },
	)
}

// ExportStack returns a stack in ZenML's export format.
func (b *Stacks) ExportStack(ref string) (file api.StackFile, err error) {
	b.Read(func(c *catalog.Catalog) { file, err = c.Stacks.Export(ref) })
	return file, err
}

// ImportStack registers a stack, and the container registry it names, from ZenML's export
// format.
func (b *Stacks) ImportStack(ctx context.Context, req api.ImportStack) (api.StackResult, error) {
	return b.stackChange(ctx, "", func(c *catalog.Catalog) (api.Stack, catalog.Change, error) {
		return c.Stacks.Import(req, b.Now().UTC(), b.Owner)
	})
}

// ListStacks answers stack.list: the stacks of this machine and of every server.
func (b *Stacks) ListStacks(ctx context.Context, q api.Query) (list api.StackList, err error) {
	remote, warnings := home.Together(b.homes.Stacks(ctx, home.Patience(q), b.only(q)))
	if err := b.largeIfAll(ctx, q); err != nil {
		return list, err
	}
	b.Read(func(c *catalog.Catalog) { list, err = c.Stacks.Query(q, remote...) })
	list.Warnings = warnings
	return list, err
}

// Stack answers stack.get; an empty ref is the active stack.
func (b *Stacks) Stack(ctx context.Context, ref api.Ref) (result api.StackResult, err error) {
	result.Stack, err = b.homes.FindStack(ctx, ref.Name, ref.Server, how(ref.Exact))
	return result, err
}
