package daemon

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/registrytest"
)

// needleVariable are the forms of a secret, in hex and with a colon between them, that a
// zend of these tests looks for in its own memory whenever it gets SIGUSR1. They are
// masked, so that the search does not find what it is told to search for.
const needleVariable = "ZEND_TEST_NEEDLE"

const needleMask = 0x5a

func masked(b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= needleMask
	}
	return out
}

// searchWhenAsked says on standard error how often the needle is in this process's
// memory, each time it gets SIGUSR1.
func searchWhenAsked() {
	var needles [][]byte
	for text := range strings.SplitSeq(os.Getenv(needleVariable), ":") {
		needle, err := hex.DecodeString(text)
		if err != nil || len(needle) == 0 {
			return
		}
		needles = append(needles, needle)
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	buf := make([]byte, 1<<20) // once: a search must not make garbage, and so be what cleans up
	go func() {
		for range asked {
			n, err := copiesOf(needles, buf)
			fmt.Fprintf(os.Stderr, "searched: %d copies, error %v\n", n, err)
		}
	}()
}

// copiesOf counts the copies of what was masked in all memory that this process can write
// to: heap, stacks, mapped pages. It reads with process_vm_readv(2), which a process that
// may not be looked into may still use on itself.
func copiesOf(needles [][]byte, buf []byte) (found int, err error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0, err
	}
	const biggest = 1 << 30 // no piece of Go's heap is bigger, but what the race detector reserves is
	read, longest := 0, 0
	for _, needle := range needles {
		longest = max(longest, len(needle))
	}
	for s := bufio.NewScanner(bytes.NewReader(maps)); s.Scan(); {
		var lo, hi int
		var mode string
		if n, _ := fmt.Sscanf(s.Text(), "%x-%x %s", &lo, &hi, &mode); n != 3 ||
			!strings.HasPrefix(mode, "rw") ||
			hi-lo > biggest {
			continue
		}
		for at := lo; at < hi; at += len(buf) - longest + 1 { // pieces overlap by less than a needle
			piece := buf[:min(len(buf), hi-at)]
			n, err := unix.ProcessVMReadv(
				os.Getpid(),
				[]unix.Iovec{{Base: &piece[0], Len: uint64(len(piece))}},
				[]unix.RemoteIovec{{Base: uintptr(at), Len: len(piece)}},
				0,
			)
			if err == nil {
				read += n
				for _, needle := range needles {
					found += countMasked(piece[:n], needle)
				}
			}
			clear(buf)
		}
	}
	if read < 1<<20 {
		return found, errors.New("there was hardly any memory to look at")
	}
	return found, nil
}

func countMasked(b, needle []byte) (found int) {
	first := needle[0] ^ needleMask
	for {
		i := bytes.IndexByte(b, first)
		if i < 0 || len(b)-i < len(needle) {
			return found
		}
		if matches(b[i:], needle) {
			found++
		}
		b = b[i+1:]
	}
}

func matches(b, needle []byte) bool {
	for i, m := range needle {
		if b[i] != m^needleMask {
			return false
		}
	}
	return true
}

// searched is a zend that looks for a secret, or for a piece of one.
type searched struct {
	*world
	zend    *process
	secret  string
	reports int
}

func newSearched(t *testing.T, around int) *searched {
	t.Helper()
	w := newWorld(t)
	random := make([]byte, 20)
	rand.Read(random)
	needle := hex.EncodeToString(random)
	s := &searched{world: w, secret: strings.Repeat(".", around) + needle + strings.Repeat(".", around)}
	var masks []string
	for _, form := range forms(needle) {
		masks = append(masks, hex.EncodeToString(masked([]byte(form))))
	}
	t.Setenv(needleVariable, strings.Join(masks, ":"))
	s.zend = w.start()
	return s
}

// forms are a needle itself, and as Basic authentication has it, in base64: what stands
// before it, alice's name and what is around it, is a number of whole groups of three
// bytes.
func forms(needle string) []string {
	return []string{needle, base64.StdEncoding.EncodeToString([]byte(needle[:len(needle)/3*3]))}
}

// copies is how often the secret is in zend's memory now.
func (s *searched) copies() (n int) {
	s.t.Helper()
	s.reports++
	s.zend.signal(syscall.SIGUSR1)
	s.zend.awaitLogs("searched:", s.reports)
	text := s.zend.text()
	line, _, _ := strings.Cut(text[strings.LastIndex(text, "searched:"):], "\n")
	var failure string
	if _, err := fmt.Sscanf(line, "searched: %d copies, error %s", &n, &failure); err != nil ||
		failure != "<nil>" {
		s.t.Fatalf("%s (%v)", line, err)
	}
	return n
}

func (s *searched) want(when string, most int) {
	s.t.Helper()
	n := s.copies()
	for range 20 {
		if n <= most {
			break
		}
		n = s.copies() // zend clears what it has sent after it has sent it
	}
	s.t.Logf("%s: %d copies", when, n)
	if n > most {
		s.t.Errorf("%s: %d copies of the secret are in zend's memory, at most %d are needed", when, n, most)
	}
}

