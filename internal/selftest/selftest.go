package selftest

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/selftest/leak"
)

// cleanupTimeout bounds what is done after a failure or an interrupt, when ctx has ended
// already.
const cleanupTimeout = 10 * time.Second

// Zen is what the self-test asks of zend.
type Zen interface {
	// Register makes a docker service connector and lets zend verify it with the
	// registry.
	Register(ctx context.Context, c Connector) error
	Login(ctx context.Context, name string) error
	Logout(ctx context.Context, name string) error
	// Delete removes the connector and ends its logins. It is called once for every
	// Register, also for a failed one.
	Delete(ctx context.Context, name string) error
}

// Connector is the throw-away service connector of one run.
type Connector struct {
	Name     string
	Username string
	Password credential.Secret
	Registry string // "127.0.0.1:port"
}

// Options are what the command line knows and the self-test does not.
type Options struct {
	Zen      Zen
	Helper   string     // absolute path of docker-credential-zen
	Child    []string   // command that calls ChildMain with the arguments appended to it
	Roots    []string   // directories that zen writes to; those that do not exist are passed over
	Progress func(Step) // called after every step; may be nil
}

// Step is one thing that was proved, or that failed.
type Step struct {
	Name    string        `json:"name"`
	OK      bool          `json:"ok"`
	Detail  string        `json:"detail,omitempty"`
	Elapsed time.Duration `json:"elapsed"` // nanoseconds
}

// Report is the result of a run.
type Report struct {
	Registry string `json:"registry"`
	Steps    []Step `json:"steps"`
	// What was searched for the password, over the whole run. Processes are looked at
	// again and again; each counts once.
	Files     int   `json:"searched_files"`
	Bytes     int64 `json:"searched_bytes"`
	Processes int   `json:"searched_processes"`
}

// run is one self-test under way.
type run struct {
	opt     Options
	report  Report
	conn    Connector
	reg     *registry
	dir     string // temporary DOCKER_CONFIG
	watch   *leak.Watcher
	needles leak.Needles
	digest  string // of the pushed image
	made    bool   // the connector may exist
}

// Run proves each step in turn and stops at the first that fails, with an error that says
// which. Whatever happens, also when ctx ends, the connector, its login, the registry and
// the temporary directory are gone afterwards.
func Run(ctx context.Context, opt Options) (report Report, err error) {
	r := &run{opt: opt}
	defer func() {
		err = errors.Join(err, r.cleanup(ctx))
		report = r.report
	}()
	if err := r.prepare(ctx); err != nil {
		return r.report, err
	}
	for _, s := range r.steps() {
		if err := r.step(ctx, s); err != nil {
			return r.report, err
		}
	}
	return r.report, nil
}

func (r *run) prepare(ctx context.Context) (err error) {
	id := randomWord()
	r.conn = Connector{
		Name: "zen-selftest-" + id[:8], Username: "selftest-" + id[8:16],
		Password: credential.SecretString(randomWord()),
	}
	r.needles = leak.NeedlesOf(r.conn.Password)
	if r.dir, err = dockerConfig(); err != nil {
		return err
	}
	if r.reg, err = startRegistry(ctx, r.conn); err != nil {
		return err
	}
	r.conn.Registry = r.reg.host
	r.report.Registry = r.reg.host
	r.watch = leak.Watch(r.needles)
	return nil
}

// randomWord has 160 random bits in 32 characters that need no escaping anywhere.
func randomWord() string {
	b := make([]byte, 20)
	rand.Read(b)
	return strings.ToLower(base32.StdEncoding.EncodeToString(b))
}

// dockerConfig makes a client configuration that knows nothing but the credential helper.
func dockerConfig() (string, error) {
	dir, err := os.MkdirTemp("", "zen-selftest-")
	if err != nil {
		return "", fmt.Errorf("making a temporary directory: %w", err)
	}
	if err := os.WriteFile(dir+"/config.json", []byte(`{"credsStore":"zen"}`), 0o600); err != nil {
		return "", errors.Join(fmt.Errorf("writing the temporary client configuration: "+
			"%w", err), os.RemoveAll(dir))
	}
	return dir, nil
}

