//go:build e2e && linux

package e2e

import (
	"encoding/base64"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// names gives a registry n more names: ports that lead to it.
func (r *registry) names(t *testing.T, n int) (hosts []string) {
	t.Helper()
	target := strings.Replace(r.host, "localhost", "127.0.0.1", 1)
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ln.Close() })
		go func() {
			for {
				in, err := ln.Accept()
				if err != nil {
					return
				}
				go relay(in, target)
			}
		}()
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		hosts = append(hosts, "localhost:"+port)
	}
	return hosts
}

func relay(in net.Conn, target string) {
	defer in.Close()
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer out.Close()
	go func() {
		io.Copy(out, in)
		out.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(in, out)
}

const atOnce = 20

// Twenty docker logins at the same moment, with zen setup at work on the same file: each
// login is in zen, none is in the file, and of what zen set only that can be missing
// which docker overwrote, until zen setup is run again.
func TestLoginsAtOnceWhileSetupRuns(t *testing.T) {
	r := basicRegistry(t)
	hosts := r.names(t, atOnce)
	h := newHome(t)
	const before = "{\n\t\"HttpHeaders\": {\n\t\t\"X-Meta\": \"1\"\n\t},\n\t\"detachKeys\": \"ctrl-e,e\"\n}"
	h.write(".docker/config.json", before)
	h.calls()
	w := h.watch(r.password)
	results := make([]result, atOnce)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i, host := range hosts {
		docker := []string{"docker", "/usr/bin/docker"}[i%2]
		cmd := h.command(docker, "login", "-u", r.username, "--password-stdin", host)
		wg.Go(func() {
			<-start
			results[i] = execute(t, cmd, r.password)
		})
	}
	close(start)
	for _, host := range hosts {
		h.zenOK("setup", "docker", "--host", host)
	}
	wg.Wait()
	for _, r := range results {
		if r.code != 0 {
			t.Errorf("failed:\n%s", r)
		}
	}
	if n := len(h.status().Logins); n != atOnce {
		t.Errorf("zen has %d of %d logins", n, atOnce)
	}
	for _, host := range hosts {
		if h.secretOf(host) != r.password {
			t.Errorf("%s is lost", host)
		}
	}
	h.holdsNo(r.password)
	for _, leak := range w.Look().Leaks {
		t.Errorf("the password was in %s", leak)
	}
	keeps := func() {
		t.Helper()
		config := h.dockerConfig()
		if config["credsStore"] != "zen" || config["detachKeys"] != "ctrl-e,e" ||
			config["HttpHeaders"] == nil {
			t.Errorf("the file is %v", config)
		}
	}
	keeps()
	again := []string{"setup", "docker"}
	for _, host := range hosts {
		again = append(again, "--host", host)
	}
	h.zenOK(again...)
	keeps()
	for _, host := range hosts {
		if helpers, _ := h.dockerConfig()["credHelpers"].(map[string]any); helpers[host] != "zen" {
			t.Errorf("%s has the helper %v", host, helpers[host])
		}
	}
	h.zenOK("setup", "--undo")
	if config := h.dockerConfig(); config["credsStore"] != nil || config["credHelpers"] != nil ||
		config["detachKeys"] != "ctrl-e,e" {
		t.Errorf("undone, the file is %v", config)
	}
}

// One docker login after another while zen is set up and taken back all the time: each is
// in zen or in docker's file.
func TestLoginsWhileSetupComesAndGoes(t *testing.T) {
	r := basicRegistry(t)
	h := newHome(t)
	// which keeps docker from choosing a helper by itself
	h.write(".docker/config.json", `{"auths": {"marker.example": {}}}`)
	h.calls()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	end := sync.OnceFunc(func() {
		close(stop)
		wg.Wait()
	})
	defer end()
	var turns atomic.Int64
	wg.Go(func() {
		for ; ; turns.Add(1) {
			select {
			case <-stop:
				return
			default:
			}
			args := []string{"setup", "docker"}
			if turns.Load()%2 == 0 {
				args = append(args, "--undo")
			}
			if r := execute(t, h.command("zen", args...), ""); r.code != 0 {
				t.Errorf("failed:\n%s", r)
			}
		}
	})
	hosts, asked := r.names(t, 3*atOnce), map[bool]bool{}
	for i, host := range hosts {
		h.ok(r.password, "docker", "login", "-u", r.username, "--password-stdin", host)
		list := h.ok("", "docker-credential-zen", "list").stdout
		asked[strings.Contains(list, `"`+host+`"`)] = true
		if i+1 >= atOnce && len(asked) == 2 {
			hosts = hosts[:i+1]
			break
		}
		if i%4 == 3 { // zen writes no file that is written all the time
			before, late := turns.Load(), time.Now().Add(startTimeout)
			for turns.Load() == before && time.Now().Before(late) {
				time.Sleep(time.Millisecond)
			}
		}
	}
	end()
	inZen := h.ok("", "docker-credential-zen", "list").stdout
	auths, _ := h.dockerConfig()["auths"].(map[string]any)
	want := base64.StdEncoding.EncodeToString([]byte(r.username + ":" + r.password))
	stored := 0
	for _, host := range hosts {
		entry, _ := auths[host].(map[string]any)
		switch {
		case strings.Contains(inZen, `"`+host+`"`):
			stored++
			if h.secretOf(host) != r.password {
				t.Errorf("zen has another login for %s", host)
			}
		case entry["auth"] != want:
			t.Errorf("the login at %s is lost", host)
		}
	}
	t.Logf("%d turns; %d of %d logins are in zen", turns.Load(), stored, len(hosts))
	if stored == 0 || stored == len(hosts) {
		t.Error("nothing came between: the test shows nothing")
	}
}
