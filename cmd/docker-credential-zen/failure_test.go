package main

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/ipc"
)

// Whatever reason zend gives, a person sees what is wrong on standard output, where
// clients look, and what to type on standard error; a host that nobody is logged in to
// stays not found.
func TestEveryReason(t *testing.T) {
	w := newWorld(t)
	w.index(indexHeader, "known.example", "ghcr.io/team")
	z := w.startZend()
	stored := `{"ServerURL":"known.example","Username":"a","Secret":"canary"}`
	for i, row := range credential.Reasons() {
		for _, hint := range []string{"", "type this"}[:1+i%2] {
			z.failWith(credential.NewError(row.Reason, "this is wrong", hint))
			said, hinted := "zen: this is wrong\n", ""
			if shown := cmp.Or(hint, row.Hint); shown != "" {
				hinted = "Hint: " + shown + "\n"
			}
			name := string(row.Reason)
			if row.Reason == credential.NotLoggedIn {
				w.run("known.example", "get").check(t, name, notFound, "", 1)
				w.run("known.example", "erase").check(t, name, "", "", 0)
				w.run("unknown.example", "get").check(t, name, notFound, "", 1)
				continue
			}
			w.run("known.example", "get").check(t, name, said, hinted, 1)
			w.run("https://known.example/v2/", "get").check(t, name, said, hinted, 1)
			w.run("known.example/any/path", "get").check(t, name, said, hinted, 1)
			w.run("ghcr.io/team/app", "get").check(t, name, said, hinted, 1)
			w.run("known.example", "erase").check(t, name, said, hinted, 1)
			w.run(stored, "store").check(t, name, said, hinted, 1)
			w.run("", "list").check(t, name, said, hinted, 1)
			w.run("unknown.example", "get").check(t, name, notFound, said+hinted, 1)
			w.run("ghcr.io/teams", "get").check(t, name, notFound, said+hinted, 1)
			w.run("known.example:5000", "get").check(t, name, notFound, said+hinted, 1)
			w.run("unknown.example", "erase").check(t, name, "", "", 0)
		}
	}
	z.failWith(errors.New("an inner text"))
	w.run("known.example", "get").check(t, "inner", "zen: zend failed; its log says "+
		"why\n", "Hint: look into the log: zen daemon logs\n", 1)
	z.failWith(credential.NewError(credential.Rejected, "the registry "+
		"said:\r\n\x1b[2Jno\u0085\u2028\u202e", "a\nb\u200b"))
	w.run("known.example", "get").check(t, "control characters", "zen: the registry said: \\x1b[2Jno  "+
		"\\u202e\n", "Hint: a b\\u200b\n", 1)
}

