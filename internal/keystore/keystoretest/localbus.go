//go:build unix && !darwin

package keystoretest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

// localBus is as much of a message bus (D-Bus specification 0.43) as a Secret Service and
// its callers need, in this process: names, calls, replies and signals. Every signal goes
// to everybody; match rules are accepted and mean nothing. It needs no program to be
// installed, and dies on request.
type localBus struct {
	listener net.Listener
	work     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	count  int
	peers  map[string]*peer // by unique name
	owners map[string]*peer // by well-known name
}

const busInterface = "org.freedesktop.DBus"

func listenBus(ctx context.Context, path string) (*localBus, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	b := &localBus{listener: listener, peers: make(map[string]*peer), owners: make(map[string]*peer)}
	b.work.Go(b.accept)
	return b, nil
}

// stop ends the bus as a kill would: every connection breaks.
func (b *localBus) stop() {
	b.listener.Close()
	b.mu.Lock()
	b.closed = true
	for _, p := range b.peers {
		p.conn.Close()
	}
	b.mu.Unlock()
	b.work.Wait()
}

func (b *localBus) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		p := &peer{bus: b, conn: conn, owes: make(map[call]bool)}
		if !b.enter(p) {
			conn.Close()
			return
		}
		b.work.Go(p.serve)
	}
}

func (b *localBus) enter(p *peer) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.count++
	p.name = fmt.Sprintf(":1.%d", b.count)
	b.peers[p.name] = p
	return true
}

// leave forgets a peer. Whoever waits for its answers learns that there will be none.
func (b *localBus) leave(p *peer) {
	p.conn.Close()
	b.mu.Lock()
	delete(b.peers, p.name)
	maps.DeleteFunc(b.owners, func(_ string, owner *peer) bool { return owner == p })
	waiting := slices.Collect(maps.Keys(p.owes))
	b.mu.Unlock()
	for _, c := range waiting {
		c.from.answerError(c.serial, busInterface+".Error.NoReply", "the recipient left the bus without "+
			"replying")
	}
}

// owner is the peer that has a name, unique or well-known.
func (b *localBus) owner(name string) *peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p, ok := b.peers[name]; ok {
		return p
	}
	return b.owners[name]
}

// call is a call that waits for its answer.
type call struct {
	from   *peer
	serial uint32
}

// peer is one connection.
type peer struct {
	bus  *localBus
	conn net.Conn
	name string
	owes map[call]bool // guarded by bus.mu

	writing sync.Mutex
	serial  uint32
}

func (p *peer) serve() {
	defer p.bus.leave(p)
	r := bufio.NewReader(p.conn)
	if p.authenticate(r) != nil {
		return
	}
	for {
		m, err := readMessage(r)
		if err != nil {
			return
		}
		p.route(m)
	}
}

// authenticate accepts everybody: the socket's directory is the test's own.
func (p *peer) authenticate(r *bufio.Reader) error {
	if _, err := r.ReadByte(); err != nil { // credentials go with a byte of zero
		return err
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		reply := "ERROR\r\n"
		switch words := strings.Fields(line); {
		case len(words) == 0:
		case words[0] == "BEGIN":
			return nil
		case words[0] == "AUTH" && len(words) == 1:
			reply = "REJECTED EXTERNAL\r\n"
		case words[0] == "AUTH":
			reply = "OK 0123456789abcdef0123456789abcdef\r\n"
		}
		if _, err := io.WriteString(p.conn, reply); err != nil {
			return err
		}
	}
}

// message is a message as it came: its body is passed on byte for byte.
type message struct {
	dbus.Message
	order  binary.ByteOrder
	serial uint32
	body   []byte
}

func readMessage(r *bufio.Reader) (*message, error) {
	head, err := r.Peek(16)
	if err != nil {
		return nil, err
	}
	m := &message{order: binary.LittleEndian}
	if head[0] == 'B' {
		m.order = binary.BigEndian
	}
	m.serial = m.order.Uint32(head[8:])
	size, fields := int(m.order.Uint32(head[4:])), int(m.order.Uint32(head[12:]))
	raw := make([]byte, (16+fields+7)/8*8+size)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, err
	}
	decoded, err := dbus.DecodeMessage(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	m.Message, m.body = *decoded, raw[len(raw)-size:]
	return m, nil
}

func (m *message) text(field dbus.HeaderField) string {
	s, _ := m.Headers[field].Value().(string)
	return s
}

func (m *message) replyTo() uint32 {
	serial, _ := m.Headers[dbus.FieldReplySerial].Value().(uint32)
	return serial
}

