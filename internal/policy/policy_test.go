package policy

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/clock"
	"github.com/zen-agent/zen/internal/credential"
)

func parse(t testing.TB, s string) (a address.Address) {
	t.Helper()
	if s == "" {
		return a
	}
	a, err := address.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// links are the symbolic links of these tests.
func links(path string) string {
	for link, target := range map[string]string{
		"/usr/bin/python": "/usr/bin/python3.13",
		"/link":           "/src/prod", "/opt/loop": "/opt/loop",
	} {
		if rest, ok := strings.CutPrefix(path, link); ok && (rest == "" || rest[0] == '/') {
			return target + rest
		}
	}
	return path
}

func TestAbout(t *testing.T) {
	tests := []struct {
		name                string
		connector, registry string // of the rule
		use, address        string
		want                bool
	}{
		{"a rule for everything", "", "", "prod", "ghcr.io", true},
		{"and for logins without a connector", "", "", "", "ghcr.io", true},
		{"the connector", "prod", "", "prod", "ghcr.io", true},
		{"another connector", "prod", "", "prod2", "ghcr.io", false},
		{"names are compared whole", "prod", "", "my-prod", "ghcr.io", false},
		{"letters count", "prod", "", "Prod", "ghcr.io", false},
		{"a stored login has no connector", "prod", "", "", "ghcr.io", false},
		{"pattern", "prod-*", "", "prod-eu", "ghcr.io", true},
		{"pattern of anything", "*", "", "", "ghcr.io", true},
		{"pattern that does not fit", "prod-?", "", "prod-eu", "ghcr.io", false},
		{"the registry", "", "ghcr.io", "x", "ghcr.io", true},
		{"a repository on it", "", "ghcr.io", "x", "ghcr.io/team/app", true},
		{"another registry", "", "ghcr.io", "x", "quay.io", false},
		{"another port", "", "ghcr.io:5000", "x", "ghcr.io", false},
		{"a registry that begins like it", "", "ghcr.io", "x", "ghcr.io.evil.com", false},
		{"the repository", "", "ghcr.io/team", "x", "ghcr.io/team/app", true},
		{"a repository that begins like it", "", "ghcr.io/team", "x", "ghcr.io/team2", false},
		{"all of the registry", "", "ghcr.io/team", "x", "ghcr.io", false},
		{"no address", "prod", "ghcr.io", "prod", "", true},
		{"both", "prod", "ghcr.io", "prod", "ghcr.io", true},
		{"one of both", "prod", "ghcr.io", "dev", "ghcr.io", false},
		{"the other of both", "prod", "ghcr.io", "prod", "quay.io", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rules := []Rule{
				{Number: 1, Connector: tt.connector, Registry: parse(t, tt.registry), Confirm: true},
			}
			if got := len(About(rules, Use{
				Connector: tt.use,
				Address:   parse(t, tt.address),
			})) == 1; got != tt.want {
				t.Errorf("about: %v", got)
			}
		})
	}
}

