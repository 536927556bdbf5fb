//go:build e2e && linux

package e2e

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	tokenService = "e2e-registry"
	tokenIssuer  = "e2e-issuer"
)

// tokenServer issues the JSON Web Tokens of distribution's token specification
// (docs/spec/auth/{token,jwt,oauth}.md): RS256, with the certificate in the x5c header.
// With identity it also grants and takes refresh tokens.
type tokenServer struct {
	realm       string
	certificate string // PEM file that the registry trusts

	username, password string
	identity           bool
	key                *rsa.PrivateKey
	chain              string // DER in base64

	mu      sync.Mutex
	refresh map[string]bool
}

func startTokenServer(t *testing.T, dir, username, password string, identity bool) *tokenServer {
	t.Helper()
	s := &tokenServer{username: username, password: password, identity: identity, refresh: map[string]bool{}}
	s.makeKey(t, dir)
	srv := httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(srv.Close)
	s.realm = strings.Replace(srv.URL, "127.0.0.1", "localhost", 1) + "/token"
	return s
}

func (s *tokenServer) makeKey(t *testing.T, dir string) {
	t.Helper()
	var err error
	if s.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(
			1,
		), Subject: pkix.Name{CommonName: tokenIssuer}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.key.Public(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	s.chain = base64.StdEncoding.EncodeToString(der)
	s.certificate = filepath.Join(dir, "tokens.pem")
	if err := os.WriteFile(s.certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *tokenServer) serve(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodPost {
		s.grant(w, req)
		return
	}
	user, pass, given := req.BasicAuth()
	if given && (user != s.username || pass != s.password) {
		refuse(w)
		return
	}
	answer := map[string]any{"token": s.token(user, req.URL.Query()["scope"], given), "expires_in": 300}
	if given && s.identity && req.URL.Query().Get("offline_token") == "true" {
		answer["refresh_token"] = s.newRefresh()
	}
	reply(w, answer)
}

// grant is the OAuth2 side of the specification, which docker uses for identity tokens.
func (s *tokenServer) grant(w http.ResponseWriter, req *http.Request) {
	if !s.identity {
		w.WriteHeader(http.StatusNotFound) // the client goes on with GET
		return
	}
	answer := map[string]any{"expires_in": 300}
	switch req.PostFormValue("grant_type") {
	case "password":
		if req.PostFormValue("username") != s.username || req.PostFormValue("password") != s.password {
			refuse(w)
			return
		}
		if req.PostFormValue("access_type") == "offline" {
			answer["refresh_token"] = s.newRefresh()
		}
	case "refresh_token":
		if !s.knows(req.PostFormValue("refresh_token")) {
			refuse(w)
			return
		}
	default:
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	answer["access_token"] = s.token(s.username, strings.Fields(req.PostFormValue("scope")), true)
	reply(w, answer)
}

func (s *tokenServer) newRefresh() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := randomPassword()
	s.refresh[token] = true
	return token
}

func (s *tokenServer) knows(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh[token]
}

func refuse(w http.ResponseWriter) {
	w.WriteHeader(http.StatusUnauthorized)
	w.Write([]byte(`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`))
}

func reply(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// token grants what the scopes ask for to those who are known, and nothing to others.
func (s *tokenServer) token(subject string, scopes []string, known bool) string {
	access := []map[string]any{}
	for _, scope := range scopes {
		kind, rest, _ := strings.Cut(scope, ":")
		i := strings.LastIndexByte(rest, ':')
		if known && i > 0 {
			access = append(
				access,
				map[string]any{"type": kind, "name": rest[:i], "actions": strings.Split(rest[i+1:], ",")},
			)
		}
	}
	now := time.Now()
	return s.sign(map[string]any{"alg": "RS256", "typ": "JWT", "x5c": []string{s.chain}}, map[string]any{
		"iss": tokenIssuer, "sub": subject, "aud": tokenService, "jti": randomPassword(), "access": access,
		"iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	})
}

func (s *tokenServer) sign(header, claims map[string]any) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	unsigned := part(header) + "." + part(claims)
	sum := sha256.Sum256([]byte(unsigned))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return unsigned + "." + base64.RawURLEncoding.EncodeToString(signature)
}
