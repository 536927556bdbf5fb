package isolated

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/childproc"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/registryauth"
	"github.com/zen-agent/zen/internal/registrytest"
)

// TestMain lets the test binary be the child, as zend is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ChildArgument {
		os.Exit(ChildMain(os.Args[2:], os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

const password = "correct-horse"

func asker(t testing.TB) *Asker {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return New(self)
}

// program is a shell script in the place of zend.
func program(t *testing.T, script string) *Asker {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zend")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return New(path)
}

func target(t testing.TB, host string) connector.Target {
	t.Helper()
	a, err := address.Parse(host)
	if err != nil {
		t.Fatal(err)
	}
	return connector.Target{Registry: a}
}

func alice(secret string) credential.Credential {
	return credential.Credential{Username: "alice", Secret: credential.SecretString(secret)}
}

// A child says what the same question is answered in this process.
func TestAnswersAreTheSame(t *testing.T) {
	basic, bearer := registrytest.StartBasic("alice", password), registrytest.StartBearer("alice", password)
	defer basic.Close()
	defer bearer.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	k, here := asker(t), registryauth.New()
	for _, tt := range []struct {
		name, host, push string
		cred             credential.Credential
		want             string
	}{
		{"basic", basic.Host, "", alice(password), api.VerificationValid},
		{"basic, wrong", basic.Host, "", alice("wrong"), api.VerificationRejected},
		{"bearer", bearer.Host, "", alice(password), api.VerificationValid},
		{"bearer, wrong", bearer.Host, "", alice("wrong"), api.VerificationRejected},
		{"push", basic.Host, "team/app", alice(password), api.VerificationValid},
		{"a token that is none", bearer.Host, "", credential.Credential{
			Username: credential.TokenUsername, Secret: credential.SecretString("t"),
		}, api.VerificationRejected},
		{"large", basic.Host, "", alice(strings.Repeat("x", 40_000)), api.VerificationRejected},
		{
			"nobody there", strings.TrimPrefix(gone.URL, "http://"), "", alice(password),
			api.VerificationSkipped,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opt := connector.VerifyOptions{Push: tt.push}
			want, err := here.Verify(t.Context(), target(t, tt.host), tt.cred, opt)
			if err != nil {
				t.Fatal(err)
			}
			got, err := k.Verify(t.Context(), target(t, tt.host), tt.cred, opt)
			if err != nil || got != want {
				t.Errorf("%+v, %v; want %+v", got, err, want)
			}
			if tt.want != api.VerificationSkipped && got.Verification != tt.want {
				t.Errorf("%+v, want %s", got, tt.want)
			}
		})
	}
	cred, err := k.IdentityToken(t.Context(), target(t, bearer.Host), alice(password))
	if err != nil || !cred.IsIdentityToken() || cred.Secret.IsEmpty() {
		t.Fatalf("no identity token: %v", err)
	}
	if r, err := here.Verify(t.Context(), target(t, bearer.Host), cred,
		connector.VerifyOptions{}); err != nil ||
		r.Verification != api.VerificationValid {
		t.Errorf("the identity token is worth nothing: %+v, %v", r, err)
	}
}

// Errors keep their reason, message and hint on the way.
func TestErrorsAreTheSame(t *testing.T) {
	basic := registrytest.StartBasic("alice", password)
	defer basic.Close()
	k, here := asker(t), registryauth.New()
	to := target(t, basic.Host)
	questions := map[string]func(checker) error{}
	questions["identity token of a registry without a token service"] = func(c checker) error {
		_, err := c.IdentityToken(t.Context(), to, alice(password))
		return err
	}
	questions["limits of a registry without a token service"] = func(c checker) error {
		_, err := c.Limits(t.Context(), to, alice(password))
		return err
	}
	questions["no repository"] = func(c checker) error {
		_, err := c.Verify(t.Context(), to, alice(password), connector.VerifyOptions{Push: "/"})
		return err
	}
	for name, ask := range questions {
		want, ok1 := errors.AsType[*credential.Error](ask(here))
		got, ok2 := errors.AsType[*credential.Error](ask(k))
		if !ok1 || !ok2 || got.Reason != want.Reason || got.Message != want.Message || got.Hint != want.Hint {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

type checker = interface {
	Verify(
		context.Context,
		connector.Target,
		credential.Credential,
		connector.VerifyOptions,
	) (connector.Report, error)
	IdentityToken(context.Context, connector.Target, credential.Credential) (credential.Credential, error)
	Limits(context.Context, connector.Target, credential.Credential) (connector.Limits, error)
}

// The credential is in no argument and no environment variable.
func TestSecretIsNotInArgumentsOrEnvironment(t *testing.T) {
	seen := filepath.Join(t.TempDir(), "seen")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	k := program(t, `{ printf '%s\n' "$@"; env; } > '`+seen+`'; exec '`+self+`' "$@"`)
	basic := registrytest.StartBasic("alice", password)
	defer basic.Close()
	r, err := k.Verify(t.Context(), target(t, basic.Host), alice(password), connector.VerifyOptions{})
	if err != nil || r.Verification != api.VerificationValid {
		t.Fatalf("%+v, %v", r, err)
	}
	said, err := os.ReadFile(seen)
	if err != nil || !strings.HasPrefix(string(said), ChildArgument+"\n") {
		t.Fatalf("%s, %v", said, err)
	}
	if bytes.Contains(said, []byte(password)) || bytes.Contains(said, []byte("alice")) {
		t.Errorf("the child was started with the credential:\n%s", said)
	}
}

// A child that cannot be started, dies, talks nonsense or too much is an error that says
// so, and never a result.
func TestChildrenThatFail(t *testing.T) {
	to := target(t, "registry.example")
	for name, k := range map[string]*Asker{
		"not there":         New(filepath.Join(t.TempDir(), "none")),
		"ends at once":      program(t, "exit 0"),
		"reads and ends":    program(t, "head -c 10 >/dev/null"),
		"nonsense":          program(t, "echo hello; cat >/dev/null"),
		"half an answer":    program(t, `printf '{"Report":{"Verification":"valid"}'`),
		"half a secret":     program(t, `printf '{"Secret":10}\nshort'`),
		"a negative secret": program(t, `printf '{"Secret":-1}\n'`),
		"a huge secret":     program(t, `printf '{"Secret":2000000000}\n'; cat /dev/zero`),
		"no end":            program(t, "cat /dev/zero"),
	} {
		for _, secret := range []string{password, strings.Repeat("x", 1<<20)} {
			cred, err := k.IdentityToken(t.Context(), to, alice(secret))
			if !credential.Internal.Is(err) || !cred.Secret.IsEmpty() ||
				strings.Contains(err.Error(), password) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// hanging is a registry that never answers; inside is closed when it is asked.
func hanging(t *testing.T) (host string, inside <-chan struct{}) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	asked := make(chan struct{})
	once := sync.OnceFunc(func() { close(asked) })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			once()
			go io.Copy(io.Discard, c)
		}
	}()
	return ln.Addr().String(), asked
}

// Who gives up does not wait, and no child is left; a deadline is told as the registry's
// fault, by the child.
func TestGivingUp(t *testing.T) {
	host, inside := hanging(t)
	k := asker(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-inside; cancel() }()
	begin := time.Now()
	_, err := k.Verify(ctx, target(t, host), alice(password), connector.VerifyOptions{})
	if !credential.Timeout.Is(err) || !strings.Contains(err.Error(), host) {
		t.Errorf("given up: %v", err)
	}
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("it took %v", took)
	}
	limited, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	r, err := k.Verify(limited, target(t, host), alice(password), connector.VerifyOptions{})
	if err != nil || r.Verification == api.VerificationValid || !strings.Contains(r.Detail, host) {
		t.Errorf("at the deadline: %+v, %v", r, err)
	}
	if len(k.turns) != 0 {
		t.Errorf("%d turns were not given back", len(k.turns))
	}
}

// Only so many children run at a time.
func TestTurns(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(50 * time.Millisecond) // the work of the registry, during which others could come
		mu.Lock()
		now--
		mu.Unlock()
		w.WriteHeader(http.StatusNotFound)
	}))
	defer srv.Close()
	k := asker(t)
	var all sync.WaitGroup
	for range 3 * maxChildren {
		all.Go(func() {
			if _, err := k.Verify(t.Context(), target(t, strings.TrimPrefix(srv.URL, "http://")),
				alice(password), connector.VerifyOptions{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most > maxChildren {
		t.Errorf("%d at the same time", most)
	}
}

// A child whose parent is gone ends, whatever it waits for.
func TestChildEndsWithItsParent(t *testing.T) {
	host, inside := hanging(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	childIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := os.StartProcess(
		self,
		[]string{self, ChildArgument},
		&os.ProcAttr{Files: []*os.File{childIn, nil, nil}},
	)
	if err != nil {
		t.Fatal(err)
	}
	childIn.Close()
	q := question{Protocol: protocol, Op: opVerify, Registry: host, Username: "alice", Secret: len(password)}
	if err := send(in, q, credential.SecretString(password)); err != nil {
		t.Fatal(err)
	}
	<-inside
	in.Close() // what the kernel does when the parent dies
	late := time.AfterFunc(8*time.Second, func() { p.Kill() })
	defer late.Stop()
	state, err := p.Wait()
	if err != nil || state.ExitCode() != childproc.ExitOrphaned {
		t.Errorf("%v, %v", state, err)
	}
}

// What is no question is not answered.
func TestChildRefuses(t *testing.T) {
	good := `{"Protocol":"` + protocol + `","Op":"verify","Registry":"127.0.0.1:1","Secret":1}` + "\nx"
	for _, tt := range []struct {
		name, in string
		args     []string
	}{
		{"arguments", good, []string{"x"}},
		{"nothing", "", nil},
		{"no JSON", "GET / HTTP/1.1\n", nil},
		{"another version", strings.Replace(good, "registry 1", "registry 2", 1), nil},
		{"half a secret", strings.Replace(good, `"Secret":1`, `"Secret":2`, 1), nil},
		{"a huge secret", strings.Replace(good, `"Secret":1`, `"Secret":1000000000`, 1), nil},
		{"a long line", strings.Repeat(" ", 2*maxLine) + good, nil},
	} {
		var out bytes.Buffer
		if status := ChildMain(tt.args, strings.NewReader(tt.in), &out); status != childproc.ExitUsage ||
			out.Len() > 0 {
			t.Errorf("%s: status %d, said %q", tt.name, status, out.String())
		}
	}
	a, _ := handle(
		t.Context(),
		registryauth.New(),
		question{Op: "steal", Registry: "registry.example"},
		credential.Secret{},
	)
	if a.Fault == nil || a.Fault.Reason != credential.Internal {
		t.Errorf("an unknown operation: %+v", a)
	}
}

// FuzzWire checks that what one side sends is what the other gets, whatever the secret
// and however the reader's buffer cuts it, and that no copy of the secret stays in the
// buffer.
func FuzzWire(f *testing.F) {
	f.Add("alice", "team/app", []byte("secret"))
	f.Add("", "\n", []byte("\n{}\n"))
	f.Add("\xff", "x", bytes.Repeat([]byte("long"), 100_000))
	f.Fuzz(func(t *testing.T, username, push string, secret []byte) {
		username, push = strings.ToValidUTF8(username, "?"), strings.ToValidUTF8(push, "?")
		if len(username)+len(push) > maxLine/16 {
			return
		}
		sent := question{
			Protocol: protocol,
			Op:       opVerify,
			Username: username,
			Push:     push,
			Secret:   len(secret),
		}
		var wire bytes.Buffer
		if err := send(&wire, sent, credential.NewSecret(bytes.Clone(secret))); err != nil {
			t.Fatal(err)
		}
		wire.WriteString("rest")
		r := bufio.NewReaderSize(&wire, maxLine)
		var got question
		if err := receiveLine(r, &got); err != nil || got != sent {
			t.Fatalf("%+v, %v; sent %+v", got, err, sent)
		}
		held, err := r.Peek(min(len(secret), r.Buffered()))
		if err != nil {
			t.Fatal(err)
		}
		s, err := receiveSecret(r, got.Secret)
		if err != nil || !bytes.Equal(s.Reveal(), secret) {
			t.Fatalf("got %q (%v), sent %q", s.Reveal(), err, secret)
		}
		if len(secret) < maxLine/2 && len(bytes.Trim(held, "\x00")) > 0 {
			t.Errorf("a copy of the secret is left: %q", held)
		}
		if rest, err := io.ReadAll(r); err != nil || string(rest) != "rest" {
			t.Errorf("%q is left, %v", rest, err)
		}
	})
}
