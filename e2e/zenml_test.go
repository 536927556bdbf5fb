//go:build e2e && linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zen-agent/zen/e2e/zenmlserver"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/selftest/leak"
)

// The stories of zen beside the real zenml, on one server of each version. While they are
// told, somebody asks for credentials for three minutes with access tokens that live for
// one.
func TestRealZenML(t *testing.T) {
	for _, version := range zenmlVersions(t) {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := startZenML(t, version)
			asked := s.askForMinutes(3 * time.Minute)
			tell := func(name string, story func(*zenmlServer)) {
				t.Run(name, func(t *testing.T) {
					s.t = t
					defer func(before *testing.T) { s.t = before }(s.t)
					story(s)
				})
				s.t = t
			}
			tell("zenml registers and zen logs in", (*zenmlServer).fromZenMLToZen)
			tell("zen registers and zenml sees it", (*zenmlServer).fromZenToZenML)
			tell("container registries and stacks", (*zenmlServer).registriesAndStacks)
			tell("zenml logs in through zen", (*zenmlServer).zenmlLogsInThroughZen)
			tell("a hundred at once", (*zenmlServer).hundredAtOnce)
			tell("a key is revoked and rotated", (*zenmlServer).keyIsRevoked)
			tell("other ways to log in", (*zenmlServer).otherLogins)
			tell("connectors change on the server", (*zenmlServer).connectorsChange)
			tell("the server moves", (*zenmlServer).serverMoves)
			asked()
			tell("the server stops and starts", (*zenmlServer).serverStops)
		})
	}
}

// jwt is how every access token of ZenML begins: {"alg":"HS256","typ":"JWT"}.
const jwt = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."

// What zenml registered on a server, zen logs in with; and neither key nor token nor
// password is in any file, log, command line or environment.
func (s *zenmlServer) fromZenMLToZen() {
	r := basicRegistry(s.t)
	s.zenmlRegisters("reg", r)
	in, bot := s.door(), s.NewAccount(s.t, "first")
	h := engineHome(s.t)
	h.write(".config/zen/config.toml", "log_level = \"debug\"\n")
	h.zenOK("daemon", "restart")
	var needles leak.Needles
	for _, secret := range []string{bot.Key, r.password, jwt} {
		needles = append(needles, leak.NeedlesOf(credential.SecretString(secret))...)
	}
	watcher := leak.Watch(needles)
	defer watcher.Stop()

	h.fails(
		[]string{"refused the login"},
		"ZENKEY_wrong",
		"zen",
		"server",
		"connect",
		in.url,
		"--api-key-stdin",
	)
	h.connect(in.url, bot)
	for _, args := range [][]string{
		{"service-connector", "list", "-o", "csv", "--columns", "name,type,resource_name,server"},
		{"service-connector", "list-resources"},
		{"service-connector", "describe", "reg"},
		{"server", "describe"},
	} {
		if got := h.zenOK(args...); !strings.Contains(got.stdout, "reg") ||
			!strings.Contains(got.stdout+got.stderr, "team") && args[1] != "list-resources" {
			s.t.Errorf("zenml's connector and its server are not in it:\n%s", got)
		}
	}
	h.zenOK("service-connector", "verify", "reg")
	docker, image := dockers(s.t)[0], r.image("team/app:1")
	h.tagged(docker, image)
	h.fails(refusals, "", docker, "push", image)

	before := in.minted()
	h.zenOK("service-connector", "login", "reg")
	if n := in.minted() - before; n != 1 {
		s.t.Errorf("a login asked the server for %d credentials", n)
	}
	for _, docker := range dockers(s.t) {
		h.ok("", docker, "push", image)
		h.pulls(docker, image)
	}
	crane := clients()[3]
	for _, step := range []func(*home, string) result{crane.push, crane.pull} {
		if did := step(h, r.image(crane.name+"/app:1")); did.code != 0 {
			s.t.Fatalf("logged in through the server, but:\n%s", did)
		}
	}
	if n := in.minted() - before; n != 1 {
		s.t.Errorf("pushing and pulling asked the server for %d credentials more", n-1)
	}

	tokens := in.handedOut()
	if len(tokens) == 0 || !strings.HasPrefix(tokens[0], jwt) {
		s.t.Fatalf("%d access tokens were seen, and none begins with %s", len(tokens), jwt)
	}
	for _, secret := range append(tokens, bot.Key, r.password, jwt) {
		h.holdsNo(secret)
	}
	for _, leak := range watcher.Look().Leaks {
		s.t.Errorf("a secret was in %s", leak)
	}
	if log := h.read(".local/state/zen/zend.log"); !strings.Contains(log, "Serving") {
		s.t.Errorf("zend's log, which was searched, is not where it should be:\n%s", log)
	}
	h.zenOK("server", "disconnect", "team")
	h.fails(refusals, "", docker, "push", image)
}