// What is wrong with zend or its socket, with what a person is told.
func troubles() []trouble {
	root := os.Geteuid() == 0
	list := []trouble{
		{name: "zend is missing", says: "zend cannot be started: there is no program /nonexistent/zend: " +
			"/nonexistent does not exist"},
		{
			name:  "zend is not found",
			spoil: func(w *world) error { delete(w.env, "ZEN_DAEMON"); return nil },
			says:  "zend is not installed beside " + filepath.Join(built(), programName),
		},
		{
			name:  "zend dies",
			spoil: func(w *world) error { w.env["ZEN_DAEMON"] = "/bin/false"; return nil },
			says:  "zend ended before it was ready",
		},
		{name: "no directory", spoil: func(w *world) error {
			return errors.Join(os.RemoveAll(w.home+"/run"), os.WriteFile(w.home+"/run", nil, 0o600))
		}, says: "*"},
		{
			name:  "FIFO",
			spoil: func(w *world) error { return unix.Mkfifo(w.socket(), 0o600) },
			says:  "%/run/zen/zend.sock is not a socket",
		},
		{
			name:  "file",
			spoil: func(w *world) error { return os.WriteFile(w.socket(), nil, 0o600) },
			says:  "%/run/zen/zend.sock is not a socket",
		},
		{
			name:  "link",
			spoil: func(w *world) error { return os.Symlink("/nonexistent", w.socket()) },
			says:  "%/run/zen/zend.sock is not a socket",
		},
		{name: "left behind", spoil: func(w *world) error {
			ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: w.socket(), Net: "unix"})
			if err == nil {
				ln.SetUnlinkOnClose(false)
				err = ln.Close()
			}
			return err
		}, says: "zend cannot be started: there is no program /nonexistent/zend: /nonexistent does not " +
			"exist"},
		{
			name:  "open directory",
			spoil: func(w *world) error { return os.Chmod(w.home+"/run/zen", 0o755) },
			says:  "zend cannot be started: %/run/zen can be read by other users",
		},
		{name: "linked directory", spoil: func(w *world) error {
			return errors.Join(
				os.Rename(w.home+"/run/zen", w.home+"/zen"),
				os.Symlink(w.home+"/zen", w.home+"/run/zen"),
			)
		}, says: "zend cannot be started: %/run/zen is a symbolic link"},
		{
			name:  "long path",
			spoil: func(w *world) error { w.env["ZEN_SOCKET"] = "/" + strings.Repeat("x", 120); return nil },
			says:  "the socket's path is too long",
		},
		{name: "zend hangs", spoil: func(w *world) error {
			w.env["ZEN_TIMEOUT"] = "200ms"
			return w.listen()
		}, says: "zend did not answer in time"},
		{name: "zend talks nonsense", spoil: func(w *world) error {
			ln, err := net.Listen("unix", w.socket())
			go func() {
				for {
					c, err := ln.Accept()
					if err != nil {
						return
					}
					io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
				}
			}()
			return err
		}, says: "zend's answer makes no sense"},
	}
	if root {
		list = append(
			list,
			trouble{name: "foreign socket", spoil: func(w *world) error {
				return errors.Join(w.listen(), os.Chown(w.socket(), 65534, 65534))
			}, says: "the socket %/run/zen/zend.sock belongs to another user; nothing was sent"},
			trouble{
				name:  "foreign directory",
				spoil: func(w *world) error { return os.Chown(w.home+"/run/zen", 65534, 65534) },
				says:  "zend cannot be started: %/run/zen belongs to user 65534",
			},
		)
	}
	return list
}

// listen has somebody at the socket who never answers.
func (w *world) listen() error {
	ln, err := net.Listen("unix", w.socket())
	if err == nil {
		w.t.Cleanup(func() { ln.Close() }) // what nobody knows any more is closed as garbage
	}
	return err
}

type trouble struct {
	name  string
	spoil func(w *world) error
	says  string // with % for the home; "*": whatever
}

// When zend cannot be asked, the host index decides: a host that nobody is logged in to
// is not found, within a second; for the others there is an error.
func TestZendCannotBeAsked(t *testing.T) {
	for _, tt := range troubles() {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.spoil != nil {
				if err := tt.spoil(w); err != nil {
					t.Fatal(err)
				}
			}
			said := "zen: " + strings.ReplaceAll(tt.says, "%", w.home)
			isSaid := func(name, text string) {
				t.Helper()
				if !strings.HasPrefix(text, said) && tt.says != "*" || !strings.HasPrefix(text, "zen: ") {
					t.Errorf("%s says %q, not %q", name, text, said)
				}
			}
			notFoundNow := func(name, address string) {
				t.Helper()
				r := w.run(address, "get")
				if r.stdout != notFound || r.code != 1 || r.took > time.Second {
					t.Errorf("%s: %s: %+v", name, address, r)
				}
				isSaid(name, r.stderr)
			}
			isError := func(name, stdin, action string) {
				t.Helper()
				r := w.run(stdin, action)
				if r.code != 1 || strings.Count(r.stdout, "\n") != 1 ||
					strings.Contains(r.stdout+r.stderr, "canary") {
					t.Errorf("%s: %+v", name, r)
				}
				isSaid(name, r.stdout)
			}
			stored := `{"ServerURL":"known.example","Username":"a","Secret":"canary"}`

			notFoundNow("no index", "known.example")
			isError("no index", "known.example", "erase")
			isError("no index", "", "list")
			isError("no index", stored, "store")

			w.index(indexHeader)
			notFoundNow("empty index", "known.example")
			w.run("known.example", "erase").check(t, "empty index", "", "", 0)
			w.run("", "list").check(t, "empty index", "{}\n", "", 0)

			w.index(indexHeader, "docker.io", "ghcr.io/team", "known.example")
			notFoundNow("index", "unknown.example")
			notFoundNow("index", "ghcr.io/other")
			isError("index", "known.example", "get")
			isError("index", "https://index.docker.io/v1/", "get")
			isError("index", "ghcr.io/team/app", "get")
			isError("index", "known.example", "erase")
			isError("index", "", "list")
			isError("index", stored, "store")
			w.run("unknown.example", "erase").check(t, "index", "", "", 0)

			w.index("zen-hosts 2", "known.example") // of a zen to come
			notFoundNow("newer index", "known.example")
			isError("newer index", "known.example", "erase")
		})
	}
}