// getMuch asks n times over one connection and as often over connections of their own.
func (s *searched) getMuch(host string, n int) {
	s.t.Helper()
	request := []byte(
		`{"jsonrpc":"2.0","id":1,"method":"get","client":"test/1","params":{"ServerURL":"` + host + `"}}` +
			"\n",
	)
	ask := func(c net.Conn) {
		buf := make([]byte, 8192)
		if _, err := c.Write(request); err != nil {
			s.t.Fatal(err)
		}
		if n, err := c.Read(buf); err != nil || !bytes.Contains(buf[:n], []byte(s.secret)) {
			s.t.Fatalf("%s: %v", buf[:n], err)
		}
	}
	dial := func() net.Conn {
		c, err := net.Dial("unix", s.socket)
		if err != nil {
			s.t.Fatal(err)
		}
		return c
	}
	kept := dial()
	defer kept.Close()
	for range n {
		ask(kept)
		c := dial()
		ask(c)
		c.Close()
	}
}

// The search finds what there is to find; else the tests below would show nothing.
func TestSearchFinds(t *testing.T) {
	random := make([]byte, 20)
	rand.Read(random)
	secret := hex.EncodeToString(random)
	req := http.Request{Header: http.Header{}}
	req.SetBasicAuth("alice", strings.Repeat(".", lengths["token"])+secret)
	for _, form := range forms(secret) {
		n, err := copiesOf([][]byte{masked([]byte(form))}, make([]byte, 1<<20))
		if err != nil || n < 1 {
			t.Errorf("found %d copies of %s: %v", n, form, err)
		}
	}
	runtime.KeepAlive(req)
}

// lengths are what secrets have around what is looked for: a password has nothing, a
// token a lot.
var lengths = map[string]int{"password": 0, "token": 1500} // in whole groups of three, see forms

// A password that docker login stored is in the vault, sealed, and nowhere else: serving
// it 2,000 times leaves at most two copies in zend's memory, and zen lock none.
func TestStoredSecretIsNotLeftInMemory(t *testing.T) {
	for name, around := range lengths {
		t.Run(name, func(t *testing.T) {
			s := newSearched(t, around)
			store := map[string]string{"ServerURL": "ghcr.io", "Username": "alice", "Secret": s.secret}
			s.mustCall(api.MethodStore, store)
			s.want("stored", 2)
			s.getMuch("ghcr.io", 1000)
			s.want("after 2,000 gets", 2)
			s.mustCall(api.MethodList, map[string]string{})
			s.mustCall(api.MethodStore, store) // as docker login does with what it got
			s.want("after list and store", 2)
			s.mustCall(api.MethodVaultLock, api.Empty{})
			s.want("locked", 0)
			s.wantGet("ghcr.io", "locked")
		})
	}
}

// What is refused leaves no secret behind either, wherever in the request it was.
func TestRefusedSecretIsNotLeftInMemory(t *testing.T) {
	for name, request := range map[string]struct{ method, params string }{
		"member twice": {
			api.MethodStore,
			`{"ServerURL":"ghcr.io","Secret":"SECRET","Secret":"SECRET"}`,
		},
		"member of a type": {api.MethodStore, `{"ServerURL":"ghcr.io","Secret":"SECRET","dir":1}`},
		"half a pair":      {api.MethodStore, `{"ServerURL":"ghcr.io","Secret":"SECRET","dir":"\ud800"}`},
		"verified": {
			api.MethodCredentialVerify,
			`{"ServerURL":"ghcr.io","Secret":"SECRET","Secret":"SECRET"}`,
		},
		"beside secrets": {
			api.MethodConnectorRegister,
			`{"name":"hub","type":"docker","password":"SECRET"}`,
		},
		"beside some secrets": {
			api.MethodConnectorRegister,
			`{"name":"hub","type":"docker","password":"SECRET","secrets":{"username":"a"}}`,
		},
		"secrets twice": {
			api.MethodConnectorRegister,
			`{"name":"hub","secrets":{"password":"SECRET"},"secrets":{"password":"SECRET"}}`,
		},
		"secret of a type": {
			api.MethodConnectorRegister,
			`{"name":"hub","secrets":{"password":"SECRET","username":1}}`,
		},
		"passphrase elsewhere": {api.MethodVaultUnlock, `{"passphrase":"SECRET"}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSearched(t, lengths["token"])
			reply, err := s.client().
				Call(request.method, []byte(strings.ReplaceAll(request.params, "SECRET", s.secret)),
					time.Now().Add(20*time.Second))
			if err == nil && request.method != api.MethodVaultUnlock {
				t.Errorf("accepted: %s", reply.Result)
			}
			s.want("refused", 1) // the connection's buffer, until it is closed
			s.mustCall(api.MethodVaultLock, api.Empty{})
			s.want("locked", 0)
		})
	}
}

// What is minted of a connector's password stays in the token cache until zen lock. The
// registry is asked about it, at registering, at verifying and at each login: by a child
// process, for net/http and others make copies of it that nobody can clear.
func TestConnectorSecretIsNotLeftInMemory(t *testing.T) {
	for name, around := range lengths {
		t.Run(name, func(t *testing.T) {
			s := newSearched(t, around)
			reg := registrytest.StartBasic("alice", s.secret)
			t.Cleanup(reg.Close)
			s.mustCall(api.MethodConnectorRegister, map[string]any{
				"name": "hub", "type": "docker",
				"secrets": map[string]string{"username": "alice", "password": s.secret, "registry": reg.Host},
			})
			s.mustCall(api.MethodConnectorVerify, api.UseConnector{Ref: "hub"})
			s.mustCall(api.MethodLogin, api.LoginRequest{Name: "hub"})
			if asked := len(reg.Requests()); asked < 3 {
				t.Errorf("the registry was asked only %d times", asked)
			}
			s.getMuch(reg.Host, 1000)
			s.want("after 2,000 gets", 2)
			s.mustCall(api.MethodVaultLock, api.Empty{})
			s.want("locked", 0)
			s.wantGet(reg.Host, "locked")
		})
	}
}