// What zen registers, changes and deletes on a server, zenml lists, describes, verifies
// and misses.
func (s *zenmlServer) fromZenToZenML() {
	r, bot := basicRegistry(s.t), s.NewAccount(s.t, "second")
	h := newHome(s.t)
	h.connect(s.URL, bot)
	register := []string{
		"service-connector",
		"register",
		"made",
		"--server",
		"team",
		"--type",
		"docker",
		"--username=" + r.username,
		"--password-stdin",
		"--registry=" + r.host,
	}
	// which zenml would have registered
	h.fails([]string{"rejects the credentials"}, "wrong", "zen", register...)
	if ids := s.connectorIDs("made"); len(ids) != 0 {
		s.t.Fatalf("a connector that the registry refuses is on the server")
	}
	h.ok(r.password, "zen", append(register, "--label", "team=red")...)

	seen := s.zenml(nil, "service-connector", "describe", "made")
	for _, want := range []string{"docker-registry", r.host, "team", "red", "second"} {
		if !strings.Contains(seen.stdout+seen.stderr, want) {
			s.t.Errorf("zenml does not see %q:\n%s", want, seen)
		}
	}
	var list struct {
		Items []map[string]any `json:"items"`
	}
	listed := s.zenml(nil, "service-connector", "list", "--name=made", "-o", "json")
	if err := json.Unmarshal([]byte(listed.stdout), &list); err != nil || len(list.Items) != 1 ||
		list.Items[0]["resource_name"] != r.host {
		s.t.Errorf("%v:\n%s", err, listed)
	}
	s.zenml(nil, "service-connector", "verify", "made")
	h.zenOK("service-connector", "login", "made")
	if got := h.helper("get", r.host); got.code != 0 || !strings.Contains(got.stdout, r.password) {
		s.t.Errorf("logged in with what was registered:\n%s", got)
	}

	h.zenOK(
		"service-connector",
		"update",
		"made",
		"--server",
		"team",
		"--name",
		"renamed",
		"--label",
		"team=blue",
	)
	seen = s.zenml(nil, "service-connector", "describe", "renamed")
	for _, want := range []string{"blue", r.host} {
		if !strings.Contains(seen.stdout+seen.stderr, want) {
			s.t.Errorf("after an update zenml does not see %q:\n%s", want, seen)
		}
	}
	h.fails(
		[]string{"rejects the credentials"},
		"wrong",
		"zen",
		"service-connector",
		"update",
		"renamed",
		"--server",
		"team",
		"--password-stdin",
	)
	h.zenOK("service-connector", "verify", "renamed") // what the server has is as it was
	h.fails([]string{"--server team"}, "", "zen", "service-connector", "delete", "renamed")
	h.zenOK("service-connector", "delete", "renamed", "--server", "team")
	if len(s.connectorIDs("made"))+len(s.connectorIDs("renamed")) != 0 {
		s.t.Errorf("what zen deleted is on the server")
	}
	if got := h.helper("get", r.host); got.code == 0 {
		s.t.Errorf("the connector was deleted, but:\n%s", got)
	}
	for _, secret := range []string{bot.Key, r.password, jwt} {
		h.holdsNo(secret)
	}
}