// Nothing at the host index's place can stop or crash the program.
func TestOddIndex(t *testing.T) {
	const fails = "zen: zend cannot be started: there is no program /nonexistent/zend: /nonexistent does " +
		"not exist\n"
	const hint = "Hint: see why it does not start: zen daemon status\n"
	tests := []struct {
		name  string
		make  func(path string) error
		known bool
	}{
		{"FIFO", func(path string) error { return unix.Mkfifo(path, 0o600) }, false},
		{"directory", func(path string) error { return os.Mkdir(path, 0o700) }, false},
		{"empty", func(path string) error { return os.WriteFile(path, nil, 0o600) }, false},
		{"link to nothing", func(path string) error { return os.Symlink("nothing", path) }, false},
		{"loop", func(path string) error { return os.Symlink(path, path) }, false},
		{
			"garbage",
			func(path string) error {
				return os.WriteFile(path, bytes.Repeat([]byte{0xff, '\n'}, 1<<20),
					0o600)
			},
			false,
		},
		{"garbage below the header", func(path string) error {
			return os.WriteFile(path, []byte(indexHeader+"\n\x00\n\n \n@@\nknown.example \n"), 0o600)
		}, false},
		{
			"known without an end",
			func(path string) error {
				return os.WriteFile(path, []byte(indexHeader+"\nknown.example"),
					0o600)
			},
			true,
		},
		{"many", func(path string) error {
			return os.WriteFile(
				path,
				[]byte(
					indexHeader+"\n"+strings.Repeat("some-host-name.example\n", 100_000)+"known.example\n",
				),
				0o600,
			)
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if err := tt.make(w.hosts()); err != nil {
				t.Fatal(err)
			}
			r := w.run("known.example", "get")
			if tt.known {
				r.check(t, tt.name, fails, hint, 1)
			} else {
				r.check(t, tt.name, notFound, fails+hint, 1)
			}
			if r.took > time.Second {
				t.Errorf("took %v", r.took)
			}
		})
	}
}

// Without HOME and a home directory in the system's list nothing is known, and pulling
// public images still works.
func TestOddEnvironment(t *testing.T) {
	w := newWorld(t)
	z := w.startZend()
	z.put("ghcr.io", "alice", "secret")
	answer := `{"ServerURL":"ghcr.io","Username":"alice","Secret":"secret"}` + "\n"
	w.run("ghcr.io", "get").check(t, "as it is", answer, "", 0)

	w.env["XDG_DATA_HOME"] = "relative"
	w.run("ghcr.io", "get").check(t, "relative directory", answer, "", 0)
	delete(w.env, "XDG_DATA_HOME")

	w.env["ZEN_SOCKET"] = w.socket()
	w.env["XDG_RUNTIME_DIR"] = "/nonexistent"
	w.run("ghcr.io", "get").check(t, "socket by its path", answer, "", 0)
	w.env["ZEN_SOCKET"] = "zend.sock"
	w.run("ghcr.io", "get").check(t, "relative socket", notFound, "zen: ZEN_SOCKET is not an absolute "+
		"path: \"zend.sock\"\n", 1)
	delete(w.env, "ZEN_SOCKET")

	if os.Geteuid() == 0 {
		if err := os.Chown(filepath.Join(w.home, "run"), 65534, 65534); err != nil {
			t.Fatal(err)
		}
		w.env["XDG_RUNTIME_DIR"] = filepath.Join(w.home, "run")
		if r := w.run("ghcr.io", "get"); r.stdout != notFound || r.code != 1 {
			t.Errorf("another user's runtime directory: %+v", r)
		}
		// A user that the system does not list has no home directory.
		cmd := w.command("get")
		cmd.Env = []string{"PATH=" + built()}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 54321, Gid: 54321}}
		if err := os.Chmod(built(), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = strings.NewReader("ghcr.io")
		w.finish(cmd).check(t, "no home", notFound, "zen: HOME is not set to an absolute path\nHint: set "+
			"HOME to your home directory\n", 1)
	}
}

