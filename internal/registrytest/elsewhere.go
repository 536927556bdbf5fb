package registrytest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
)

// Elsewhere stands for every machine but this one: whatever is dialled answers as a
// registry that demands Basic authentication, over plain http, and takes no TLS. It keeps
// what came unencrypted.
type Elsewhere struct {
	username, password string

	mu    sync.Mutex
	plain []string
	tls   []string
}

// NewElsewhere returns machines whose registries know one user.
func NewElsewhere(username, password string) *Elsewhere {
	return &Elsewhere{username: username, password: password}
}

// Plain returns what was asked without TLS so far, "GET registry.example:80/v2/
// alice:password"; ":" stands for no user.
func (e *Elsewhere) Plain() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.plain)
}

// TLS returns where TLS was begun so far, "registry.example:443".
func (e *Elsewhere) TLS() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.tls)
}

// Dial connects to a machine, as net.Dialer.DialContext does.
func (e *Elsewhere) Dial(_ context.Context, _, addr string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	here, there := net.Pipe()
	go e.serve(there, addr)
	at := netip.AddrPortFrom(netip.MustParseAddr("203.0.113.7"), uint16(number))
	return farConn{here, net.TCPAddrFromAddrPort(at)}, nil
}

// farConn is a connection to an address of documentation (RFC 5737).
type farConn struct {
	net.Conn
	at net.Addr
}

func (c farConn) RemoteAddr() net.Addr { return c.at }

// serve answers one connection until it is closed.
func (e *Elsewhere) serve(conn net.Conn, addr string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	const handshakeRecord = 0x16 // RFC 8446, section 5.1
	if first, err := in.Peek(1); err == nil && first[0] == handshakeRecord {
		e.mu.Lock()
		e.tls = append(e.tls, addr)
		e.mu.Unlock()
		return
	}
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		user, password, ok := req.BasicAuth()
		e.mu.Lock()
		e.plain = append(e.plain, req.Method+" "+addr+req.URL.Path+" "+user+":"+password)
		e.mu.Unlock()
		status, header := "200 OK", ""
		if !ok || user != e.username || password != e.password {
			status, header = "401 Unauthorized", "WWW-Authenticate: Basic realm=\"elsewhere\"\r\n"
		}
		fmt.Fprintf(conn, "HTTP/1.1 %s\r\n%s", status, header)
		fmt.Fprint(conn, "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	}
}
