package registryauth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Each of these answers on a loopback port, without ever taking the password, and each
// gets a sentence of its own.
func TestNoCredentialForLiars(t *testing.T) {
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter,
			r *http.Request,
		) {
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		}
	}
	challenge := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { unauthorized(w, text, errorBody) }
	}
	status := func(code int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	other := newFake(t, func(w http.ResponseWriter, _ *http.Request) { serveToken(w, token("alice")) })
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		detail  string
	}{
		"realm on another port": {
			challenge(`Bearer realm="` + other.URL + `/token",service="x"`),
			"a private address",
		},
		"realm at a private address": {challenge(`Bearer ` +
			`realm="https://10.1.2.3/token"`), "wants the credentials sent to https://10.1.2.3:443, a " +
			"private address"},
		"realm at a metadata service": {challenge(`Bearer ` +
			`realm="https://169.254.169.254/token"`), "a private address"},
		"realm at an IPv4-mapped IPv6": {challenge(`Bearer ` +
			`realm="https://[::ffff:10.1.2.3]/token"`), "a private address"},
		"realm in another IPv4 form": {challenge(`Bearer realm="https://0x7f.1/token"`), "names no " +
			"token service"},
		"realm with a password": {challenge(`Bearer ` +
			`realm="https://a:b@auth.example/token"`), "names no token service"},
		"realm over http": {challenge(`Bearer ` +
			`realm="http://auth.example/token"`), "over plain http"},
		"realm of another scheme": {challenge(`Bearer realm="ftp://auth.example/token"`), "over ftp"},
		"no realm":                {challenge(`Bearer service="x"`), "names no token service"},
		"realm that is no URL": {challenge(`Bearer realm="http://[::1/token"`), "names no token " +
			"service"},
		"no challenge":             {challenge(""), "does not say which"},
		"unknown challenge":        {challenge("Negotiate"), "asks for negotiate authentication"},
		"redirect to another host": {redirect(other.URL + "/v2/"), "redirects to " + other.URL},
		"redirect to https": {redirect("https://registry.example/v2/"), "redirects to " +
			"https://registry.example:443"},
		"web page": {status(200, "text/html; charset=utf-8", "<html>Please sign "+
			"in</html>"), "it sends a web page"},
		"no registry": {status(404, "text/plain", "404 page not "+
			"found\n"), "does not answer like a registry: it says 404 page not found"},
		"forbidden to all": {status(403, "text/html", "<html>"), "does not answer like a " +
			"registry: it says 403 Forbidden"},
		"internal error": {status(500, "application/json", `{"errors":[{"code":"UNKNOWN","message":"disk `+
			`on fire"}]}`), "has trouble: disk on fire"},
		"too many requests": {status(429, "application/json", `{"message":"slow `+
			`down"}`), "refuses further requests for now: slow down"},
		"terminal escapes in its words": {
			status(500, "text/plain", "\x1b[2J\x07gone\u202e"),
			`has trouble: \x1b[2J\agone\u202e`,
		},
		"huge error": {
			status(500, "text/plain", strings.Repeat("x", 1<<20)),
			strings.Repeat("x", 197) + "...",
		},
		"hangs up": {func(http.ResponseWriter,
			*http.Request,
		) {
			panic(http.ErrAbortHandler)
		}, "cannot be reached: EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			reg := newFake(t, tt.handler)
			want(t, verify(t, quick(), reg.host(), password), "unreachable", tt.detail)
			want(t, verify(t, quick(), "http://"+reg.host(), password), "unreachable", tt.detail)
			if reg.gotSecret() || other.gotSecret() || len(other.requests()) != 0 {
				t.Errorf("the registry got %q, the other host %q", reg.secrets, other.seen)
			}
		})
	}
}

