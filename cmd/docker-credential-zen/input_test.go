package main

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
	"github.com/zen-agent/zen/internal/safetext"
)

// Texts that many inputs are answered with.
const (
	controlText = "zen: the registry address has a control character in it\n"
	spaceText   = "zen: the registry address has a space in it\n"
	charsText   = "zen: the registry address has one of these characters in it: \\ % # or the like\n"
	asciiText   = "zen: the registry address has a character outside ASCII in it\n"
	atText      = "zen: the registry address has an @ in it\n"
	longText    = "zen: the registry address is too long\n"
	largeText   = "zen: the input is larger than 1 MiB\n"
	missingText = missingServerURL + "\n"
)

func notAddress(s, why string) string {
	return "zen: `" + s + "` is not a registry address: " + why + "\n"
}

const (
	onlyHTTP   = "only http:// and https:// can stand before a host"
	noHost     = "the host is missing"
	badLabel   = "a part of the host is not a valid host name"
	badPort    = "the port must be a number from 1 to 65535"
	manyColons = "there are several colons in the host"
	badIPv4    = "an IPv4 address is four numbers from 0 to 255, without leading zeros"
	badIPv6    = "what is in brackets is not an IPv6 address"
	badPath    = "*" // whatever internal/address says of paths
)

// adversarial are inputs of get and erase that are refused, with what is said.
func adversarial() map[string]string {
	list := map[string]string{
		"": missingText, "\n": missingText, "\r\n": missingText, " ": missingText, "   \n": missingText,
		"\r": controlText, "\n\n": controlText, "\t": controlText, "\x00": controlText, "\v": controlText,
		"\x1b[31m":  controlText,
		"ghc\nr.io": controlText, "ghcr.io\n\n": controlText, "ghcr.io\r": controlText,
		"ghcr.io\n\r": controlText, "\nghcr.io": controlText,
		"ghcr.io\r\r\n": controlText, "ghcr.io\x00": controlText, "\x00ghcr.io": controlText,
		"ghcr.io\x00evil.com": controlText,
		"ghcr.io\vevil":       controlText, "ghcr.io\x1b]0;x\a": controlText, "\tghcr.io": controlText,
		"ghcr.io\t": controlText, "ht\ttps://ghcr.io": controlText,
		"ghcr.io\x7f": controlText, "ghcr.io evil.com": spaceText, "https:// ghcr.io": spaceText,
		"ghcr.io\u0085": asciiText, "ghcr.io\u2028": asciiText, "\ufeffghcr.io": asciiText,
		"\xff\xfe": asciiText, "ghcr.io\xa0": asciiText,
		"ghсr.io": asciiText, "ｇhcr.io": asciiText, "\u202eoi.rchg": asciiText, "bücher.example": asciiText,
		"https://docker.io@evil.com": atText, "user:pw@ghcr.io": atText, "ghcr.io@evil.com": atText,
		"ghcr.io/app@sha256:00":     atText,
		`https://ghcr.io\@evil.com`: charsText, `ghcr.io\evil.com`: charsText, "ghcr.io#evil": charsText,
		"ghcr.io%3Fx=y": charsText,
		"ghcr%2eio":     charsText, "ghcr.io%00": charsText, "ghcr.io%2fevil": charsText, "$HOME": charsText,
		"~": charsText, "~/x": charsText,
		"*.ghcr.io": charsText, "ghcr.io;id": charsText, "`id`": charsText, "ghcr.io'": charsText,
		`"ghcr.io"`:               charsText,
		`{"ServerURL":"ghcr.io"}`: charsText,
		"ghcr.io.": notAddress(
			"ghcr.io.",
			badLabel,
		), "ghcr.io:": notAddress("ghcr.io:", badPort), "ghcr.io:00443": notAddress("ghcr.io:00443", badPort),
		"ghcr.io:0": notAddress(
			"ghcr.io:0",
			badPort,
		), "ghcr.io:65536": notAddress("ghcr.io:65536", badPort),
		"ghcr.io:99999999999": notAddress("ghcr.io:99999999999", badPort),
		"ghcr.io:-1": notAddress(
			"ghcr.io:-1",
			badPort,
		), "ghcr.io:latest": notAddress("ghcr.io:latest", badPort), "a:1:2": notAddress("a:1:2", manyColons),
		"ghcr.io:443/../evil": badPath, "ghcr.io/..//x": badPath, "ghcr.io/../..": badPath,
		"ghcr.io//x": badPath, "https://index.docker.io/v1/../v1/": badPath,
		"a/../../b": badPath, "../../etc": badPath, "https:///x": notAddress("https:///x", noHost),
		"https://": notAddress("https://", noHost),
		"/": notAddress(
			"/",
			noHost,
		), ":443": notAddress(":443", noHost), "///x": notAddress("///x", noHost),
		"https:ghcr.io": notAddress("https:ghcr.io", badPort),
		"ftp://ghcr.io": notAddress(
			"ftp://ghcr.io",
			onlyHTTP,
		), "file:///etc/passwd": notAddress("file:///etc/passwd", onlyHTTP),
		"unix:": notAddress("unix:", badPort),
		"unix:///run/x": notAddress(
			"unix:///run/x",
			onlyHTTP,
		), "-rf": notAddress("-rf", badLabel), "--help": notAddress("--help", badLabel),
		".ghcr.io": notAddress(
			".ghcr.io",
			badLabel,
		), "ghcr..io": notAddress("ghcr..io", badLabel),
		"ghcr_io.example": notAddress("ghcr_io.example", badLabel),
		"127.1": notAddress(
			"127.1",
			badIPv4,
		), "0x7f.1": notAddress("0x7f.1", badIPv4), "010.0.0.1": notAddress("010.0.0.1", badIPv4),
		"2130706433": notAddress("2130706433", badIPv4),
		"[::1": notAddress(
			"[::1",
			manyColons,
		), "[::1]x": notAddress("[::1]x", badIPv6), "[fe80::1%25eth0]": charsText,
		"[1.2.3.4]": notAddress("[1.2.3.4]", badIPv6), "::1": notAddress("::1", manyColons),
		"[]": notAddress("[]", badIPv6),
	}
	for _, size := range []int{1<<10 + 1, 64<<10 - 1, 64 << 10, 1 << 20} {
		list[strings.Repeat("a", size)] = longText
	}
	list[strings.Repeat("a", 1<<20+1)] = largeText
	list[strings.Repeat("a", 16<<20)] = largeText
	list[strings.Repeat(" ", 1<<20)] = missingText
	list[strings.Repeat("\n", 1<<20)] = longText
	list[strings.Repeat("[", 1<<20)] = longText
	return list
}