// Container registries and stacks that zenml made are listed, described, connected and
// logged in to, and the stack that zenml has chosen is the one that zen login alone
// means.
func (s *zenmlServer) registriesAndStacks() {
	r := basicRegistry(s.t)
	connector := s.registers("stacked", r, "")
	s.zenml(nil, "container-registry", "register", "cr", "--flavor=default", "--uri="+r.host+"/team")
	s.zenml(nil, "stack", "register", "prod", "-o", "default", "-a", "default", "-c", "cr", "--set")
	h := engineHome(s.t)
	h.connect(s.URL, s.NewAccount(s.t, "third"))
	h.fails(
		[]string{"--server team"},
		"",
		"zen",
		"container-registry",
		"connect",
		"cr",
		"--connector",
		"stacked",
	)
	h.zenOK("container-registry", "connect", "cr", "--connector", "stacked", "--server", "team")
	seen := s.zenml(nil, "container-registry", "describe", "cr")
	for _, want := range []string{r.host + "/team", "stacked", connector} {
		if !strings.Contains(seen.stdout+seen.stderr, want) {
			s.t.Errorf("zenml does not see %q of what zen connected:\n%s", want, seen)
		}
	}
	lists := []struct{ args, want string }{
		{
			"container-registry list -o csv --columns name,uri,connector,server",
			"cr," + r.host + "/team,stacked,team",
		},
		{"stack list -o csv --columns name,container_registry,server", "prod,cr,team"},
		{"container-registry describe cr", r.host + "/team"},
		{"stack describe prod --server team", "cr"},
	}
	for _, l := range lists {
		if got := h.zenOK(strings.Fields(l.args)...); !strings.Contains(got.stdout, l.want) {
			s.t.Errorf("want %s:\n%s", l.want, got)
		}
	}

	docker, image := dockers(s.t)[0], r.image("team/app:1")
	h.tagged(docker, image)
	h.fails(refusals, "", docker, "push", image)
	h.fails([]string{"no container registry"}, "", "zen", "login")
	h.env["ZENML_CONFIG_PATH"] = s.Dir + "/client"
	if got := h.zenOK("login"); !strings.Contains(got.stderr, "prod") {
		s.t.Errorf("zen login does not say whose stack that is:\n%s", got)
	}
	h.ok("", docker, "push", image)
	h.zenOK("logout", "--all")
	h.zenOK("container-registry", "login", "cr")
	h.ok("", docker, "push", image)
	h.zenOK("container-registry", "disconnect", "cr", "--server", "team")
	h.holdsNo(r.password)
}

// In the environment that zen zenml-env prints, zenml's own login leaves nothing in plain
// text. The one that runs docker login (before 0.94.3, and with podman every one) ends in
// zen, so that clients are served without a login of zen's.
func (s *zenmlServer) zenmlLogsInThroughZen() {
	r := basicRegistry(s.t)
	s.registers("own", r, "")
	h := newHome(s.t)
	var env struct {
		Items []struct{ Name, Value string } `json:"items"`
	}
	h.check(json.Unmarshal([]byte(h.zenOK("zenml-env", "-o", "json").stdout), &env))
	variables := map[string]string{
		"DOCKER_HOST":     theEngine(s.t).host,
		"XDG_RUNTIME_DIR": h.env["XDG_RUNTIME_DIR"],
		"HOME":            h.dir,
	}
	for _, v := range env.Items {
		variables[v.Name] = v.Value
	}
	if variables["DOCKER_CONFIG"] == "" || variables["DOCKER_CONFIG"] == h.env["DOCKER_CONFIG"] {
		s.t.Fatalf("docker's configuration is not named: %v", env.Items)
	}
	s.zenml(variables, "service-connector", "login", "own")
	h.holdsNo(r.password)
	got := h.helper("get", r.host)
	if s.version < "0.94.3" && !strings.Contains(got.stdout, r.password) {
		s.t.Errorf("zenml ran docker login, and zen has not what it stored:\n%s", got)
	}
}

// A hundred clients at once, and no credential in memory: the server makes one.
func (s *zenmlServer) hundredAtOnce() {
	r := basicRegistry(s.t)
	id := s.registers("hundred", r, "")
	h := newHome(s.t)
	h.connect(s.URL, s.NewAccount(s.t, "hundred"))
	h.zenOK("service-connector", "login", "hundred")
	h.zenOK("daemon", "restart")
	before := s.minted(id)
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed []string
	helper := h.lookPath("docker-credential-zen")
	for range 100 {
		all.Go(func() {
			cmd := exec.Command(helper, "get")
			cmd.Env, cmd.Dir, cmd.Stdin = h.environ(), h.dir, strings.NewReader(r.host)
			if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte(r.password)) {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, fmt.Sprintf("%v: %s", err, out))
			}
		})
	}
	all.Wait()
	if len(failed) > 0 {
		s.t.Errorf("%d of 100 failed, the first with %s", len(failed), failed[0])
	}
	if n := s.minted(id) - before; n != 1 {
		s.t.Errorf("the server was asked for %d credentials", n)
	}
}

