package audit

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// rig is a log in a directory of its own, with a clock that stands still.
type rig struct {
	*Log
	t    *testing.T
	path string
	out  *bytes.Buffer // what was logged
	mu   sync.Mutex
	now  time.Time
}

func newRig(t *testing.T, opt Options) *rig {
	t.Helper()
	r := &rig{t: t, out: new(bytes.Buffer), now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	if opt.Path == "" {
		opt.Path = filepath.Join(t.TempDir(), "audit.jsonl")
	}
	opt.Log, opt.Now = slog.New(slog.NewTextHandler(r.out, nil)), func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.now
	}
	r.path, r.Log = opt.Path, New(opt)
	t.Cleanup(func() { r.Close() })
	return r
}

func (r *rig) tick(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) get(host string) {
	r.t.Helper()
	a, err := address.Parse(host)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Record(access.Caller{}, access.Subject{Action: access.Get, Address: a}, nil, "")
}

// addresses are those of the entries that a query finds.
func (r *rig) addresses(q api.AuditQuery) string {
	r.t.Helper()
	list, err := r.Query(q)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Address)
	}
	return strings.Join(out, " ")
}

func (r *rig) want(q api.AuditQuery, addresses string) {
	r.t.Helper()
	if got := r.addresses(q); got != addresses {
		r.t.Errorf("%+v: %s, want %s", q, got, addresses)
	}
}