// Each input of get and erase that is none: the exact text, exit status 1, and zend is
// not even asked.
func TestAdversarialAddresses(t *testing.T) {
	w := newWorld(t)
	z := w.startZend()
	for _, a := range []string{"ghcr.io", "docker.io", "evil.com", "localhost"} {
		z.put(a, "alice", "canary")
	}
	var slowest time.Duration
	for input, want := range adversarial() {
		for _, action := range []string{"get", "erase"} {
			r := w.run(input, action)
			slowest = max(slowest, r.took)
			name := action + " " + clip(input)
			if want == badPath {
				if r.code != 1 || !strings.HasPrefix(r.stdout, "zen: `"+input+"` is not a registry "+
					"address: ") {
					t.Errorf("%q: %+v", name, r)
				}
				continue
			}
			if r.stdout != want || r.code != 1 {
				t.Errorf("%q: said %d %q, wanted %q", name, r.code, clip(r.stdout), want)
			}
			if strings.Contains(r.stderr, "goroutine") ||
				strings.ContainsFunc(strings.TrimSuffix(r.stderr, "\n"), safetext.Unsafe) {
				t.Errorf("%q: on standard error: %q", name, r.stderr)
			}
		}
	}
	if asked := z.requests(); len(asked) > 0 {
		t.Errorf("zend was asked: %+v", asked[0])
	}
	t.Logf("slowest: %v", slowest)
}