// A rule about a part of a registry holds whenever the login for that part is handed out,
// whatever it is asked for by.
func TestAboutTheLogin(t *testing.T) {
	tests := []struct {
		registry       string // of the rule
		address, login string
		want           bool
	}{
		{"ghcr.io/team", "ghcr.io", "ghcr.io", true},
		{"ghcr.io/team", "ghcr.io/other", "ghcr.io", true},
		{"ghcr.io/team", "ghcr.io/team/app", "ghcr.io/team/app", true},
		{"ghcr.io/team", "ghcr.io/other", "ghcr.io/other", false},
		{"ghcr.io", "ghcr.io/team", "ghcr.io/team", true},
		{"ghcr.io/team", "quay.io", "quay.io", false},
		{"ghcr.io/team", "ghcr.io:5000", "ghcr.io:5000", false},
	}
	for _, tt := range tests {
		rules := []Rule{{Number: 1, Registry: parse(t, tt.registry), Confirm: true}}
		u := Use{Address: parse(t, tt.address), Login: parse(t, tt.login)}
		if got := len(About(rules, u)) == 1; got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

func TestLostByName(t *testing.T) {
	docker := Rule{Number: 1, Connector: "prod", Executables: []string{"docker"}}
	tests := []struct {
		name  string
		rules []Rule
		want  bool
	}{
		{"no rules", nil, false},
		{"a rule for it", []Rule{docker}, true},
		{"a rule for all", []Rule{{Confirm: true}}, false},
		{"a pattern that fits both", []Rule{{Connector: "*", Confirm: true}}, false},
		{"a pattern that fits one", []Rule{{Connector: "pro?", Confirm: true}}, true},
		{"a rule for another", []Rule{{Connector: "dev", Confirm: true}}, false},
		{
			"the same for both",
			[]Rule{docker, {Number: 2, Connector: "new", Executables: []string{"docker"}}},
			false,
		},
		{
			"less for the new one",
			[]Rule{docker, {Number: 2, Connector: "new", Executables: []string{"docker", "podman"}}},
			true,
		},
		{"the new one's already", []Rule{{Connector: "new", Confirm: true}}, false},
	}
	for _, tt := range tests {
		if _, got := LostByName(tt.rules, "prod", "new"); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// The chain of programs as zend sees it when docker asks.
var dockerChain = []string{
	"[docker-credenti]",
	"/usr/bin/docker",
	"/usr/bin/make",
	"/bin/bash",
	"/usr/sbin/sshd",
}

func TestDecide(t *testing.T) {
	prod := Use{Connector: "prod", Address: parse(t, "ghcr.io"), Programs: dockerChain, Dir: "/src/prod/app"}
	tests := []struct {
		name   string
		rules  []Rule
		change func(*Use)
		want   string // "ok", or what the refusal says
	}{
		{"the client", []Rule{{Executables: []string{"/usr/bin/docker"}}}, nil, "ok"},
		{"one of several", []Rule{{Executables: []string{"/usr/bin/podman", "/usr/bin/docker"}}}, nil, "ok"},
		{"an ancestor", []Rule{{Executables: []string{"/usr/bin/make"}}}, nil, "ok"},
		{
			"none of them",
			[]Rule{{Executables: []string{"/usr/bin/podman", "skopeo"}}},
			nil,
			"service connector 'prod' is only for /usr/bin/podman or skopeo, and not for /usr/bin/docker " +
				"(rule 1 of the policy)",
		},
		{"same name elsewhere", []Rule{{Executables: []string{"/usr/local/bin/docker"}}}, nil, "and not " +
			"for /usr/bin/docker"},
		{"a path that begins like it", []Rule{{Executables: []string{"/usr/bin/dock"}}}, nil, "and not for"},
		{"a name, wherever it is", []Rule{{Executables: []string{"docker"}}}, nil, "ok"},
		{"a name as a pattern", []Rule{{Executables: []string{"dock*"}}}, nil, "ok"},
		{"a pattern of paths", []Rule{{Executables: []string{"/usr/*/docker"}}}, nil, "ok"},
		{"a star does not cross directories", []Rule{{Executables: []string{"/usr/*"}}}, nil, "and not for"},
		{
			"a link to the program",
			[]Rule{{Executables: []string{"/usr/bin/python"}}},
			func(u *Use) { u.Programs = []string{"/usr/bin/python3.13"} },
			"ok",
		},
		{"a link that leads nowhere", []Rule{{Executables: []string{"/opt/loop"}}}, nil, "and not for"},
		{
			"names that processes give themselves do not count",
			[]Rule{{Executables: []string{"docker", "[docker]", "/docker"}}},
			func(u *Use) { u.Programs = []string{"[docker]", "docker", ""} }, "and not for [docker]",
		},
		{
			"nobody is known",
			[]Rule{{Executables: []string{"docker"}}},
			func(u *Use) { u.Programs = []string{"", "[docker-credenti]"} },
			"and which program asks is not known",
		},
		{
			"nothing is known",
			[]Rule{{Executables: []string{"*"}}},
			func(u *Use) { u.Programs = nil },
			"which program asks is not known",
		},

		{"the directory", []Rule{{Directories: []string{"/src/prod/app"}}}, nil, "ok"},
		{"below it", []Rule{{Directories: []string{"/src/prod/"}}}, nil, "ok"},
		{"below the root", []Rule{{Directories: []string{"/"}}}, nil, "ok"},
		{"one of several directories", []Rule{{Directories: []string{"/a", "/src"}}}, nil, "ok"},
		{
			"elsewhere",
			[]Rule{{Directories: []string{"/src/dev", "/a"}}},
			nil,
			"service connector 'prod' is only for programs below /src/dev or /a, and not in " +
				"/src/prod/app (rule 1 of the policy)",
		},
		{"above", []Rule{{Directories: []string{"/src/prod/app/sub"}}}, nil, "and not in /src/prod/app"},
		{"a directory that begins like it", []Rule{{Directories: []string{"/src/pro"}}}, nil, "and not in"},
		{
			"dots lead out",
			[]Rule{{Directories: []string{"/src/prod"}}},
			func(u *Use) { u.Dir = "/src/prod/../dev" },
			"and not in",
		},
		{
			"dots lead in",
			[]Rule{{Directories: []string{"/src/prod"}}},
			func(u *Use) { u.Dir = "/src/dev/../prod/x" },
			"ok",
		},
		{"the rule names a link", []Rule{{Directories: []string{"/link"}}}, nil, "ok"},
		{
			"the client is behind a link",
			[]Rule{{Directories: []string{"/src/prod"}}},
			func(u *Use) { u.Dir = "/link/app" },
			"ok",
		},
		{
			"no directory is known",
			[]Rule{{Directories: []string{"/"}}},
			func(u *Use) { u.Dir = "" },
			"where the one that asks works is not known",
		},
		{
			"a relative directory",
			[]Rule{{Directories: []string{"/"}}},
			func(u *Use) { u.Dir = "src" },
			"and not in src",
		},

		{
			"program and directory",
			[]Rule{{Executables: []string{"docker"}, Directories: []string{"/src"}}},
			nil,
			"ok",
		},
		{
			"program, but another directory",
			[]Rule{{Executables: []string{"docker"}, Directories: []string{"/a"}}},
			nil,
			"and not in",
		},
		{
			"each rule has to be satisfied",
			[]Rule{
				{Number: 1, Executables: []string{"docker"}},
				{Number: 2, Executables: []string{"podman"}},
			},
			nil,
			"rule 2",
		},
		{
			"a stored login",
			[]Rule{{Executables: []string{"podman"}}},
			func(u *Use) { u.Connector, u.Address = "", parse(t, "ghcr.io/team/app") },
			"the login for ghcr.io is only for podman",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u := prod
			if tt.change != nil {
				tt.change(&u)
			}
			for i := range tt.rules {
				tt.rules[i].Number = max(tt.rules[i].Number, 1)
			}
			d := Decide(tt.rules, u, links)
			switch {
			case tt.want == "ok" && d.Refusal != nil:
				t.Errorf("refused: %v", d.Refusal)
			case tt.want != "ok" && (d.Refusal == nil || d.Refusal.Reason != credential.Denied ||
				!strings.Contains(d.Refusal.Message, tt.want)):
				t.Errorf("%+v, want %s", d.Refusal, tt.want)
			}
		})
	}
}

// What several rules demand adds up, and the strictest counts.
func TestDemandsAddUp(t *testing.T) {
	rules := []Rule{
		{Number: 1, Confirm: true, Keep: time.Hour, Rate: Rate{10, time.Minute}},
		{Number: 2, Executables: []string{"docker"}},
		{Number: 3, Confirm: true, Keep: time.Minute},
		{Number: 4, Rate: Rate{100, time.Hour}},
	}
	d := Decide(rules, Use{Programs: dockerChain}, links)
	if d.Refusal != nil || !d.Confirm || d.Keep != time.Minute || len(d.Rates) != 2 ||
		d.Rates[1] != (Limit{4, Rate{100, time.Hour}}) {
		t.Errorf("%+v", d)
	}
	rules[2].Keep = 0
	if d := Decide(rules, Use{Programs: dockerChain}, links); d.Keep != 0 {
		t.Errorf("a yes that is for once counts for %v", d.Keep)
	}
	if d := Decide(rules[3:], Use{}, links); d.Confirm || d.Refusal != nil {
		t.Errorf("%+v", d)
	}
}

func TestAsker(t *testing.T) {
	for _, tt := range []struct {
		programs []string
		want     string
	}{
		{dockerChain, "/usr/bin/docker"},
		{[]string{"/home/me/bin/docker-credential-zen-work", "/usr/bin/podman"}, "/usr/bin/podman"},
		{[]string{"/usr/bin/zen", "/bin/bash"}, "/usr/bin/zen"},
		{[]string{"[docker-credenti]", "", "[sudo]", "/bin/bash"}, "[sudo]"},
		{[]string{"[docker-credenti]"}, ""},
		{nil, ""},
	} {
		if got := (Use{Programs: tt.programs}).Asker(); got != tt.want {
			t.Errorf("%q: %s", tt.programs, got)
		}
	}
}

func TestText(t *testing.T) {
	for _, tt := range []struct {
		rule Rule
		want string
	}{
		{Rule{Number: 1, Executables: []string{"docker"}}, "rule 1 of the policy: only for docker"},
		{Rule{Number: 2, Executables: []string{"a", "b", "c"}, Directories: []string{"/src"}}, "rule 2 " +
			"of the policy: only for a, b or c; only below /src"},
		{Rule{Number: 3, Confirm: true, Rate: Rate{30, 90 * time.Minute}}, "rule 3 of the policy: at " +
			"most 30 times in 1h30m; a person is asked each time"},
		{Rule{Number: 4, Confirm: true, Keep: 36 * time.Hour}, "rule 4 of the policy: a person is asked " +
			"first, and approval is remembered for 1d12h"},
	} {
		if got := tt.rule.Text(); got != tt.want {
			t.Errorf("%s", got)
		}
	}
}

func TestNamesConnector(t *testing.T) {
	for pattern, want := range map[string]bool{
		"": false, "prod": true, "prod-*": false, "a?": false,
		"[a]": false, `a\*`: false,
	} {
		if _, ok := (Rule{Connector: pattern}).NamesConnector(); ok != want {
			t.Errorf("%q: %v", pattern, ok)
		}
	}
}

// A bucket lets through what its rate says: at once, and in every stretch of time
// afterwards.
func TestBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(nil)
		b := Bucket{Rate: Rate{3, time.Minute}}
		take := func(want int) {
			t.Helper()
			n := 0
			for b.Wait(c.Now()) == 0 && n < 100 {
				b.Take(c.Now())
				n++
			}
			if n != want {
				t.Errorf("at %v: %d uses, want %d", c.Now().Mono, n, want)
			}
		}
		take(3)
		if got := b.Wait(c.Now()); got != 20*time.Second {
			t.Errorf("wait %v", got)
		}
		time.Sleep(20*time.Second - 1)
		take(0)
		time.Sleep(time.Nanosecond)
		take(1)
		time.Sleep(40 * time.Second)
		take(2)
		time.Sleep(time.Hour)
		if !b.Full(c.Now()) {
			t.Error("not full after an hour")
		}
		take(3)
		uses := 0
		for range 600 { // somebody who tries all the time
			time.Sleep(time.Second)
			if b.Wait(c.Now()) == 0 {
				b.Take(c.Now())
				uses++
			}
		}
		if uses != 30 {
			t.Errorf("%d uses in ten minutes", uses)
		}
	})
}