func TestEntry(t *testing.T) {
	r := newRig(t, Options{})
	a, _ := address.Parse("ghcr.io/team")
	r.Record(access.Caller{
		PID: 42, UID: 1000, Dir: "/src", Profile: "work",
		Exe:     func() string { return "/usr/bin/docker" },
		Parents: func() []string { return []string{"/bin/bash", "/usr/bin/sshd"} },
	}, access.Subject{Action: access.Get, Address: a, Connector: "gh"}, fmt.Errorf("wrapped: "+
		"%w", credential.NewError(credential.Rejected, "the registry says <no>", "")), "x & y")
	r.Record(access.Caller{}, access.Subject{Action: access.Lock}, nil, "")
	r.Record(access.Caller{}, access.Subject{Action: access.Get, Address: a}, errors.New("any"), "")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"time":"2026-11-24T12:00:00Z","action":"get","address":"ghcr.io/team","connector":"gh",` +
		`"result":"rejected","detail":"x & y",` +
		`"pid":42,"exe":"/usr/bin/docker","parents":["/bin/bash","/usr/bin/sshd"],"dir":"/src"}
{"time":"2026-11-24T12:00:00.000000001Z","action":"lock","result":"ok"}
{"time":"2026-11-24T12:00:00.000000002Z","action":"get","address":"ghcr.io/team","result":"internal"}
`
	if string(content) != want {
		t.Errorf("got\n%swant\n%s", content, want)
	}
	if info, _ := os.Stat(r.path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestTextsAreSafeToPrint(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain /usr/bin/döcker 🐳", "plain /usr/bin/döcker 🐳"},
		{"\x1b]0;pwned\a\n\u202e\xff", `\x1b]0;pwned\a\n\u202e\xff`},
		{strings.Repeat("x", maxText+1), strings.Repeat("x", maxText) + "..."},
		{strings.Repeat("x", maxText-1) + "ö", strings.Repeat("x", maxText-1) + "..."},
	}
	for _, tt := range tests {
		if got := clean(tt.in); got != tt.want {
			t.Errorf("clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
	r := newRig(t, Options{})
	evil := "\x1b[31m\n{\"time\":0}"
	one := func() string { return evil }
	r.Record(access.Caller{Dir: evil, Exe: one, Parents: func() []string { return []string{evil} }},
		access.Subject{Action: access.Get, Connector: evil}, nil, evil)
	list, err := r.Query(api.AuditQuery{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	for _, text := range []string{
		list[0].Dir, list[0].Exe, list[0].Connector, list[0].Detail,
		list[0].Parents[0],
	} {
		if text != `\x1b[31m\n{"time":0}` {
			t.Errorf("%q", text)
		}
	}
}

func TestQuery(t *testing.T) {
	r := newRig(t, Options{})
	r.want(api.AuditQuery{}, "") // no file yet
	times := []time.Time{}
	for _, host := range []string{"ghcr.io", "ghcr.io/team/app", "docker.io", "ghcr.io.evil.com", "quay.io"} {
		r.get(host)
		times = append(times, r.now)
		r.tick(time.Minute)
	}
	r.want(api.AuditQuery{}, "ghcr.io ghcr.io/team/app docker.io ghcr.io.evil.com quay.io")
	r.want(api.AuditQuery{Limit: 2}, "ghcr.io.evil.com quay.io")
	r.want(api.AuditQuery{Since: times[2]}, "ghcr.io.evil.com quay.io")
	r.want(api.AuditQuery{Host: "https://GHCR.io/v2/"}, "ghcr.io ghcr.io/team/app")
	r.want(api.AuditQuery{Host: "https://index.docker.io/v1/"}, "docker.io")
	r.want(api.AuditQuery{Host: "ghcr.io", Limit: 1, Since: times[0].Add(-1)}, "ghcr.io/team/app")
	if _, err := r.Query(api.AuditQuery{Host: "a b"}); credential.ReasonOf(err) != credential.InvalidInput {
		t.Errorf("a wrong host: %v", err)
	}
}

// Who asks for what came after the last entry it saw gets each entry once, however
// quickly they come.
func TestFollow(t *testing.T) {
	r := newRig(t, Options{})
	var seen, want []string
	var since time.Time
	for i := range 30 {
		host := fmt.Sprintf("h%d.example", i)
		want = append(want, host)
		r.get(host) // the clock stands still
		if i%4 == 3 || i == 29 {
			list, err := r.Query(api.AuditQuery{Since: since})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				seen, since = append(seen, e.Address), e.Time
			}
		}
	}
	if !slices.Equal(seen, want) {
		t.Errorf("saw %q", seen)
	}
}

func TestRotation(t *testing.T) {
	r := newRig(t, Options{MaxSize: 1000, Keep: 2})
	for i := range 100 {
		r.get(fmt.Sprintf("h%02d.example", i))
		r.flush()
	}
	total := int64(0)
	files, _ := filepath.Glob(r.path + "*")
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil || info.Size() > 1000 || info.Size() < 500 && path != r.path ||
			info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
		total += info.Size()
	}
	if len(files) != 3 {
		t.Errorf("files: %q", files)
	}
	got := strings.Fields(r.addresses(api.AuditQuery{}))
	if len(got) < 20 || len(got) > 50 || got[len(got)-1] != "h99.example" {
		t.Fatalf("found %q", got)
	}
	for i, host := range got {
		if want := fmt.Sprintf("h%02d.example", 100-len(got)+i); host != want {
			t.Fatalf("entry %d is %s, want %s", i, host, want)
		}
	}
}

func TestTheAnswerFitsIntoAMessage(t *testing.T) {
	r := newRig(t, Options{})
	long := strings.Repeat("x", 900)
	for range 1000 {
		r.Record(access.Caller{Dir: long}, access.Subject{Action: access.List}, nil, "")
	}
	r.get("last.example")
	list, err := r.Query(api.AuditQuery{Limit: 5000})
	if err != nil || len(list) < 500 || len(list) > 800 || list[len(list)-1].Address != "last.example" {
		t.Errorf("%d entries, %v", len(list), err)
	}
}

// What a crash, an editor or somebody else leaves in the file does not keep it from being
// used.
func TestForeignContent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	half := `{"time":"2026-11-24T11:00:00Z","action":"get","address":"a.example","result":"ok"}` +
		"\nnonsense\n" +
		strings.Repeat(
			"z",
			3*maxLine,
		) + "\n" + `{"time":"2026-11-24T11:00:01Z","act`
	if err := os.WriteFile(path, []byte(half), 0o644); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, Options{Path: path})
	r.get("b.example")
	r.want(api.AuditQuery{}, "a.example b.example")
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	r.tick(recheck)
	r.get("c.example")
	r.want(api.AuditQuery{}, "c.example")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.tick(recheck)
	r.get("d.example")
	r.want(api.AuditQuery{}, "d.example")
}

