package broker

import (
	"context"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/catalog"
)

// stackChange runs one change of a stack and returns it. ref is the stack that was named, if one was.
func (b *Broker) stackChange(ctx context.Context, ref string, f func(c *catalog.Catalog) (api.Stack, catalog.Change, error)) (result api.StackResult, err error) {
	err = b.change(ctx, func(c *catalog.Catalog) (edit, error) {
		s, change, err := f(c)
		result.Stack = s
		return edit{Change: change}, err
	})
	return result, b.stackElsewhere(ctx, ref, err)
}

// RegisterStack keeps a stack and, if asked to, makes it the active one.
func (b *Broker) RegisterStack(ctx context.Context, req api.RegisterStack) (api.StackResult, error) {
	return b.stackChange(ctx, "", func(c *catalog.Catalog) (api.Stack, catalog.Change, error) {
		return c.Stacks.Register(req, b.now().UTC(), b.owner)
	})
}

// UpdateStack changes a stack; an empty ref is the active one.
func (b *Broker) UpdateStack(ctx context.Context, req api.UpdateStack) (api.StackResult, error) {
	return b.stackChange(ctx, req.Ref, func(c *catalog.Catalog) (api.Stack, catalog.Change, error) {
		return c.Stacks.Update(req, b.now().UTC())
	})
}

// DeleteStack removes a stack.
func (b *Broker) DeleteStack(ctx context.Context, req api.DeleteStack) (api.StackResult, error) {
	return b.stackChange(ctx, req.Ref, func(c *catalog.Catalog) (api.Stack, catalog.Change, error) { return c.Stacks.Delete(req) })
}

// CopyStack registers a stack's copy under a new name.
func (b *Broker) CopyStack(ctx context.Context, req api.CopyRef) (api.StackResult, error) {
	return b.stackChange(ctx, req.Ref, func(c *catalog.Catalog) (api.Stack, catalog.Change, error) {
		return c.Stacks.Copy(req.Ref, req.Name, b.now().UTC(), b.owner)
	})
}

// SetStack makes a stack the active one.
func (b *Broker) SetStack(ctx context.Context, ref string) (api.StackResult, error) {
	return b.stackChange(ctx, ref, func(c *catalog.Catalog) (api.Stack, catalog.Change, error) { return c.Stacks.Set(ref) })
}

// ExportStack returns a stack in ZenML's export format.
func (b *Broker) ExportStack(ref string) (file api.StackFile, err error) {
	b.read(func(c *catalog.Catalog) { file, err = c.Stacks.Export(ref) })
	return file, err
}

// ImportStack registers a stack, and the container registry it names, from ZenML's export format.
func (b *Broker) ImportStack(ctx context.Context, req api.ImportStack) (api.StackResult, error) {
	return b.stackChange(ctx, "", func(c *catalog.Catalog) (api.Stack, catalog.Change, error) {
		return c.Stacks.Import(req, b.now().UTC(), b.owner)
	})
}