// askForMinutes asks for credentials in the background, with commands that talk to the
// server each time. The result waits for the end and checks that nothing failed and that
// the access token was renewed when it had to be.
func (s *zenmlServer) askForMinutes(long time.Duration) (wait func()) {
	s.t.Helper()
	t, r, in := s.t, basicRegistry(s.t), s.door()
	s.registers("minutes", r, "")
	h := newHome(t)
	h.connect(in.url, s.NewAccount(s.t, "minutes"))
	h.zenOK("service-connector", "login", "minutes")
	begin, logins := time.Now(), in.logins()
	done := make(chan []result, 1)
	go func() {
		var bad []result
		rounds := 0
		for ; time.Since(begin) < long && t.Context().Err() == nil; time.Sleep(2 * time.Second) {
			rounds++
			for _, r := range []result{
				h.zen("service-connector", "verify", "minutes"),
				h.zen("login", "minutes"), h.helper("get", r.host),
			} {
				if r.code != 0 {
					bad = append(bad, r)
				}
			}
		}
		if rounds < 20 {
			bad = append(bad, result{line: fmt.Sprintf("only %d rounds in %s", rounds, long)})
		}
		done <- bad
	}()
	return func() {
		for _, r := range <-done {
			t.Errorf("failed while tokens live for a minute:\n%s", r)
		}
		least, most := int(long/time.Minute), 2*int(long/time.Minute)+2
		if n := in.logins() - logins; n < least || n > most {
			t.Errorf("%d logins in %s with tokens of one minute, want %d to %d", n, long, least, most)
		} else {
			t.Logf("%d logins in %s, %d credentials made", n, long, in.minted())
		}
		for _, secret := range append(in.handedOut(), r.password) {
			h.holdsNo(secret)
		}
	}
}

// A revoked key is a sentence, and no storm of logins. Another key for the same server
// takes its place at once.
func (s *zenmlServer) keyIsRevoked() {
	r, in, bot := basicRegistry(s.t), s.door(), s.NewAccount(s.t, "revoked")
	s.registers("revoked", r, "")
	h := newHome(s.t)
	h.connect(in.url, bot)
	h.zenOK("service-connector", "login", "revoked")
	s.Admin(s.t, "PUT", bot.Path, `{"active":false}`, nil)
	h.fails([]string{"refused the login"}, "", "zen", "service-connector", "verify", "revoked")
	h.zenOK("daemon", "restart")
	logins := in.logins()
	for range 20 {
		got := h.fails([]string{"refused the login"}, r.host, "docker-credential-zen", "get")
		if !strings.Contains(got.stderr, "zen server connect "+in.url) {
			s.t.Fatalf("there is no hint what to do:\n%s", got)
		}
	}
	if n := in.logins() - logins; n != 1 {
		s.t.Errorf("20 gets with a revoked key tried %d logins", n)
	}
	if got := h.zenOK("server", "list"); !strings.Contains(got.stdout, "team") {
		s.t.Errorf("the server is not listed any more:\n%s", got)
	}

	s.Admin(s.t, "PUT", bot.Path, `{"active":true}`, nil)
	var rotated struct {
		Body struct {
			Key string `json:"key"`
		} `json:"body"`
	}
	s.Admin(s.t, "PUT", bot.Path+"/rotate", `{"retain_period_minutes":0}`, &rotated)
	h.fails([]string{"refused the login"}, bot.Key, "zen", "server", "connect", in.url, "--api-key-stdin")
	h.connect(in.url, zenmlserver.Account{Key: rotated.Body.Key})
	if got := h.helper("get", r.host); got.code != 0 || !strings.Contains(got.stdout, r.password) {
		s.t.Errorf("with the new key:\n%s", got)
	}
	for _, secret := range []string{bot.Key, rotated.Body.Key, r.password, jwt} {
		h.holdsNo(secret)
	}
}