// Spellings of addresses that clients use are all understood, and echoed as they came.
func TestSpellings(t *testing.T) {
	w := newWorld(t)
	z := w.startZend()
	for _, a := range []string{
		"ghcr.io", "docker.io", "localhost:5000", "[::1]:5000",
		"docker.io/v1/access-token",
	} {
		z.put(a, a, "secret")
	}
	tests := map[string]string{
		"ghcr.io": "ghcr.io", "ghcr.io\n": "ghcr.io", "ghcr.io\r\n": "ghcr.io", " ghcr.io ": "ghcr.io",
		"ghcr.io \n": "ghcr.io", "HTTPS://GHCR.IO": "ghcr.io",
		"ghcr.io:443": "ghcr.io", "https://ghcr.io:443": "ghcr.io", "https://ghcr.io/": "ghcr.io",
		"//ghcr.io": "ghcr.io", "ghcr.io?a=b": "ghcr.io",
		"https://ghcr.io/v2/": "ghcr.io",
		"ghcr.io/team/app":    "ghcr.io", "https://index.docker.io/v1/": "docker.io",
		"docker.io":                      "docker.io",
		"index.docker.io/library/alpine": "docker.io",
		"registry-1.docker.io:443":       "docker.io", "localhost:5000": "localhost:5000",
		"http://localhost:5000": "localhost:5000", "[::1]:5000": "[::1]:5000",
		"https://index.docker.io/v1/access-token": "docker.io/v1/access-token",
	}
	for input, username := range tests {
		echoed := strings.Trim(strings.TrimRight(input, "\r\n"), " ")
		want := `{"ServerURL":"` + echoed + `","Username":"` + username + `","Secret":"secret"}` + "\n"
		w.run(input, "get").check(t, input, want, "", 0)
	}
	// Near misses are not found: never by prefix or suffix, another port, another
	// registry.
	for _, input := range []string{
		"ghcr.io.evil.com", "xghcr.io", "evil-docker.io", "docker.io.evil.com", "xdocker.io",
		"index.docker.io.evil.com", "registry-1.docker.io.evil",
		"localhost", "localhost:5001", "localhost:50000", "[::1]", "https://index.docker.io/v1/refresh-token",
		"ghcr.io:80", "http://ghcr.io:443", "ghcr.iox", "docker.com", "ghcr.io:4430",
		strings.Repeat("a", 63) + ".example",
	} {
		w.run(input, "get").check(t, input, notFound, "", 1)
	}
}