// A sleeping laptop's clock runs on; one that is set back takes nothing away.
func TestBucketOnTwoClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shift := time.Duration(0)
		c := clock.New(func() time.Time { return time.Now().Add(shift) })
		b := Bucket{Rate: Rate{1, time.Hour}}
		b.Take(c.Now())
		shift = time.Hour
		if b.Wait(c.Now()) != 0 {
			t.Error("an hour of sleep does not count")
		}
		b.Take(c.Now())
		shift = -24 * time.Hour
		time.Sleep(time.Hour)
		if got := b.Wait(c.Now()); got != 0 {
			t.Errorf("after an hour it waits %v", got)
		}
	})
}

// Whatever a rule and a chain of programs look like: no refusal is lost, and a rule for a
// program never lets in a process whose program is not known.
func FuzzDecide(f *testing.F) {
	f.Add("/usr/bin/docker", "[docker-credenti]\n/usr/bin/docker", "/src", "/src/app")
	f.Add("*", "[x]\nx", "/", "relative")
	f.Add("do?ker", "/a/docker", "/a/..", "/")
	f.Fuzz(func(t *testing.T, executable, chain, dir, cwd string) {
		u := Use{Connector: "c", Programs: strings.Split(chain, "\n"), Dir: cwd}
		same := func(path string) string { return path }
		both := Decide(
			[]Rule{{Number: 1, Executables: []string{executable}}, {Number: 2, Directories: []string{dir}}},
			u,
			same,
		).Refusal == nil
		one := Decide([]Rule{{Number: 1, Executables: []string{executable}}}, u, same).Refusal == nil
		other := Decide([]Rule{{Number: 2, Directories: []string{dir}}}, u, same).Refusal == nil
		if both != (one && other) {
			t.Fatalf("together %v, alone %v and %v", both, one, other)
		}
		if known := strings.Contains("\n"+chain, "\n/"); one && !known {
			t.Fatalf("%q let in %q", executable, chain)
		}
		if other && !strings.HasPrefix(cwd, "/") {
			t.Fatalf("%q let in from %q", dir, cwd)
		}
	})
}