// route passes a message on. The bus itself answers what is addressed to it.
func (p *peer) route(m *message) {
	m.Headers[dbus.FieldSender] = dbus.MakeVariant(p.name)
	destination := m.text(dbus.FieldDestination)
	if destination == "" && m.Type == dbus.TypeSignal {
		p.broadcast(m)
		return
	}
	if destination == busInterface {
		p.askBus(m)
		return
	}
	to := p.bus.owner(destination)
	switch {
	case to == nil && m.Type == dbus.TypeMethodCall:
		p.answerError(m.serial, busInterface+".Error.ServiceUnknown", "nobody has the name "+destination)
	case to != nil:
		p.bus.settle(p, to, m)
		to.send(m)
	}
}

// settle keeps account of who waits for whom.
func (b *localBus) settle(from, to *peer, m *message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch m.Type {
	case dbus.TypeMethodCall:
		to.owes[call{from, m.serial}] = true
	case dbus.TypeMethodReply, dbus.TypeError:
		delete(from.owes, call{to, m.replyTo()})
	}
}

func (p *peer) broadcast(m *message) {
	p.bus.mu.Lock()
	others := slices.Collect(maps.Values(p.bus.peers))
	p.bus.mu.Unlock()
	for _, other := range others {
		if other != p {
			other.send(m)
		}
	}
}

// askBus answers the calls that godbus, go-keyring and zen make to the bus.
func (p *peer) askBus(m *message) {
	var name string
	if len(m.Body) > 0 {
		name, _ = m.Body[0].(string)
	}
	switch m.text(dbus.FieldMember) {
	case "Hello":
		p.answer(m.serial, p.name)
		p.acquired(p.name)
	case "RequestName":
		p.bus.mu.Lock()
		p.bus.owners[name] = p
		p.bus.mu.Unlock()
		p.answer(m.serial, uint32(dbus.RequestNameReplyPrimaryOwner))
		p.acquired(name)
	case "NameHasOwner":
		p.answer(m.serial, p.bus.owner(name) != nil)
	case "ListActivatableNames":
		p.answer(m.serial, []string{busInterface})
	case "AddMatch", "RemoveMatch":
		p.answer(m.serial)
	default:
		p.answerError(
			m.serial,
			busInterface+".Error.UnknownMethod",
			"this bus has no "+m.text(dbus.FieldMember),
		)
	}
}

// headers are the fields of a message of the bus itself.
type headers map[dbus.HeaderField]any

func (p *peer) answer(to uint32, body ...any) {
	p.tell(dbus.TypeMethodReply, headers{dbus.FieldReplySerial: to}, body...)
}

func (p *peer) answerError(to uint32, name, text string) {
	p.tell(dbus.TypeError, headers{dbus.FieldReplySerial: to, dbus.FieldErrorName: name}, text)
}

// acquired tells a peer of a name that it got; godbus answers no calls to other names.
func (p *peer) acquired(name string) {
	p.tell(dbus.TypeSignal, headers{
		dbus.FieldPath: dbus.ObjectPath(
			"/org/freedesktop/DBus",
		), dbus.FieldInterface: busInterface, dbus.FieldMember: "NameAcquired",
	}, name)
}

func (p *peer) tell(kind dbus.Type, fields headers, body ...any) {
	fields[dbus.FieldSender], fields[dbus.FieldDestination] = busInterface, p.name
	if len(body) > 0 {
		fields[dbus.FieldSignature] = dbus.SignatureOf(body...)
	}
	m := &message{order: binary.LittleEndian}
	m.Type, m.Headers, m.Body = kind, make(map[dbus.HeaderField]dbus.Variant), body
	for field, value := range fields {
		m.Headers[field] = dbus.MakeVariant(value)
	}
	p.send(m)
}

// send writes a message. That it cannot be written is noticed by the reader.
func (p *peer) send(m *message) {
	p.writing.Lock()
	defer p.writing.Unlock()
	raw, serial := m.body, m.serial
	head := m.Message
	if serial == 0 { // the bus's own
		p.serial++
		serial = p.serial
	} else {
		head.Body = nil
	}
	var out bytes.Buffer
	if err := head.EncodeTo(&out, m.order); err != nil {
		panic(err) // it was decoded from the same
	}
	b := out.Bytes()
	m.order.PutUint32(b[8:], serial)
	if head.Body == nil {
		m.order.PutUint32(b[4:], uint32(len(raw)))
		b = append(b, raw...)
	}
	_, _ = p.conn.Write(b)
}