// These take the password first, and then lie: it must go no further.
func TestCredentialStaysWithTheRegistry(t *testing.T) {
	other := newFake(t, func(w http.ResponseWriter, _ *http.Request) { serveToken(w, token("alice")) })
	basic := `Basic realm="x"`
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		detail  string
	}{
		"redirect after Basic": {func(w http.ResponseWriter, r *http.Request) {
			if !knows(r) {
				unauthorized(w, basic, errorBody)
				return
			}
			http.Redirect(w, r, other.URL+"/v2/", http.StatusTemporaryRedirect)
		}, "redirects to " + other.URL},
		"token service that redirects": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				http.Redirect(w, r, other.URL+"/token", http.StatusTemporaryRedirect)
				return
			}
			bearerRegistry("", nil, everyToken)(w, r)
		}, "127.0.0.1"},
		"token service without a token": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				io.WriteString(w, `{"refresh_token":"do-not-repeat"}`)
				return
			}
			bearerRegistry("", nil, everyToken)(w, r)
		}, "sends no token"},
		"token service that floods": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				io.WriteString(w, `{"token":"`+strings.Repeat("x", 2<<20)+`"}`)
				return
			}
			bearerRegistry("", nil, everyToken)(w, r)
		}, "sends no token"},
		"token service in trouble": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			bearerRegistry("", nil, everyToken)(w, r)
		}, "has trouble: 502 Bad Gateway"},
		"trouble after Basic": {func(w http.ResponseWriter, r *http.Request) {
			if !knows(r) {
				unauthorized(w, basic, errorBody)
				return
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		}, "has trouble: 503 Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			reg := newFake(t, tt.handler)
			got := verify(t, quick(), reg.host(), password)
			want(t, got, "unreachable", tt.detail)
			if strings.Contains(got.Detail, "do-not-repeat") {
				t.Error("a token is repeated")
			}
			if !reg.gotSecret() || len(other.requests()) != 0 {
				t.Errorf("the registry got %q, the other host %q", reg.secrets, other.seen)
			}
		})
	}
}

// A registry that sends back what it was given does not make us print it.
func TestWordsDoNotRepeatTheSecret(t *testing.T) {
	reg := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		_, pass, _ := r.BasicAuth()
		unauthorized(
			w,
			`Basic realm="x"`,
			`{"message":"no: `+pass+` `+r.Header.Get("Authorization")+` `+url.QueryEscape(pass)+`"}`,
		)
	})
	const odd = "pass w/rd&more=1"
	got := verify(t, quick(), reg.host(), odd)
	want(t, got, "rejected", "no: [hidden] Basic [hidden] [hidden]")
}

func TestSlowRegistry(t *testing.T) {
	block := make(chan struct{})
	reg := newFake(t, func(http.ResponseWriter, *http.Request) { <-block })
	defer close(block)
	k := quick()
	k.timeout = 100 * time.Millisecond
	want(t, verify(t, k, reg.host(), password), "unreachable", "does not answer in time")
}

func TestEndlessAnswer(t *testing.T) {
	reg := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	})
	start := time.Now()
	got := verify(t, quick(), reg.host(), password)
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
	want(t, got, "unverified", "")
}

func TestClosedPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := ln.Addr().String()
	ln.Close()
	for _, registry := range []string{host, "http://" + host} {
		want(t, verify(t, quick(), registry, password), "unreachable", host+" cannot be reached: "+
			"connection refused")
	}
}

func TestTLS(t *testing.T) {
	n := newInternet(t)
	reg := newTLSFake(t, func(w http.ResponseWriter, r *http.Request) {
		if !knows(r) {
			unauthorized(w, `Basic realm="x"`, errorBody)
		}
	})
	n.hosts["reg.example.com:443"], n.hosts["other.example:443"] = reg, reg
	t.Run("unknown authority", func(t *testing.T) {
		got := verify(t, n.check, "reg.example.com", password)
		want(t, got, "unreachable", "an authority that this machine does not trust")
		if !strings.Contains(got.Hint, "/etc/docker/certs.d/reg.example.com/ca.crt") {
			t.Errorf("hint is %q", got.Hint)
		}
		want(t, verify(t, quick(), reg.host(), password), "unreachable", "an authority that this machine "+
			"does not trust")
	})
	t.Run("another name", func(t *testing.T) {
		n.trust("other.example", reg)
		want(t, verify(t, n.check, "other.example", password), "unreachable", "a certificate for another "+
			"name")
	})
	t.Run("expired", func(t *testing.T) {
		old := expiredFake(t)
		n.hosts["old.example.com:443"] = old
		n.trust("old.example.com", old)
		want(t, verify(t, n.check, "old.example.com", password), "unreachable", "has expired")
	})
	if reg.gotSecret() {
		t.Error("the password went through TLS that was not trusted")
	}
	t.Run("docker's authority for the registry", func(t *testing.T) {
		n.trust("reg.example.com", reg)
		want(t, verify(t, n.check, "reg.example.com", password), "valid", "")
		want(t, verify(t, n.check, "reg.example.com", "hunter2-not-it"), "rejected", "authentication "+
			"required")
	})
}