// A zend that hangs keeps nobody from a public image: only who is logged in waits for it.
func TestZendHangs(t *testing.T) {
	w := newWorld(t)
	if err := os.MkdirAll(filepath.Join(w.home, "run", "zen"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.env["XDG_RUNTIME_DIR"] = filepath.Join(w.home, "run")
	ln, err := net.Listen("unix", filepath.Join(w.home, "run", "zen", "zend.sock")) // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := os.Chmod(filepath.Join(w.home, "run", "zen", "zend.sock"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.index(indexHeader, "ghcr.io")
	w.env["ZEN_TIMEOUT"] = "2s"
	begin := time.Now()
	if r := w.run("quay.io", "get"); r.stdout != notFound || r.code != 1 ||
		time.Since(begin) > 1500*time.Millisecond {
		t.Errorf("unknown host: %+v after %v", r, time.Since(begin))
	}
	begin = time.Now()
	if r := w.run("ghcr.io", "get"); !strings.Contains(r.stdout, "did not answer in time") || r.code != 1 ||
		time.Since(begin) < 2*time.Second {
		t.Errorf("known host: %+v after %v", r, time.Since(begin))
	}
}

// Nor does one that hangs while it starts, whoever of several clients starts it, and on a
// machine where zen was never used.
func TestZendHangsWhileItStarts(t *testing.T) {
	w := newWorld(t)
	w.env["ZEN_DAEMON"] = filepath.Join(w.home, "zend")
	script := "#!/bin/sh\necho $$ >> " + w.home + "/pids\nexec /bin/sleep 60\n"
	if err := os.WriteFile(w.env["ZEN_DAEMON"], []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pids, _ := os.ReadFile(w.home + "/pids")
		for line := range strings.Lines(string(pids)) {
			if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	notFoundSoon := func(name, host string) {
		t.Helper()
		results := make([]result, 3)
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() { results[i] = w.run(host, "get") })
		}
		wg.Wait()
		for _, r := range results {
			if r.stdout != notFound || r.code != 1 || !strings.HasPrefix(r.stderr, "zen: zend "+
				"is ") || r.took > 1500*time.Millisecond {
				t.Errorf("%s: %+v", name, r)
			}
		}
	}
	notFoundSoon("never used", "ghcr.io")
	w.index(indexHeader, "ghcr.io")
	notFoundSoon("not logged in", "quay.io")
	w.env["ZEN_TIMEOUT"] = "1s"
	if r := w.run("ghcr.io", "get"); r.stdout != "zen: zend is not ready in time\n" || r.code != 1 ||
		r.took < time.Second {
		t.Errorf("logged in: %+v", r)
	}
	if err := errors.Join(os.Remove(w.hosts()),
		os.WriteFile(w.home+"/.local/share/zen/vault.json", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if r := w.run("ghcr.io", "get"); r.stdout != notFound || r.took < time.Second {
		t.Errorf("perhaps logged in: %+v", r)
	}
}

func TestTimeouts(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 10 * time.Second, "30s": 30 * time.Second,
		"1m30s": 90 * time.Second, "5": 5 * time.Second, "200ms": 200 * time.Millisecond,
	} {
		if got, err := timeout(value); err != nil || got != want {
			t.Errorf("%q: %v, %v", value, got, err)
		}
	}
	w := newWorld(t)
	for _, value := range []string{
		"0", "-1s", "soon", "10 s", "1e9", "99999999999", "9999999h",
		"10s\x1b[31m",
	} {
		if _, err := timeout(value); !credential.InvalidInput.Is(err) {
			t.Errorf("%q: %v", value, err)
		}
		w.env["ZEN_TIMEOUT"] = value
		if r := w.run("ghcr.io", "get"); r.code != 1 || !strings.HasPrefix(r.stdout, "zen: ZEN_TIMEOUT "+
			"is not a valid duration: ") || strings.Contains(r.stdout, "\x1b") {
			t.Errorf("%q: %+v", value, r)
		}
	}
}

// Answers of zend that are no credential do not make a client go on anonymously without a
// word.
func TestOddAnswers(t *testing.T) {
	w := newWorld(t)
	z := w.startZend()
	w.index(indexHeader, "ghcr.io")
	z.put("ghcr.io", "a", "s")
	for _, result := range []string{
		`{}`, `{"Username":"a"}`, `{"Secret":"s"}`, `{"Username":"","Secret":"s"}`,
		`{"Username":"a","Secret":""}`, `{"Username":1,"Secret":"s"}`,
		`{"Username":"a","Secret":null}`, `{"Username":"a","Secret":{"x":1}}`, `[]`, `"x"`,
		`{"Username":"a","Username":"b","Secret":"s"}`,
	} {
		z.answers(result)
		w.run("ghcr.io", "get").check(t, result, "zen: zend answered with something that is no "+
			"credential\n", "Hint: zen daemon restart\n", 1)
	}
}

// The input's end never comes, or there is no input at all.
func TestStandardInput(t *testing.T) {
	w := newWorld(t)
	w.startZend()
	w.env["ZEN_TIMEOUT"] = "150ms"
	for _, first := range []string{"", "ghcr.io", "ghcr.io\n"} {
		r, open, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		open.WriteString(first)
		cmd := w.command("get")
		cmd.Stdin = r
		got := w.finish(cmd)
		got.check(
			t,
			"open input",
			"zen: nothing ended the input within 150ms\n",
			"Hint: "+hintInputIsExpected+"\n",
			1,
		)
		if got.took < 150*time.Millisecond || got.took > 5*time.Second {
			t.Errorf("took %v", got.took)
		}
		open.Close()
		r.Close()
	}
	delete(w.env, "ZEN_TIMEOUT")

	closed := w.command("-c", `exec docker-credential-zen get <&-`)
	closed.Path, closed.Args[0] = "/bin/sh", "sh"
	w.finish(closed).check(t, "closed input", missingText, "", 1)

	dir, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	cmd := w.command("get")
	cmd.Stdin = dir
	w.finish(cmd).check(t, "a directory", "zen: the input cannot be read: is a directory\n", "", 1)

	file := filepath.Join(w.home, "input")
	if err := os.WriteFile(file, []byte("ghcr.io\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd = w.command("get")
	cmd.Stdin = f
	w.finish(cmd).check(t, "a file", notFound, "", 1)

	// list does not need its input.
	r, open, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	defer r.Close()
	cmd = w.command("list")
	cmd.Stdin = r
	w.finish(cmd).check(t, "list", "{}\n", "", 0)
}

// Nobody reads the answer, or nobody can.
func TestStandardOutput(t *testing.T) {
	w := newWorld(t)
	z := w.startZend()
	z.put("ghcr.io", "alice", strings.Repeat("x", 300_000)) // more than a pipe takes
	z.put("quay.io", "alice", "short")
	for _, host := range []string{"ghcr.io", "quay.io"} {
		r, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close() // SIGPIPE
		cmd := w.command("get")
		cmd.Stdin, cmd.Stdout = strings.NewReader(host), out
		w.finish(cmd).check(t, "nobody reads", "", "", 1)
		out.Close()
	}

	r, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer out.Close()
	w.env["ZEN_TIMEOUT"] = "300ms"
	cmd := w.command("get")
	cmd.Stdin, cmd.Stdout = strings.NewReader("ghcr.io"), out
	got := w.finish(cmd)
	got.check(t, "a reader that sleeps", "", "", 1)
	if got.took > 5*time.Second {
		t.Errorf("took %v", got.took)
	}
	delete(w.env, "ZEN_TIMEOUT")

	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err == nil {
		defer full.Close()
		cmd = w.command("get")
		cmd.Stdin, cmd.Stdout = strings.NewReader("quay.io"), full
		w.finish(cmd).check(t, "a full disk", "", "", 1)
	}

	// A slow reader gets everything, through a pipe that does not block as well.
	for _, nonblock := range []bool{false, true} {
		r, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := w.command("get")
		cmd.Stdin, cmd.Stdout = strings.NewReader("ghcr.io"), out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if err := unix.SetNonblock(int(out.Fd()), nonblock); err != nil {
			t.Fatal(err)
		}
		out.Close()
		all, err := io.ReadAll(r)
		if err != nil || len(all) != len(`{"ServerURL":"ghcr.io","Username":"alice","Secret":""}`)+300_000+1 {
			t.Errorf("read %d bytes, %v", len(all), err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		r.Close()
	}
}

// The answer is one write: nothing of another program's can get in between, and a reader
// of the first piece has it all.
func TestOneWrite(t *testing.T) {
	w := newWorld(t)
	w.startZend().put("ghcr.io", "alice", strings.Repeat("x", 10_000))
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET, 0)
	if err != nil {
		t.Skipf("this system has no SOCK_SEQPACKET, which shows single writes (macOS): %v", err)
	}
	defer unix.Close(fds[0])
	out := os.NewFile(uintptr(fds[1]), "out")
	cmd := w.command("get")
	cmd.Stdin, cmd.Stdout = strings.NewReader("ghcr.io"), out
	w.finish(cmd).check(t, "get", "", "", 0)
	out.Close()
	packet := make([]byte, 100_000)
	n, err := unix.Read(fds[0], packet)
	if err != nil ||
		string(
			packet[:n],
		) != `{"ServerURL":"ghcr.io","Username":"alice","Secret":"`+strings.Repeat(
			"x",
			10_000,
		)+`"}`+"\n" {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// The reply, the params of store and the input are wiped; what is answered is wiped when
// it was written.
func TestNothingIsLeft(t *testing.T) {
	w := newWorld(t)
	z := w.startZend()
	room := make([]byte, roomSize)
	r := &request{
		deadline: time.Now().Add(10 * time.Second),
		client:   ipc.Client{Socket: w.socket(), Patience: patience},
		room:     room,
	}
	if a := r.store([]byte(`{"ServerURL":"ghcr.io","Username":"a","Secret":"canary"}`)); a.code != 0 {
		t.Fatalf("%+v", a)
	}
	if bytes.Contains(room, []byte("canary")) {
		t.Errorf("left of store: %q", bytes.Trim(room, "\x00"))
	}
	z.put("ghcr.io", "a", "canary")
	a := r.get([]byte("ghcr.io"))
	if a.code != 0 || !bytes.Contains(a.stdout, []byte("canary")) {
		t.Fatalf("%q, %s", a.stdout, a.stderr)
	}
	if bytes.Count(room, []byte("canary")) != 1 {
		t.Errorf("left of get: %q", bytes.Trim(room, "\x00"))
	}
	r.client.Socket = "/nonexistent"
	if r.store([]byte(`{"ServerURL":"ghcr.io","Username":"a","Secret":"hidden"}`)).code == 0 ||
		bytes.Contains(room, []byte("hidden")) {
		t.Errorf("left of a store that failed: %q", bytes.Trim(room, "\x00"))
	}
}

// Nothing of what is written to the client stays.
func TestAnswerIsWiped(t *testing.T) {
	r, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer out.Close()
	for name, line := range map[string][]byte{
		"with room": append(make([]byte, 0, 64), "canary"...),
		"without":   []byte("canary")[:6:6],
	} {
		if !writeLine(int(out.Fd()), line, time.Now().Add(10*time.Second)) ||
			bytes.Contains(line, []byte("canary")) {
			t.Errorf("%s: left %q", name, line)
		}
	}
}

// Other processes of the user cannot look into the program, nor find a core dump.
func TestHardened(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("this system has no /proc, which shows what others can see of a process")
	}
	w := newWorld(t)
	r, open, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	cmd := w.command("get")
	cmd.Stdin = r
	if os.Geteuid() == 0 { // root may look into everything: see to it as another user
		if err := os.Chmod(built(), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	process := filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid))
	for end := time.Now().Add(10 * time.Second); ; { // until it has come that far
		limits, err := os.ReadFile(filepath.Join(process, "limits"))
		info, serr := os.Stat(filepath.Join(process, "environ"))
		// What nobody may look into belongs to root, whoever runs it (proc(5)).
		if err == nil && serr == nil && info.Sys().(*syscall.Stat_t).Uid == 0 &&
			strings.Contains(squeeze(string(limits)), "Max core file size 0 0 bytes") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%s, %v, %+v, %v", limits, err, info, serr)
		}
	}
}

// No error repeats what could be a secret.
func TestSecretsStayOutOfErrors(t *testing.T) {
	w := newWorld(t)
	for _, input := range []string{
		`{"ServerURL":"ghcr.io","Username":"a","Secret":"canary"`, `{"Secret":"canary","Secret":"canary"}`,
		`canary`, `{"ServerURL":"canary@ghcr.io","Username":"a","Secret":"canary"}`,
		`{"ServerURL":"ghcr.io","Username":"a","Secret":"canary"}`,
	} {
		if r := w.run(input, "store"); r.code != 1 || strings.Contains(r.stdout+r.stderr, "canary") {
			t.Errorf("%s: %+v", input, r)
		}
	}
	if r := w.run("https://alice:canary@ghcr.io", "get"); r.code != 1 ||
		strings.Contains(r.stdout+r.stderr, "canary") {
		t.Errorf("%+v", r)
	}
}

// squeeze makes one space of several.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }
