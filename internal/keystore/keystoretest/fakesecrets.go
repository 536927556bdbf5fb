//go:build unix && !darwin

package keystoretest

import (
	"bytes"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// Names of the Secret Service
// (https://specifications.freedesktop.org/secret-service-spec/).
const (
	ssName       = "org.freedesktop.secrets"
	ssPath       = dbus.ObjectPath("/org/freedesktop/secrets")
	ssCollection = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	ssSession    = dbus.ObjectPath("/org/freedesktop/secrets/session/1")
	ssPrompt     = dbus.ObjectPath("/org/freedesktop/secrets/prompt/1")
	ssNoPrompt   = dbus.ObjectPath("/")
	ifService    = "org.freedesktop.Secret.Service"
	ifCollection = "org.freedesktop.Secret.Collection"
	ifItem       = "org.freedesktop.Secret.Item"
	ifSession    = "org.freedesktop.Secret.Session"
	ifPrompt     = "org.freedesktop.Secret.Prompt"
	ifProperties = "org.freedesktop.DBus.Properties"
)

// Faults is how a FakeSecrets misbehaves. The zero value is a service that works.
type Faults struct {
	Locked bool   // the collection is locked and unlocking it prompts
	Prompt string // what becomes of a prompt: "" it is answered, "dismiss", "hang", or "kill bus"
	// the method that never returns: "OpenSession", "SearchItems", "CreateItem", "Get",
	// ..., or "all"
	Hang         string
	Die          string // the method in which the service leaves the bus
	StoreNothing bool   // CreateItem succeeds and keeps nothing
	DismissStore bool   // CreateItem wants a prompt, which is dismissed
	WrongData    string // what GetSecret gives instead of the secret
	NoCollection bool   // there is no keyring yet
}

// FakeSecrets is a Secret Service on a private bus.
type FakeSecrets struct {
	bus  *Bus
	conn *dbus.Conn

	mu      sync.Mutex
	faults  Faults
	release chan struct{}     // closed to end the methods that hang
	wanted  []dbus.ObjectPath // what the last prompt would unlock
	items   map[dbus.ObjectPath]fakeItem
	count   int
}

type fakeItem struct {
	attributes map[string]string
	value      []byte
}

type fakeSecret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

// StartFakeSecrets puts a FakeSecrets on the bus until the end of the test.
func StartFakeSecrets(t testing.TB, bus *Bus, faults Faults) *FakeSecrets {
	t.Helper()
	f := &FakeSecrets{
		bus: bus, conn: bus.Connect(t), faults: faults,
		release: make(chan struct{}), items: make(map[dbus.ObjectPath]fakeItem),
	}
	t.Cleanup(func() { f.SetFaults(Faults{}) })
	for _, e := range []struct {
		value any
		path  dbus.ObjectPath
		iface string
	}{
		{fakeService{f}, ssPath, ifService},
		{fakeProperties{f}, ssPath, ifProperties},
		{fakeCollection{f}, ssCollection, ifCollection},
		{fakeProperties{f}, ssCollection, ifProperties},
		{fakeCollection{f}, "/org/freedesktop/secrets/aliases/default", ifCollection},
		{fakeSession{}, ssSession, ifSession},
		{fakePrompt{f}, ssPrompt, ifPrompt},
	} {
		must(t, f.conn.Export(e.value, e.path, e.iface))
	}
	// One export serves all items: godbus cannot export while it serves calls.
	must(t, f.conn.ExportSubtree(fakeItems{f}, ssCollection, ifItem))
	reply, err := f.conn.RequestName(ssName, dbus.NameFlagReplaceExisting|dbus.NameFlagAllowReplacement)
	must(t, err)
	if reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("the name %s is taken: %v", ssName, reply)
	}
	return f
}

// SetFaults changes how the service misbehaves from now on, and ends the methods that
// hang.
func (f *FakeSecrets) SetFaults(faults Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
	close(f.release)
	f.release = make(chan struct{})
}

// Values returns what is stored, by the user attribute.
func (f *FakeSecrets) Values() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make(map[string]string)
	for _, item := range f.items {
		out[item.attributes["username"]] = string(item.value)
	}
	return out
}

// enter is called at the start of every method: it hangs or dies in it when told to.
func (f *FakeSecrets) enter(method string) Faults {
	f.mu.Lock()
	faults, release := f.faults, f.release
	f.mu.Unlock()
	if faults.Hang == method || faults.Hang == "all" {
		<-release
	}
	if faults.Die == method {
		_ = f.conn.Close()
	}
	return faults
}

type fakeService struct{ *FakeSecrets }

// OpenSession implements the "plain" algorithm, which is what go-keyring asks for.
func (f fakeService) OpenSession(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	f.enter("OpenSession")
	return dbus.MakeVariant(""), ssSession, nil
}

func (f fakeService) SearchItems(
	attributes map[string]string,
) (unlocked, locked []dbus.ObjectPath, _ *dbus.Error) {
	faults := f.enter("SearchItems")
	found := f.search(attributes)
	if faults.Locked {
		return nil, found, nil
	}
	return found, nil, nil
}

func (f fakeService) Unlock(objects []dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	if f.enter("Unlock").Locked {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.wanted = objects
		return []dbus.ObjectPath{}, ssPrompt, nil
	}
	return objects, ssNoPrompt, nil
}

func (f fakeService) ReadAlias(string) (dbus.ObjectPath, *dbus.Error) {
	if f.enter("ReadAlias").NoCollection {
		return ssNoPrompt, nil
	}
	return ssCollection, nil
}

func (f *FakeSecrets) search(attributes map[string]string) []dbus.ObjectPath {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := []dbus.ObjectPath{}
	for path, item := range f.items {
		match := true
		for k, v := range attributes {
			match = match && item.attributes[k] == v
		}
		if match {
			found = append(found, path)
		}
	}
	return found
}

type fakeCollection struct{ *FakeSecrets }

func (f fakeCollection) SearchItems(attributes map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	f.enter("SearchItems")
	return f.search(attributes), nil
}

func (f fakeCollection) CreateItem(properties map[string]dbus.Variant, secret fakeSecret, replace bool) (
	item, prompt dbus.ObjectPath, _ *dbus.Error,
) {
	faults := f.enter("CreateItem")
	if faults.DismissStore {
		return ssNoPrompt, ssPrompt, nil
	}
	attributes, _ := properties[ifItem+".Attributes"].Value().(map[string]string)
	if faults.StoreNothing {
		return ssCollection + "/0", ssNoPrompt, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	path := f.place(attributes, replace)
	f.items[path] = fakeItem{attributes: attributes, value: bytes.Clone(secret.Value)}
	return path, ssNoPrompt, nil
}

// place is the path of the item to replace, or a new one. The caller holds mu.
func (f fakeCollection) place(attributes map[string]string, replace bool) dbus.ObjectPath {
	for path, item := range f.items {
		if replace && maps.Equal(item.attributes, attributes) {
			return path
		}
	}
	f.count++
	return dbus.ObjectPath(fmt.Sprintf("%s/%d", ssCollection, f.count))
}

// fakeItems is every item: the message says which one is meant.
type fakeItems struct{ *FakeSecrets }

func pathOf(msg dbus.Message) dbus.ObjectPath {
	path, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	return path
}

func (f fakeItems) GetSecret(msg dbus.Message, session dbus.ObjectPath) (fakeSecret, *dbus.Error) {
	faults := f.enter("GetSecret")
	f.mu.Lock()
	item, ok := f.items[pathOf(msg)]
	value := bytes.Clone(item.value)
	f.mu.Unlock()
	if !ok {
		return fakeSecret{}, dbus.NewError("org.freedesktop.Secret.Error.NoSuchObject", nil)
	}
	if faults.WrongData != "" {
		value = []byte(faults.WrongData)
	}
	return fakeSecret{Session: session, Parameters: []byte{}, Value: value, ContentType: "text/plain"}, nil
}

func (f fakeItems) Delete(msg dbus.Message) (dbus.ObjectPath, *dbus.Error) {
	f.enter("Delete")
	f.mu.Lock()
	delete(f.items, pathOf(msg))
	f.mu.Unlock()
	return ssNoPrompt, nil
}

type fakeSession struct{}

// Close ends nothing: every session is the same one.
func (fakeSession) Close() *dbus.Error { return nil }

type fakePrompt struct{ *FakeSecrets }

// Prompt is answered as Faults.Prompt says.
func (f fakePrompt) Prompt(string) *dbus.Error {
	faults := f.enter("Prompt")
	switch faults.Prompt {
	case "hang":
		return nil
	case "kill bus":
		go f.bus.Stop() // which waits for this call to end
		return nil
	}
	dismissed := faults.Prompt == "dismiss" || faults.DismissStore
	result := []dbus.ObjectPath{}
	if !dismissed {
		f.mu.Lock()
		result, f.faults.Locked = f.wanted, false // what one prompt unlocks stays so
		f.mu.Unlock()
	}
	go func() { _ = f.conn.Emit(ssPrompt, ifPrompt+".Completed", dismissed, dbus.MakeVariant(result)) }()
	return nil
}

type fakeProperties struct{ *FakeSecrets }

// Get answers the two properties that are asked for.
func (f fakeProperties) Get(iface, name string) (dbus.Variant, *dbus.Error) {
	faults := f.enter("Get")
	switch name {
	case "Collections":
		if faults.NoCollection {
			return dbus.MakeVariant([]dbus.ObjectPath{}), nil
		}
		return dbus.MakeVariant([]dbus.ObjectPath{ssCollection}), nil
	case "Locked":
		return dbus.MakeVariant(faults.Locked), nil
	}
	return dbus.Variant{}, dbus.MakeFailedError(fmt.Errorf("no property %s.%s", iface, name))
}

// DeleteAll removes every item, as a person can in a program that manages the keyring.
func (f *FakeSecrets) DeleteAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.items)
}