// A user's password, and a login that a person allows in a browser.
func (s *zenmlServer) otherLogins() {
	r := basicRegistry(s.t)
	s.registers("others", r, "")
	h := newHome(s.t)
	h.fails(
		[]string{"refused the login"},
		"wrong",
		"zen",
		"server",
		"connect",
		s.URL,
		"--username",
		"admin",
		"--password-stdin",
	)
	h.ok(
		zenmlserver.Password,
		"zen",
		"server",
		"connect",
		s.URL,
		"--username",
		"admin",
		"--password-stdin",
		"--name",
		"password",
	)
	h.zenOK("login", "others", "--server", "password")
	h.holdsNo(zenmlserver.Password)

	h, in := newHome(s.t), s.door()
	cmd := h.command("zen", "server", "connect", in.url, "--no-browser", "--name", "device")
	said := &shown{}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	address := regexp.MustCompile(`http://\S+`)
	waitFor(
		s.t,
		"an address to open",
		20*time.Second,
		func() bool { return address.MatchString(said.String()) },
	)
	page, err := url.Parse(address.FindString(said.String()))
	if err != nil {
		s.t.Fatal(err)
	}
	device, code := page.Query().Get("device_id"), page.Query().Get("user_code")
	var asks struct {
		Body struct {
			Host string `json:"hostname"`
			OS   string `json:"os"`
		} `json:"body"`
	}
	s.Admin(s.t, "GET", "/devices/"+device+"?user_code="+code, "", &asks)
	if host, _ := os.Hostname(); asks.Body.Host != host || asks.Body.OS != "linux" {
		s.t.Errorf("whoever is to allow it sees the machine %+v, want %q", asks.Body, host)
	}
	s.Admin(
		s.t,
		"PUT",
		"/devices/"+device+"/verify",
		fmt.Sprintf(`{"user_code":%q,"trusted_device":false}`, code),
		nil,
	)
	if err := cmd.Wait(); err != nil {
		s.t.Fatalf("%v:\n%s", err, said)
	}
	if got := h.zenOK("server", "list", "-o", "csv"); !regexp.MustCompile(`device,\S+,device,admin,`).
		MatchString(got.stdout) {
		s.t.Errorf("the login was allowed:\n%s", got)
	}
	h.zenOK("login", "others", "--server", "device")
	if got := h.helper("get", r.host); got.code != 0 || !strings.Contains(got.stdout, r.password) {
		s.t.Errorf("through a device:\n%s", got)
	}
	for _, secret := range append(in.handedOut(), r.password, jwt) {
		h.holdsNo(secret)
	}
}

// What is renamed, changed or deleted on the server is noticed by a list; and a password
// with a far end of its connector is kept for an hour at most.
func (s *zenmlServer) connectorsChange() {
	r := basicRegistry(s.t)
	id := s.registers("changes", r, `,"expires_at":"2099-01-01T00:00:00"`)
	h := newHome(s.t)
	h.connect(s.URL, s.NewAccount(s.t, "changes"))
	h.zenOK("login", "changes", "--ttl", "8h")
	var status struct {
		Logins []struct {
			Connector string    `json:"connector_name"`
			Server    string    `json:"server"`
			Ends      time.Time `json:"token_expires"`
			Problem   string    `json:"problem"`
		} `json:"logins"`
	}
	see := func() {
		s.t.Helper()
		if err := json.Unmarshal([]byte(h.zenOK("status", "-o", "json").stdout), &status); err != nil ||
			len(status.Logins) != 1 {
			s.t.Fatalf("%+v, %v", status, err)
		}
	}
	if see(); status.Logins[0].Server != "team" || time.Until(status.Logins[0].Ends) > time.Hour {
		s.t.Errorf("after the login: %+v", status)
	}
	s.Admin(s.t, "PUT", "/service_connectors/"+id, `{"name":"changed"}`, nil)
	h.zenOK("service-connector", "list")
	if see(); status.Logins[0].Connector != "changed" || status.Logins[0].Problem != "" {
		s.t.Errorf("after it was renamed: %+v", status)
	}
	h.zenOK("login", "changed")
	s.Admin(s.t, "DELETE", "/service_connectors/"+id, "", nil)
	h.zenOK("service-connector", "list")
	if see(); status.Logins[0].Problem != "service connector 'changed' was deleted on server 'team'" {
		s.t.Errorf("after it was deleted: %+v", status)
	}
	h.fails([]string{"does not have the service connector any more"}, r.host, "docker-credential-zen", "get")
}