// A disk that does not take entries costs entries, and is told once; when it takes them
// again that is written down.
func TestCannotWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	r := newRig(t, Options{Path: filepath.Join(dir, "audit.jsonl")})
	for range 5 {
		r.get("lost.example")
		r.flush()
	}
	notices := r.Notices()
	if len(notices) != 1 || notices[0].Text != "the audit log cannot be written: no such file or "+
		"directory" || !strings.Contains(notices[0].Hint, r.path) {
		t.Errorf("notices: %+v", notices)
	}
	r.want(api.AuditQuery{}, "")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	r.get("kept.example")
	list, err := r.Query(api.AuditQuery{})
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	details := map[string]string{list[0].Action: list[0].Detail, list[1].Action: list[1].Detail}
	if details["audit"] != "5 entries before this one are lost" || details["get"] != "" {
		t.Errorf("%+v", list)
	}
	if len(r.Notices()) != 0 {
		t.Errorf("the notice stays: %+v", r.Notices())
	}
	r.Close()
	if n := strings.Count(r.out.String(), "Cannot write the audit log"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, r.out)
	}
}

func TestOddFilesAreNotWrittenTo(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"link":      func(path string) error { return os.Symlink(path+".target", path) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			if err := make(path); err != nil {
				t.Fatal(err)
			}
			r := newRig(t, Options{Path: path})
			r.get("a.example")
			r.flush()
			if len(r.Notices()) != 1 {
				t.Error("no notice")
			}
			if _, err := os.Stat(path + ".target"); err == nil {
				t.Error("the link was followed")
			}
		})
	}
}

// A disk that hangs must not keep gets waiting: the queue takes what it can, the rest is
// counted.
func TestAFullQueueLosesEntriesInsteadOfTime(t *testing.T) {
	r := newRig(t, Options{MaxSize: 64 << 20})
	r.disk.Lock() // the disk hangs
	for range queueSize + 3 {
		r.get("a.example")
	}
	r.disk.Unlock()
	list, err := r.Query(api.AuditQuery{Limit: 2})
	if err != nil || len(list) != 2 || list[0].Address != "a.example" || list[1].Detail != "3 entries "+
		"before this one are lost" {
		t.Errorf("%+v, %v", list, err)
	}
	if n := len(strings.Fields(r.addresses(api.AuditQuery{Limit: 2 * queueSize}))); n != queueSize {
		t.Errorf("%d entries are there", n)
	}
	r.Close()
	r.Close()
	r.get("late.example") // too late, and harmless
	r.want(api.AuditQuery{Limit: 1, Host: "late.example"}, "")
}

// An entry is in the file soon without anybody asking for it, also when it comes after
// quiet.
func TestEntriesAreWrittenByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		for n := 1; n <= 3; n++ {
			r.get("a.example")
			r.get("b.example")
			time.Sleep(linger + 1)
			synctest.Wait()
			content, err := os.ReadFile(r.path)
			if err != nil || strings.Count(string(content), "\n") != 2*n {
				t.Errorf("%q, %v", content, err)
			}
			time.Sleep(time.Hour)
		}
	})
}

func TestManyWriters(t *testing.T) {
	r := newRig(t, Options{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 100 {
				r.get(fmt.Sprintf("h%d-%d.example", i, n))
			}
		})
	}
	wg.Wait()
	list, err := r.Query(api.AuditQuery{})
	if err != nil || len(list) != 800 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	for i := 1; i < len(list); i++ {
		if !list[i].Time.After(list[i-1].Time) {
			t.Fatalf("entry %d is not later than the one before", i)
		}
	}
}

// What a get pays for its entry, without looking up processes.
func BenchmarkRecord(b *testing.B) {
	l := New(Options{Path: filepath.Join(b.TempDir(), "audit.jsonl")})
	defer l.Close()
	a, _ := address.Parse("ghcr.io/team")
	subject := access.Subject{Action: access.Get, Address: a, Connector: "github"}
	b.ReportAllocs()
	for n := 1; b.Loop(); n++ {
		l.Record(access.Caller{PID: 1, Dir: "/home/me"}, subject, nil, "")
		if n%queueSize == 0 {
			b.StopTimer()
			l.flush()
			b.StartTimer()
		}
	}
}