func TestStore(t *testing.T) {
	w := newWorld(t)
	z := w.startZend()
	quote := func(s string) string {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	doc := func(url, username, secret string) string {
		return `{"ServerURL":` + quote(
			url,
		) + `,"Username":` + quote(
			username,
		) + `,"Secret":` + quote(
			secret,
		) + `}`
	}
	good := []struct{ input, url, username, secret string }{
		{doc("ghcr.io", "alice", "secret"), "ghcr.io", "alice", "secret"},
		{doc("ghcr.io", "alice", "secret") + "\n", "ghcr.io", "alice", "secret"},
		{doc("ghcr.io", "alice", "secret") + " \r\n\t\n", "ghcr.io", "alice", "secret"},
		{"\r\n{\n \"Secret\" : \"s\" " +
			",\n\t\"Username\":\"u\",\"ServerURL\":\"ghcr.io\"\n}", "ghcr.io", "u", "s"},
		{doc(" ghcr.io ", "alice", "secret"), "ghcr.io", "alice", "secret"},
		{doc("https://index.docker.io/v1/", "<token>", "t"), "https://index.docker.io/v1/", "<token>", "t"},
		{doc("ghcr.io", "al:ice <ü>", "\x00\n\r\t\x1b\x7f\u0085\u2028😀\"\\/"), "ghcr.io", "al:ice " +
			"<ü>", "\x00\n\r\t\x1b\x7f\u0085\u2028😀\"\\/"},
		{
			`{"ServerURL":"gh\u0063r.io","Username":"\u0061","Secret":"\ud83d\ude00","More":{"a":[1,` +
				`{"b":null}]}}`,
			"ghcr.io",
			"a",
			"😀",
		},
		{`{"ServerURL":"ghcr.io","serverurl":"evil.com","Username":"a","Secret":"s"}`, "ghcr.io", "a", "s"},
	}
	for _, size := range []int{
		2559, 2560, 2561, 4095, 4096, 4097, 64<<10 - 1, 64 << 10, 100 << 10,
		1<<20 - len(doc("ghcr.io", "a", "")),
	} {
		good = append(
			good,
			struct{ input, url, username, secret string }{
				doc("ghcr.io", "a", strings.Repeat("x", size)),
				"ghcr.io",
				"a",
				strings.Repeat("x", size),
			},
		)
	}
	for _, tt := range good {
		w.run(tt.input, "store").check(t, clip(tt.input), "", "", 0)
		asked := z.requests()
		if len(asked) != 1 || asked[0] != (params{"store", tt.url, tt.username, tt.secret, w.home, ""}) {
			t.Errorf("%q: sent %d requests", clip(tt.input), len(asked))
		}
	}

	const cannot = "zen: the input of store cannot be used: "
	bad := map[string]string{
		"": cannot + "not valid JSON at byte 0\n", "\n": cannot + "not valid JSON at byte " +
			"1\n", "ghcr.io": cannot + "not valid JSON at byte 0\n",
		"null": cannot + "a JSON object was expected\n", "[]": cannot + "a JSON object was " +
			"expected\n", `"x"`: cannot + "a JSON object was expected\n",
		"{}": missingServerURL + "\n",
		`{"serverurl":"ghcr.io","username":"a","secret":"s"}`: missingServerURL + "\n",
		doc("", "alice", "s"): missingServerURL + "\n", doc("  ", "alice", "s"): missingServerURL + "\n",
		doc("ghcr.io", "", "s"):                  missingUsername + "\n",
		`{"ServerURL":"ghcr.io","Secret":"s"}`:   missingUsername + "\n",
		doc("ghcr.io", "alice", ""):              "zen: the secret is empty\n",
		`{"ServerURL":"ghcr.io","Username":"a"}`: "zen: the secret is empty\n",
		doc("ghcr.io", "alice", "s") + "x":       cannot + "not valid JSON at byte 55\n",
		doc("ghcr.io", "alice", "s") + "{}":      cannot + "not valid JSON at byte 55\n",
		doc("ghcr.io", "alice", "s") + "\x00":    cannot + "not valid JSON at byte 55\n",
		doc("ghcr.io", "alice", "s")[:50]:        cannot + "not valid JSON at byte 50\n",
		`{"ServerURL":"ghcr.io","ServerURL":"evil.com","Username":"a","Secret":"s"}`: cannot +
			"a member is there twice: \"ServerURL\"\n",
		`{"ServerURL":"ghcr.io","Server\u0055RL":"evil.com","Username":"a","Secret":"s"}`: cannot +
			"a member is there twice: \"ServerURL\"\n",
		`{"ServerURL":["ghcr.io"],"Username":"a","Secret":"s"}`: cannot +
			"ServerURL is not a string\n",
		`{"ServerURL":"ghcr.io","Username":1,"Secret":"s"}`: cannot +
			"Username is not a string\n",
		`{"ServerURL":"ghcr.io","Username":"a","Secret":null}`: cannot +
			"Secret is not a string\n",
		`{"ServerURL":"ghcr.io","Username":"a","Secret":{"canary":1}}`: cannot +
			"Secret is not a string\n",
		`{"ServerURL":"ghcr.io","Username":"a","Secret":"\ud800"}`: cannot +
			"a JSON string has half a surrogate pair in it\n",
		"{\"ServerURL\":\"ghcr.io\",\"Username\":\"a\",\"Secret\":\"a\nb\"}": cannot +
			"not valid JSON at byte 49\n",
		"{\"ServerURL\":\"ghcr.io\",\"Username\":\"a\",\"Secret\":\"\xff\"}": cannot +
			"not valid JSON at byte 48\n",
		"\ufeff" + doc("ghcr.io", "alice", "s"): cannot +
			"not valid JSON at byte 0\n",
		doc("ghc\nr.io", "alice", "s"):   controlText,
		doc("ghcr.io\n", "alice", "s"):   controlText,
		doc("ghcr.io\x00", "alice", "s"): controlText, doc("user:pw@ghcr.io", "alice", "s"): atText,
		doc("https:///x", "alice", "s"): notAddress("https:///x", noHost),
		doc("ghcr.io", "al\nice", "s"): "zen: the user name has a control character in " +
			"it\n", doc("ghcr.io", "al\x00ice", "s"): "zen: the user name has a control character in it\n",
		doc("ghcr.io", "al\u2028ice", "s"): "zen: the user name has a control " +
			"character in it\n",
		strings.Repeat("[", 1_000_000):                              cannot + "JSON is nested too deep\n",
		strings.Repeat(`{"a":`, 200_000):                            cannot + "JSON is nested too deep\n",
		doc("ghcr.io", "alice", strings.Repeat("x", 1<<20)):         largeText,
		doc("ghcr.io", "alice", "s") + strings.Repeat(" ", 1<<20):   largeText,
		doc("ghcr.io", "alice", strings.Repeat("canary ", 3<<20/7)): largeText,
	}
	for input, want := range bad {
		r := w.run(input, "store")
		if r.stdout != want || r.code != 1 {
			t.Errorf("%q: said %d %q, wanted %q", clip(input), r.code, clip(r.stdout), want)
		}
		if strings.Contains(r.stdout+r.stderr, "canary") {
			t.Errorf("%q: the secret is repeated", clip(input))
		}
	}
	if asked := z.requests(); len(asked) > 0 {
		t.Errorf("zend was asked: %+v", asked[0])
	}
}

// checkServerURLInput: what is accepted is the input without one line ending and outer
// spaces, has nothing that could end a line or steer a terminal, and is an address; what
// is refused is refused with an error for a person.
func checkServerURLInput(t *testing.T, input []byte) {
	url, a, err := parseServerURL(input)
	if err != nil {
		_, plain := errors.AsType[protocolError](err)
		if _, ok := errors.AsType[*credential.Error](err); !ok && !plain ||
			strings.ContainsFunc(err.Error(), safetext.Unsafe) {
			t.Errorf("%q is refused with %q", input, err)
		}
		return
	}
	bare := strings.TrimSuffix(strings.TrimSuffix(string(input), "\n"), "\r")
	if !strings.HasSuffix(string(input), "\n") {
		bare = string(input)
	}
	if strings.Trim(bare, " ") != url || url == "" || strings.ContainsFunc(url, safetext.Unsafe) ||
		!utf8.ValidString(url) {
		t.Errorf("%q is read as %q", input, url)
	}
	if want, _, err := address.ParseURL(url); err != nil || want != a {
		t.Errorf("%q is the address %v", input, a)
	}
}

func FuzzServerURL(f *testing.F) {
	for input := range adversarial() {
		f.Add([]byte(input[:min(len(input), 2048)]))
	}
	for _, input := range []string{
		"ghcr.io", "ghcr.io\r\n", "https://index.docker.io/v1/", "[::1]:5000",
		"host.example/Group/Project",
	} {
		f.Add([]byte(input))
	}
	f.Fuzz(checkServerURLInput)
}

// checkLoginInput: what store accepts is what encoding/json reads, and complete.
func checkLoginInput(t *testing.T, input []byte) {
	l, err := parseLogin(input)
	if err != nil {
		if strings.ContainsFunc(err.Error(), safetext.Unsafe) {
			t.Errorf("%q is refused with %q", input, err)
		}
		return
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(input, &members); err != nil {
		t.Fatalf("%q is accepted: %v", input, err)
	}
	for name, ours := range map[string]string{"ServerURL": l.url, "Username": l.username, "Secret": ""} {
		var theirs string
		if err := json.Unmarshal(members[name], &theirs); err != nil {
			t.Fatalf("%q is accepted: %v", input, err)
		}
		switch name {
		case "ServerURL":
			theirs = strings.Trim(theirs, " ")
		case "Secret":
			secret, err := safejson.Unquote(l.secret)
			if err != nil {
				t.Fatal(err)
			}
			ours = string(secret)
		}
		if ours != theirs || ours == "" {
			t.Errorf("%q: %s is %q, not %q", input, name, ours, theirs)
		}
	}
	if strings.ContainsFunc(l.url+l.username, safetext.IsControl) {
		t.Errorf("%q is accepted with control characters", input)
	}
}

func FuzzLogin(f *testing.F) {
	for _, input := range []string{
		`{"ServerURL":"ghcr.io","Username":"a","Secret":"s"}`, `{"ServerURL":" ` +
			`ghcr.io","Username":"\u0061","Secret":"\ud83d\ude00","x":[{}]}`,
		`{"ServerURL":"ghcr.io","ServerURL":"x","Username":"a","Secret":"s"}`, `{"serverurl":1}`, `[]`, ``,
		`{"ServerURL":"a","Username":"b","Secret":""}`,
	} {
		f.Add([]byte(input))
	}
	f.Fuzz(checkLoginInput)
}

// readInput returns exactly what was written, in whatever pieces, up to its limit.
func FuzzReadInput(f *testing.F) {
	f.Add([]byte("ghcr.io"), uint16(3), uint32(0))
	f.Add([]byte(""), uint16(0), uint32(0))
	f.Add([]byte("x"), uint16(5000), uint32(maxInput-1))
	f.Add([]byte("x"), uint16(5000), uint32(maxInput))
	f.Fuzz(func(t *testing.T, input []byte, piece uint16, more uint32) {
		input = append(input, make([]byte, more%(maxInput+2))...)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		go func() {
			defer w.Close()
			for rest := input; len(rest) > 0; {
				n := min(max(int(piece), len(input)/1000)+1, len(rest)) // a million writes would take seconds
				if _, err := w.Write(rest[:n]); err != nil {
					return
				}
				rest = rest[n:]
			}
		}()
		got, err := readInput(int(r.Fd()), make([]byte, piece), time.Now().Add(time.Minute), time.Minute)
		switch {
		case len(input) > maxInput:
			if !credential.TooLarge.Is(err) {
				t.Errorf("%d bytes: %v", len(input), err)
			}
		case err != nil || string(got) != string(input):
			t.Errorf("%d bytes are read as %d: %v", len(input), len(got), err)
		}
	})
}