func expiredFake(t *testing.T) *fake {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(
			1,
		), DNSNames: []string{"old.example.com"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().
			Add(-48 * time.Hour),
		NotAfter: time.Now().Add(-24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	f.Server = httptest.NewUnstartedServer(f.record(func(http.ResponseWriter, *http.Request) {}))
	f.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	f.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	f.StartTLS()
	t.Cleanup(f.Close)
	return f
}

func TestPlainHTTPOnlyWhereItWasSaid(t *testing.T) {
	n := newInternet(t)
	reg := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if !knows(r) {
			unauthorized(w, `Basic realm="x"`, errorBody)
		}
	})
	for _, addr := range []string{"reg.example.com:5000", "192.168.1.5:5000", "reg.example.com:80"} {
		n.hosts[addr] = reg
	}
	for _, registry := range []string{
		"reg.example.com:5000", "https://reg.example.com:5000",
		"192.168.1.5:5000",
	} {
		got := verify(t, n.check, registry, password)
		want(t, got, "unreachable", "speaks plain http where https was expected")
		if !strings.Contains(got.Hint, "--registry=http://") || !strings.HasSuffix(got.Hint, " --insecure") {
			t.Errorf("hint is %q", got.Hint)
		}
	}
	if len(reg.requests()) != 0 {
		t.Errorf("asked over plain http: %q", reg.requests())
	}
	for _, registry := range []string{
		"http://reg.example.com:5000", "http://192.168.1.5:5000",
		"http://reg.example.com",
	} {
		want(t, verify(t, n.check, registry, password), "valid", "")
	}
}

// Whoever accepts plain http for a registry accepts it for that host alone, on any port.
func TestPlainHTTPIsForTheRegistrysHost(t *testing.T) {
	for realm, verdict := range map[string]string{
		"http://reg.example.com/token":           "valid",
		"http://reg.example.com:5001/token":      "valid",
		"http://auth.example.com/token":          "unreachable",
		"http://x.reg.example.com/token":         "unreachable",
		"http://reg.example.com.evil/token":      "unreachable",
		"http://203.0.113.9/token":               "unreachable",
		"http://evil.example:80/reg.example.com": "unreachable",
	} {
		t.Run(realm, func(t *testing.T) {
			n := newInternet(t)
			auth := newFake(t, func(w http.ResponseWriter, r *http.Request) {
				serveToken(w, token(map[bool]string{true: "alice"}[knows(r)]))
			})
			u, err := url.Parse(realm)
			if err != nil {
				t.Fatal(err)
			}
			addr := u.Host
			if u.Port() == "" {
				addr += ":80"
			}
			n.hosts["reg.example.com:5000"] = newFake(t, bearerRegistry(realm, nil, everyToken))
			n.hosts[addr] = auth
			want(t, verify(t, n.check, "http://reg.example.com:5000", password), verdict, "")
			if auth.gotSecret() != (verdict == "valid") {
				t.Errorf("the token service got %q", auth.secrets)
			}
		})
	}
}

func TestHTTPThatSendsToHTTPS(t *testing.T) {
	n := newInternet(t)
	n.hosts["reg.example.com:80"] = newFake(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://reg.example.com/v2/", http.StatusMovedPermanently)
	})
	got := verify(t, n.check, "http://reg.example.com", password)
	want(t, got, "unreachable", "redirects to https://reg.example.com:443")
	if got.Hint != "it wants https: give its address without http://" {
		t.Errorf("hint is %q", got.Hint)
	}
}

func TestUnknownHost(t *testing.T) {
	want(
		t,
		verify(t, newInternet(t).check, "nowhere.example.com", password),
		"unreachable",
		"nowhere.example.com cannot be found",
	)
}

