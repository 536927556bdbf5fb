package selftest

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	ggcr "github.com/google/go-containerregistry/pkg/registry"

	"github.com/zen-agent/zen/internal/credential"
)

// registry is an in-process registry on a loopback port that demands a password for
// everything.
type registry struct {
	host string
	srv  *http.Server
}

// startRegistry serves until close. It listens on 127.0.0.1 only, and forgets all images
// with the process.
func startRegistry(ctx context.Context, c Connector) (*registry, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the self-test's registry: %w", err)
	}
	quiet := slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv := &http.Server{
		Handler:           demand(c.Username, c.Password, ggcr.New(ggcr.Logger(quiet))),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          quiet,
	}
	go srv.Serve(ln)
	return &registry{host: ln.Addr().String(), srv: srv}, nil
}

func (r *registry) close() { r.srv.Close() }

// demand lets only requests with the user name and password through (RFC 7617); others
// get the distribution specification's error body.
func demand(username string, password credential.Secret, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		user, pass, ok := req.BasicAuth()
		if ok && user == username && subtle.ConstantTimeCompare([]byte(pass), password.Reveal()) == 1 {
			next.ServeHTTP(w, req)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="zen selftest"`)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
	})
}