// A server that is reached under another address keeps its name and its logins.
func (s *zenmlServer) serverMoves() {
	r := basicRegistry(s.t)
	s.registers("moves", r, "")
	h, in, bot := newHome(s.t), s.door(), s.NewAccount(s.t, "moves")
	h.connect(s.URL, bot)
	h.zenOK("login", "moves")
	again := []string{"server", "connect", in.url, "--api-key-stdin"}
	h.fails([]string{"connected to as 'team'", "add --replace"}, bot.Key, "zen", again...)
	h.ok(bot.Key, "zen", append(again, "--replace")...)
	if got := h.helper("get", r.host); got.code != 0 || !strings.Contains(got.stdout, r.password) {
		s.t.Errorf("after it has moved:\n%s", got)
	}
	if got := h.zenOK("server", "list", "-o", "csv"); !strings.Contains(got.stdout, "team,"+in.url) ||
		strings.Contains(got.stdout, s.URL+",") {
		s.t.Errorf("servers:\n%s", got)
	}
	other := s.NewAccount(s.t, "moves-too")
	h.fails([]string{"is another account"}, other.Key, "zen", again...)
	h.ok(other.Key, "zen", append(again, "--name", "second")...)
}

// shown collects what a running program says.
type shown struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *shown) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *shown) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// A server that is down is no trouble while a credential is valid; then clients are told
// at once; and when it is back, clients get credentials within the pause between two
// attempts.
func (s *zenmlServer) serverStops() {
	long, brief := basicRegistry(s.t), basicRegistry(s.t)
	s.registers("long", long, "")
	end := time.Now().Add(20 * time.Second).Truncate(time.Second)
	moment := func(t time.Time) string {
		return fmt.Sprintf(
			`,"expires_skew_tolerance":1,"expires_at":%q`,
			t.UTC().Format("2006-01-02T15:04:05"),
		)
	}
	id := s.registers("brief", brief, moment(end))
	h := newHome(s.t)
	h.connect(s.URL, s.NewAccount(s.t, "stops"))
	h.zenOK("login", "long")
	h.zenOK("login", "brief")
	s.Admin(
		s.t,
		"PUT",
		"/service_connectors/"+id,
		`{"resource_id":"`+brief.host+`"`+moment(end.Add(time.Hour))+`}`,
		nil,
	)

	s.stop()
	for _, r := range []*registry{long, brief} {
		if got := h.helper("get", r.host); got.code != 0 || !strings.Contains(got.stdout, r.password) {
			s.t.Fatalf("with the server down, while the credential is valid:\n%s", got)
		}
	}
	h.fails([]string{"connection refused"}, "", "zen", "service-connector", "verify", "long")
	var got result
	waitFor(s.t, "the brief credential ends", time.Until(end)+5*time.Second, func() bool {
		got = h.helper("get", brief.host)
		return got.code != 0
	})
	if time.Now().Before(end.Add(-2 * time.Second)) {
		s.t.Errorf("a credential was served until %s before its end", time.Until(end))
	}
	for range 5 {
		if !strings.Contains(got.stdout, "connection refused") || got.elapsed > time.Second {
			s.t.Errorf("with the server down, and the credential at its end:\n%s", got)
		}
		got = h.helper("get", brief.host)
	}
	if got := h.zen("service-connector", "list"); !strings.Contains(got.stderr, "team") ||
		!strings.Contains(got.stdout, "brief") {
		s.t.Errorf("with the server down, list shows what logins use, and who does not answer:\n%s", got)
	}

	s.start()
	took := waitFor(s.t, "a credential after the server started again", time.Minute, func() bool {
		return h.helper("get", brief.host).code == 0
	})
	s.t.Logf("the first credential came %s after the server was back", took.Round(100*time.Millisecond))
	h.zenOK("service-connector", "verify", "long")
	if fresh := h.status().Logins; !slices.ContainsFunc(
		fresh,
		func(l api.Login) bool { return l.Address == brief.host },
	) {
		s.t.Errorf("logins: %+v", fresh)
	}
}
