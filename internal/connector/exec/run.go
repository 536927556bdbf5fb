package exec

import (
	"bytes"
	"context"
	"errors"
	"io"
	osexec "os/exec"
	"slices"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/safetext"
)

const (
	maxStdout = 1 << 20
	maxStderr = 16 << 10 // of which a cause is guessed; the rest is read and forgotten
	// from the end of the program to that of what it left behind at its pipes
	grace = 250 * time.Millisecond
)

var (
	errFlood = errors.New("it prints too much")
	errSlow  = errors.New("it takes too long")
)

// program is one run of a program.
type program struct {
	path  string   // to execute
	args  []string // args[0] is the command as it was configured
	env   []string
	stdin []byte
	limit time.Duration
}

// output is what a program printed; the caller wipes it.
type output struct {
	stdout, stderr *capture
}

func (o output) wipe() {
	for _, c := range []*capture{o.stdout, o.stderr} {
		if c != nil {
			c.wipe()
		}
	}
}

// run executes the program and returns what it printed. Whatever happens, nothing of its
// process group is left.
func (p program) run(ctx context.Context) (output, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ctx, done := context.WithTimeoutCause(ctx, p.limit, errSlow)
	defer done()
	out := output{
		stdout: &capture{limit: maxStdout, full: func() { cancel(errFlood) }},
		stderr: &capture{limit: maxStderr},
	}
	cmd := osexec.CommandContext(ctx, p.path)
	cmd.Args, cmd.Env, cmd.Dir = p.args, p.env, "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(p.stdin), out.stdout, out.stderr
	cmd.WaitDelay = grace
	ownGroup(cmd)
	if err := ctx.Err(); err != nil {
		return out, context.Cause(ctx)
	}
	if err := cmd.Start(); err != nil {
		return out, err
	}
	err := cmd.Wait()
	killGroup(cmd)
	cause := context.Cause(ctx)
	if cmd.ProcessState.Success() && (cause == nil || errors.Is(cause, errSlow)) {
		return out, nil // it ended well, even if it left something behind that held its pipes for longer
	}
	if cause != nil {
		return out, cause
	}
	return out, err
}

// name is how a person knows the program.
func (p program) name() string { return p.args[0] }

// tryIt is the hint to see for oneself what the program says.
func (p program) tryIt() string {
	words := make([]string, len(p.args))
	for i, arg := range p.args {
		words[i] = safetext.ShellWord(arg)
	}
	command := strings.Join(words, " ")
	if len(p.stdin) > 0 {
		command = "echo " + safetext.ShellWord(string(p.stdin)) + " | " + command
	}
	return "see what it says: " + command
}

// environment is what a program gets to see: what programs need to find their way, what
// the connector names, and the marker.
func environment(own, wanted []string, registry address.Address) []string {
	var env []string
	passed := append([]string{
		"HOME", "USER", "LOGNAME", "SHELL", "PATH", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "TZ",
		"XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME",
		"DBUS_SESSION_BUS_ADDRESS",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE",
		"SSL_CERT_DIR",
	}, wanted...)
	for _, v := range own {
		if name, _, _ := strings.Cut(v, "="); slices.Contains(passed, name) {
			env = append(env, v)
		}
	}
	for _, v := range wanted {
		if strings.Contains(v, "=") {
			env = append(env, v)
		}
	}
	return append(env, "ZEN_REGISTRY="+registry.Host(), Marker+"=1")
}

// capture keeps what is written up to a limit, in memory that it can wipe. Beyond the
// limit it calls full, or forgets the rest.
type capture struct {
	limit int
	full  func()
	b     []byte
}

// ReadFrom reads straight into the memory that is wiped: io.Copy prefers it to a buffer
// of its own.
func (c *capture) ReadFrom(r io.Reader) (n int64, err error) {
	var rest [4 << 10]byte
	defer clear(rest[:])
	for {
		dst := rest[:]
		if len(c.b) < c.limit {
			c.grow()
			dst = c.b[len(c.b):min(cap(c.b), c.limit)]
		}
		got, err := r.Read(dst)
		n += int64(got)
		switch {
		case len(c.b) < c.limit:
			c.b = c.b[:len(c.b)+got]
		case got > 0 && c.full != nil:
			c.full()
			return n, errFlood
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// Write implements io.Writer for callers that do not know ReadFrom.
func (c *capture) Write(p []byte) (int, error) {
	n, err := c.ReadFrom(bytes.NewReader(p))
	return int(n), err
}

// grow makes room for at least one more byte, and leaves no copy behind.
func (c *capture) grow() {
	if len(c.b) < cap(c.b) {
		return
	}
	bigger := make([]byte, len(c.b), max(4<<10, 2*cap(c.b)))
	copy(bigger, c.b)
	clear(c.b)
	c.b = bigger
}

func (c *capture) bytes() []byte { return c.b }

func (c *capture) wipe() {
	clear(c.b[:cap(c.b)])
	c.b = nil
}