// A registry on the internet has its token service on the internet, wherever its names
// lead.
func TestTokenServiceOnTheInternet(t *testing.T) {
	private, public := netip.MustParseAddr("10.0.0.7"), netip.MustParseAddr("203.0.113.9")
	for name, tt := range map[string]struct {
		realm        string
		registry, at netip.Addr
		want, detail string
	}{
		"public":                {"https://auth.example.com/token", public, public, "valid", ""},
		"inside, both":          {"https://auth.example.com/token", private, private, "valid", ""},
		"public, for an inside": {"https://auth.example.com/token", private, public, "valid", ""},
		"name of a private host": {
			"https://auth.example.com/token", public, private, "unreachable",
			"leads to a private address",
		},
		"name of this machine": {
			"https://auth.example.com/token", private, netip.MustParseAddr("127.0.0.1"), "unreachable",
			"leads to a private address",
		},
		"name of the metadata service": {
			"https://auth.example.com/token", private, netip.MustParseAddr("169.254.169.254"), "unreachable",
			"leads to a private address",
		},
		"shared address": {
			"https://auth.example.com/token", public, netip.MustParseAddr("100.64.1.1"),
			"unreachable", "leads to a private address",
		},
		"localhost": {"https://localhost/token", public, public, "unreachable", "which is " +
			"this machine"},
		"below localhost": {
			"https://auth.localhost/token", public, public, "unreachable",
			"which is this machine",
		},
		"plain http": {
			"http://auth.example.com/token", public, public, "unreachable",
			"over plain http",
		},
		"plain http, same host": {
			"http://reg.example.com/token", public, public, "unreachable",
			"over plain http",
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newInternet(t)
			auth := newTLSFake(t, func(w http.ResponseWriter, r *http.Request) {
				serveToken(w, token(map[bool]string{true: "alice"}[knows(r)]))
			})
			reg := newTLSFake(t, bearerRegistry(tt.realm, nil, everyToken))
			n.hosts["reg.example.com:443"], n.hosts["auth.example.com:443"] = reg, auth
			n.at["reg.example.com:443"], n.at["auth.example.com:443"] = tt.registry, tt.at
			n.trust("reg.example.com", reg)
			want(t, verify(t, n.check, "reg.example.com", password), tt.want, tt.detail)
			if reg.gotSecret() || auth.gotSecret() != (tt.want == "valid") {
				t.Errorf("the registry got %q, the token service %q", reg.secrets, auth.secrets)
			}
		})
	}
}

func TestNoProxyForThisMachine(t *testing.T) {
	for _, host := range []string{
		"localhost:5000", "LOCALHOST", "127.0.0.1:5000", "127.8.8.8", "[::1]:5000",
		"[::ffff:127.0.0.1]:5000",
	} {
		u, err := fromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: host}})
		if u != nil || err != nil {
			t.Errorf("%s: proxy %v, %v", host, u, err)
		}
	}
	for _, host := range []string{"localhost.example", "127.0.0.1.example", "10.0.0.1", "docker.io"} {
		if isLoopback(host) {
			t.Errorf("%s is taken for this machine", host)
		}
	}
}

func TestMessageOf(t *testing.T) {
	for body, want := range map[string]string{
		errorBody: "authentication required",
		`{"errors":[{"code":"DENIED"},{"code":"X","message":"two"}]}`: "DENIED; two",
		`{"details":"incorrect username or password"}`:                "incorrect username or password",
		`{"message":"gone"}`: "gone",
		`{"error":"invalid_grant","error_description":"too old"}`: "too old",
		`{"error":"invalid_grant"}`:                               "invalid_grant",
		`{"details":{"a":1},"error":{"b":2}}`:                     "",
		`[]`:                                                      "",
		`plain`:                                                   "",
		``:                                                        "",
	} {
		if got := messageOf(answer{contentType: "application/json", body: []byte(body)}); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
	if got := messageOf(answer{
		contentType: "text/plain; charset=utf-8",
		body:        []byte("plain words"),
	}); got != "plain words" {
		t.Errorf("got %q", got)
	}
}

// Whatever a registry says comes out as one short line for a terminal, without the
// secret.
func FuzzWords(f *testing.F) {
	for _, body := range []string{
		errorBody, `{"message":"\u001b[2Jcorrect-horse"}`, "plain correct-horse",
		"<html>", "\xff\u202e",
	} {
		f.Add(401, "text/plain", body)
		f.Add(403, "application/json", body)
	}
	h := &handshake{host: "reg.example"}
	h.login.Username, h.login.Password = user, password
	f.Fuzz(func(t *testing.T, status int, contentType, body string) {
		got := h.words(answer{status: status, contentType: contentType, body: []byte(body)})
		if strings.Contains(got, password) || len([]rune(got)) > maxWords+3 || got == "" || line(got) != got {
			t.Errorf("got %q", got)
		}
	})
}

// A token proves nothing when everybody gets it.
func FuzzGrantsMore(f *testing.F) {
	f.Add(token("alice", "repository:a:pull"), token(""))
	f.Add("opaque", "a.b.c")
	f.Fuzz(func(t *testing.T, mine, anonymous string) {
		if grantsMore(mine, mine) || grantsMore("", mine) {
			t.Errorf("%q proves something against itself", mine)
		}
		if grantsMore(mine, anonymous) && mine == anonymous {
			t.Errorf("%q and %q are the same", mine, anonymous)
		}
	})
}
