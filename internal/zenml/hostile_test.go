package zenml

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"github.com/zen-agent/zen/internal/credential"
)

// operations are all that zen asks of a server.
func operations(t *testing.T) map[string]func(ctx context.Context, c *Client) error {
	d := draft("x")
	d.ID = recordedID
	d.Config["password"] = credential.SecretString("canary-password")
	return map[string]func(ctx context.Context, c *Client) error{
		"info":  func(ctx context.Context, c *Client) error { _, err := c.Info(ctx); return err },
		"login": func(ctx context.Context, c *Client) error { _, err := c.Login(ctx); return err },
		"device": func(ctx context.Context, c *Client) error {
			_,
				err := c.StartDevice(ctx, "id")
			return err
		},
		"connectors": func(ctx context.Context, c *Client) error {
			_,
				err := c.Connectors(ctx)
			return err
		},
		"registries": func(ctx context.Context, c *Client) error {
			_,
				err := c.Registries(ctx)
			return err
		},
		"stacks": func(ctx context.Context, c *Client) error { _, err := c.Stacks(ctx); return err },
		"types":  func(ctx context.Context, c *Client) error { _, err := c.Types(ctx); return err },
		"resources": func(ctx context.Context, c *Client) error {
			_,
				err := c.Resources(ctx, recordedID)
			return err
		},
		"configuration": func(ctx context.Context, c *Client) error {
			_,
				err := c.Configuration(ctx, recordedID)
			return err
		},
		"check": func(ctx context.Context, c *Client) error { _, err := c.Check(ctx, d); return err },
		"register": func(ctx context.Context, c *Client) error {
			_,
				err := c.Register(ctx, d)
			return err
		},
		"update": func(ctx context.Context, c *Client) error {
			_,
				err := c.Update(ctx, d)
			return err
		},
		"delete": func(ctx context.Context, c *Client) error { return c.Delete(ctx, recordedID) },
		"link": func(ctx context.Context,
			c *Client,
		) error {
			return c.LinkComponent(ctx, recordedID, recordedID, "x")
		},
		"credential": func(ctx context.Context, c *Client) error {
			cred, err := c.Credential(ctx, recordedID, "", parse(t, "reg.example.com"))
			if err == nil && cred.Secret.IsEmpty() {
				err = errors.New("no secret and no error")
			}
			return err
		},
	}
}

func jsonHead(w http.ResponseWriter) { w.Header().Set("Content-Type", "application/json") }

// hostile are the ways in which a server, or who stands before it, can misbehave;
// elsewhere is another host.
func hostile(elsewhere string) map[string]http.HandlerFunc {
	endless := func(w io.Writer, text string) {
		for range 1 << 12 { // 256 MiB
			if _, err := io.WriteString(w, strings.Repeat(text, 1<<16)); err != nil {
				return
			}
		}
	}
	body := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			jsonHead(w)
			w.WriteHeader(status)
			io.WriteString(w, text)
		}
	}
	return map[string]http.HandlerFunc{
		"endless": func(w http.ResponseWriter, _ *http.Request) { jsonHead(w); endless(w, "[") },
		"endless string": func(w http.ResponseWriter, _ *http.Request) {
			jsonHead(w)
			io.WriteString(w, `{"id":"`)
			endless(w, "a")
		},
		"endless error": func(w http.ResponseWriter,
			_ *http.Request,
		) {
			jsonHead(w)
			w.WriteHeader(500)
			endless(w, "a")
		},
		"gzip bomb": func(w http.ResponseWriter, _ *http.Request) {
			jsonHead(w)
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			endless(z, "[")
			z.Close()
		},
		"truncated": func(w http.ResponseWriter, _ *http.Request) {
			jsonHead(w)
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"id": "x", "items": [`)
		},
		"redirect elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere+r.URL.Path, http.StatusTemporaryRedirect)
		},
		"redirect without end": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
		},
		"half JSON": body(200, `{"items": [{"id": `),
		"wrong types": body(
			200,
			`{"id":[1],"name":{},"items":{"a":1},"resources":"x","access_token":[],"body":7,"metadata":7,`+
				`"device_code":{},"total_pages":"x"}`,
		),
		"a list": body(200, `[[[1]]]`),
		"deep":   body(200, strings.Repeat(`{"items":[`, 1<<15)),
		"huge number": body(
			200,
			`{"id":1e999,"name":1e999,"items":1e999,"expires_in":1e999,"device_code":1e999,`+
				`"resources":1e999,"metadata":1e999,"body":1e999}`,
		),
		"a page": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, "<html>")
		},
		"no content": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"escapes": body(400, `{"detail": ["\u001b[31mValueError", `+
			`"\u001b]0;x\u0007line\nbreak `+strings.Repeat("long ", 1000)+`"]}`),
		"hang up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
}

// Whatever a server answers, the result is a sentence, soon, and without much memory; and
// nobody else is told anything.
func TestHostileServers(t *testing.T) {
	var told atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told.Add(1) }))
	t.Cleanup(other.Close)
	for how, broken := range hostile(other.URL) {
		s := start(t)
		for what, ask := range operations(t) {
			if huge := strings.HasPrefix(how, "endless") || how == "gzip bomb"; huge &&
				what != "credential" &&
				what != "connectors" {
				continue // all answers are received in the same way, and these take long
			}
			c := client(t, s)
			s.Lock()
			s.Broken = nil
			s.Unlock()
			if what != "login" { // that is to fail with the token
				if _, err := c.Login(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			s.Lock()
			s.Broken = broken
			s.Unlock()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			err := ask(t.Context(), c)
			runtime.ReadMemStats(&after)
			if took, grown := time.Since(began), after.TotalAlloc-before.TotalAlloc; took > 10*time.Second ||
				grown > 200<<20 {
				t.Errorf("%s, %s: took %v and %d MiB", what, how, took, grown>>20)
			}
			if (what == "delete" || what == "link") && (err == nil) { // they want nothing from the answer
				continue
			}
			e, ok := errors.AsType[*credential.Error](err)
			if !ok || e.Reason == credential.Internal {
				t.Errorf("%s, %s: %v", what, how, err)
				continue
			}
			text := err.Error()
			if len(text) > 800 || strings.Contains(text, "canary") || strings.Contains(text, s.APIKey) ||
				strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("%s, %s: %q", what, how, text)
			}
		}
	}
	if n := told.Load(); n != 0 {
		t.Errorf("another host was asked %d times", n)
	}
}

// A credential that no client could use is refused here, rather than in the middle of
// somebody's pull.
func TestUselessCredentials(t *testing.T) {
	for name, tt := range map[string]struct{ user, password string }{
		"long password": {"u", strings.Repeat("p", 1<<20+1)},
		"long user":     {strings.Repeat("u", 5<<10), "p"},
		"control":       {"u\nx", "p"},
		"escape":        {"u\x1b[31m", "p"},
		"no user":       {"", "p"},
		"no password":   {"u", ""},
	} {
		s := start(t)
		s.Connectors[0].Username, s.Connectors[0].Password = tt.user, tt.password
		_, err := client(t, s).Credential(t.Context(), s.Connectors[0].ID, "", parse(t, "reg.example.com"))
		if !credential.Unreachable.Is(err) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := start(t)
	s.Connectors[0].Username, s.Connectors[0].Password = "_json_key", "{\n  \"type\": "+
		"\"service_account\"\n}\n"
	got, err := client(t, s).Credential(t.Context(), s.Connectors[0].ID, "", parse(t, "reg.example.com"))
	if err != nil || string(got.Secret.Reveal()) != s.Connectors[0].Password {
		t.Errorf("a key of several lines: %v", err)
	}
}