type step struct {
	name string
	do   func(ctx context.Context) (detail string, err error)
}

func (r *run) steps() []step {
	return []step{
		{"A push without a login is refused", r.pushRefused},
		{"A service connector is registered and verified", r.register},
		{"The connector alone opens nothing", r.pushRefused},
		{"Log in", r.login},
		{"A push through docker-credential-zen works", r.push},
		{"A pull through docker-credential-zen works", r.pull},
		{"The password is in no file, command line or environment", r.search},
		{"Log out", r.logout},
		{"A pull after the logout is refused", r.pullRefused},
		{"The service connector is deleted", r.delete},
		{"Nothing of the password stayed behind", r.search},
	}
}

// step runs one step and notes what came of it. Errors keep their reason and hint.
func (r *run) step(ctx context.Context, s step) error {
	start := time.Now()
	detail, err := s.do(ctx)
	done := Step{Name: s.name, OK: err == nil, Detail: detail, Elapsed: time.Since(start)}
	if err != nil {
		done.Detail = err.Error()
	}
	r.report.Steps = append(r.report.Steps, done)
	if r.opt.Progress != nil {
		r.opt.Progress(done)
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("self-test interrupted: %w", context.Cause(ctx))
	}
	failed := &credential.Error{Reason: credential.ReasonOf(err), Message: "self-test " +
		"failed: " + s.name + ": " + err.Error(), Cause: err}
	if e, ok := errors.AsType[*credential.Error](err); ok {
		failed.Hint = e.HintText()
	}
	return failed
}

func (r *run) register(ctx context.Context) (string, error) {
	r.made = true
	return r.conn.Name + " for " + r.conn.Registry, r.opt.Zen.Register(ctx, r.conn)
}

func (r *run) login(ctx context.Context) (string, error) {
	return "", r.opt.Zen.Login(ctx, r.conn.Name)
}

func (r *run) logout(ctx context.Context) (string, error) {
	return "", r.opt.Zen.Logout(ctx, r.conn.Name)
}

func (r *run) delete(ctx context.Context) (string, error) {
	err := r.opt.Zen.Delete(ctx, r.conn.Name)
	r.made = err != nil
	return "", err
}

// search looks through the files, and at what the watcher saw of the processes so far.
func (r *run) search(ctx context.Context) (string, error) {
	found, err := leak.Files(ctx, append(slices.Clone(r.opt.Roots), r.dir), r.needles)
	if err != nil {
		return "", err
	}
	r.report.Files += found.Files
	r.report.Bytes += found.Bytes
	seen := r.watch.Look()
	r.report.Processes = seen.Processes
	if leaks := append(found.Leaks, seen.Leaks...); len(leaks) > 0 {
		return "", credential.NewError(credential.Internal, "the password is readable "+
			"in "+strings.Join(leaks, ", "),
			"this is a fault of zen: please report it, see SECURITY.md")
	}
	return fmt.Sprintf("%d files, %d processes", found.Files, seen.Processes), nil
}

// cleanup takes everything away again.
func (r *run) cleanup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	var err error
	if r.made {
		if e := r.opt.Zen.Delete(ctx, r.conn.Name); e != nil && !credential.NoSuchEntity.Is(e) {
			err = credential.NewError(credential.ReasonOf(e), "the connector of the self-test is still "+
				"there: "+e.Error(),
				"zen service-connector delete "+r.conn.Name)
		}
	}
	if r.watch != nil {
		r.watch.Stop()
	}
	if r.reg != nil {
		r.reg.close()
	}
	if r.dir != "" {
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	r.conn.Password.Wipe()
	return err
}
