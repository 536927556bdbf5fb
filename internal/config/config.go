package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/paths"
	"github.com/zen-agent/zen/internal/safetext"
)

// maxFile bounds config.toml in bytes.
const maxFile = 1 << 20

// Config holds the settings. Values that Load returned are valid.
type Config struct {
	LogLevel LogLevel   `toml:"log_level"`
	List     ListPolicy `toml:"list"`
	LoginTTL Duration   `toml:"login_ttl"` // default time limit of a login; 0: none
	AutoLock Duration   `toml:"auto_lock"` // idle time after which the vault locks itself; 0: never
	IdleExit Duration   `toml:"idle_exit"` // idle time after which zend ends; 0: never
	// what is done about credentials in plain text and clients that lost zen
	Guard  GuardMode `toml:"guard"`
	Misses bool      `toml:"misses"` // what nobody is logged in to is kept for zen audit --misses
	Policy []Rule    `toml:"policy"` // who may use what; none: everybody who is the user
}

// Equal reports whether both say the same.
func (c Config) Equal(o Config) bool {
	rules := slices.EqualFunc(c.Policy, o.Policy, Rule.equal)
	c.Policy, o.Policy = nil, nil
	return rules && reflect.DeepEqual(c, o)
}

// Default returns the settings of an empty config.toml.
func Default() Config { return Config{LogLevel: "info", List: ListAll, Guard: GuardReport} }

// LogLevel is a level of log/slog in lower case.
type LogLevel string

// ListPolicy says which logins are named to a client that asks for a list.
type ListPolicy string

// The list policies.
const (
	ListAll    ListPolicy = "all"
	ListStatic ListPolicy = "static"
	ListNone   ListPolicy = "none"
)

// GuardMode says what zend does about the clients' files.
type GuardMode string

// The modes of the guard.
const (
	GuardReport GuardMode = "report"
	GuardRepair GuardMode = "repair"
	GuardImport GuardMode = "import"
	GuardOff    GuardMode = "off"
)

// UnmarshalTOML takes one of the levels.
func (l *LogLevel) UnmarshalTOML(v any) error {
	return choose(l, v, "debug", "info", "warn", "error")
}

// UnmarshalTOML takes one of the policies.
func (p *ListPolicy) UnmarshalTOML(v any) error { return choose(p, v, ListAll, ListStatic, ListNone) }

// UnmarshalTOML takes one of the modes.
func (m *GuardMode) UnmarshalTOML(v any) error {
	return choose(m, v, GuardReport, GuardRepair, GuardImport, GuardOff)
}

func choose[T ~string](to *T, v any, allowed ...T) error {
	var names []string
	for _, a := range allowed {
		if v == string(a) {
			*to = a
			return nil
		}
		names = append(names, strconv.Quote(string(a)))
	}
	last := len(names) - 1
	return fmt.Errorf(
		"%s is not allowed; write %s or %s",
		show(v),
		strings.Join(names[:last], ", "),
		names[last],
	)
}

// Duration is a time span of 0 to ten years, written "45s", "30m", "12h", "7d" or
// "1h30m".
type Duration time.Duration

// maxDuration keeps sums of times in range.
const maxDuration = 10 * 365 * 24 * time.Hour

// UnmarshalTOML takes a string with units.
func (d *Duration) UnmarshalTOML(v any) error {
	text, ok := v.(string)
	if ok {
		span, err := ParseDuration(text)
		if err == nil && span >= 0 && span <= maxDuration {
			*d = Duration(span)
			return nil
		}
	}
	return fmt.Errorf(`%s is not a valid time; write a number and a unit such as "45s", "30m", "12h" or `+
		`"7d", or "0" for never`, show(v))
}

// ParseDuration is time.ParseDuration with days, which come first and are whole.
func ParseDuration(text string) (time.Duration, error) {
	days, rest, ok := strings.Cut(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 12)
	if err != nil || rest == "" {
		return time.Duration(n) * 24 * time.Hour, err
	}
	span, err := time.ParseDuration(rest)
	if span < 0 {
		err = errors.New("negative")
	}
	return time.Duration(n)*24*time.Hour + span, err
}

// show quotes a value as a person wrote it, shortened.
func show(v any) string {
	text := fmt.Sprint(v)
	if s, ok := v.(string); ok {
		text = strconv.Quote(s)
	}
	if r := []rune(text); len(r) > 60 {
		text = string(r[:60]) + "..."
	}
	return text
}

// Load reads the file; one that does not exist means Default. A link that leads nowhere
// is not that: the settings that it is to lead to may hold rules. Errors are InvalidInput
// and made for a person.
func Load(path string) (Config, error) {
	content, err := read(path)
	if errors.Is(err, os.ErrNotExist) {
		return Default(), nil
	}
	if err != nil {
		return Config{}, wrong("cannot be read: "+reason(err), path, 0, err)
	}
	return parse(path, content)
}

var (
	errDangling = errors.New("it is a symbolic link that leads nowhere")
	errNoFile   = errors.New("it is not a file")
)

// read returns the content of a regular file, which may be reached by links but is the
// user's or root's.
func read(path string) ([]byte, error) {
	content, err := paths.ReadTrusted(path, maxFile+1)
	switch {
	case errors.Is(err, fs.ErrNotExist) && dangles(path):
		return nil, errDangling
	case errors.Is(err, fs.ErrInvalid):
		return nil, errNoFile
	}
	if err == nil && len(content) > maxFile {
		err = fmt.Errorf("it has more than %d bytes", maxFile)
	}
	return content, err
}

// dangles reports whether a path that leads nowhere does so because of a symbolic link:
// itself, or a directory on the way.
func dangles(path string) bool {
	for {
		_, err := os.Lstat(path)
		if err == nil { // the nearest that is there: what it leads to is, too, unless it dangles
			_, err = os.Stat(path)
			return err != nil
		}
		up := filepath.Dir(path)
		if up == path || !errors.Is(err, os.ErrNotExist) {
			return false
		}
		path = up
	}
}

// reason is an error's text without the path, which the message has already.
func reason(err error) string {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

func parse(path string, content []byte) (Config, error) {
	cfg := Default()
	meta, err := toml.NewDecoder(bytes.NewReader(content)).Decode(&cfg)
	if err != nil {
		return Config{}, explain(path, content, err)
	}
	for _, key := range meta.Keys() { // the decoder takes "Policy" for "policy", and of both just one
		if !isSetting(key) {
			return Config{}, unknownSetting(path, content, key)
		}
	}
	if rule, text := checkPolicy(cfg.Policy); text != "" {
		return Config{}, wrong(text, path, lineOfRule(content, rule), nil)
	}
	return cfg, nil
}

// isSetting reports whether a key, as it is written, is the name of a setting.
func isSetting(key toml.Key) bool {
	if len(key) > 1 && key[0] == "policy" {
		return len(key) == 2 && slices.Contains(settings(reflect.TypeFor[Rule]()), key[1])
	}
	return len(key) == 1 && slices.Contains(settings(reflect.TypeFor[Config]()), key[0])
}

// lineOfRule is where the rule of that number begins; 0: the rules are written in another
// way than as [[policy]] tables.
func lineOfRule(content []byte, number int) int {
	line := 0
	for text := range bytes.Lines(content) {
		line++
		head, _ := bytes.CutPrefix(bytes.TrimSpace(text), []byte("[["))
		name, _, isHead := bytes.Cut(head, []byte("]]"))
		if !isHead || string(bytes.Trim(name, " \t\"'")) != "policy" {
			continue
		}
		if number--; number == 0 {
			return line
		}
	}
	return 0
}

// explain says where config.toml is wrong, and what would be right.
func explain(path string, content []byte, err error) error {
	p, ok := errors.AsType[toml.ParseError](err)
	if !ok && !areTables(content, "policy") {
		return wrong(
			"policy is a list of tables: write each as [[policy]]",
			path,
			lineOf(content, toml.Key{"policy"}),
			err,
		)
	}
	if !ok {
		line, text := mismatch(err)
		return wrong(text, path, line, err)
	}
	text := p.Message
	if p.LastKey != "" {
		text = p.LastKey + ": " + text
	}
	return wrong(text, path, p.Position.Line, err)
}

// mismatch takes apart what the decoder says of a value of another type, which it tells
// in a text only: toml: line 3 (last key "policy.confirm"): incompatible types: TOML
// value has type string; destination has type boolean.
func mismatch(err error) (line int, text string) {
	var key, has, wants string
	text = strings.TrimPrefix(err.Error(), "toml: ")
	if n, _ := fmt.Sscanf(text, "line %d (last key %q): incompatible types: TOML value has type %s "+
		"destination has type %s",
		&line, &key, &has, &wants); n != 4 {
		return line, text
	}
	names := map[string]string{"slice": "a list", "boolean": "true or false"}
	return line, fmt.Sprintf(
		"%s: a value of type %s is not allowed; write %s",
		key,
		strings.TrimSuffix(has, ";"),
		cmp.Or(names[wants], wants),
	)
}

// areTables reports whether a setting is what a list of tables can be decoded from, or
// not there.
func areTables(content []byte, name string) bool {
	var all map[string]any
	if _, err := toml.Decode(string(content), &all); err != nil {
		return true
	}
	_, ok := all[name].([]map[string]any)
	return ok || all[name] == nil
}

func wrong(text, path string, line int, cause error) error {
	where := filepath.Base(path)
	if line > 0 {
		where += ", line " + strconv.Itoa(line)
	}
	text = safetext.Line(text) // it may quote the file's bytes
	hint := "edit " + path
	if e, ok := errors.AsType[*credential.Error](cause); ok {
		hint = e.HintText()
	}
	return &credential.Error{
		Reason:  credential.InvalidInput,
		Message: where + ": " + text,
		Hint:    hint,
		Cause:   cause,
	}
}

// unknownSetting names the line of a key that is not a setting.
func unknownSetting(path string, content []byte, key toml.Key) error {
	name, names := key[0], settings(reflect.TypeFor[Config]())
	if len(key) > 1 && slices.Contains(names, name) { // of a table in a list of tables
		name, names = key[0]+"."+key[1], settings(reflect.TypeFor[Rule]())
	}
	text := fmt.Sprintf("there is no setting %q; settings are %s", name, strings.Join(names, ", "))
	return wrong(text, path, lineOf(content, key), nil)
}

// lineOf is where a setting stands that the file has, or the first of that name in a list
// of tables; 0: it cannot be found.
func lineOf(content []byte, key toml.Key) int {
	var top map[string]toml.Primitive
	meta, err := toml.Decode(string(content), &top)
	if err != nil {
		return 0
	}
	where := top[key[0]]
	if len(key) > 1 {
		where = inTables(meta, where, key[1])
	}
	p, _ := errors.AsType[toml.ParseError](meta.PrimitiveDecode(where, new(unwanted)))
	return p.Position.Line
}

// inTables is the first value of that name in a list of tables.
func inTables(meta toml.MetaData, list toml.Primitive, name string) toml.Primitive {
	var tables []map[string]toml.Primitive
	if meta.PrimitiveDecode(list, &tables) == nil {
		for _, t := range tables {
			if v, ok := t[name]; ok {
				return v
			}
		}
	}
	return list
}

// unwanted is a value whose decoding fails, which makes the decoder tell where it stands.
type unwanted struct{}

func (*unwanted) UnmarshalTOML(any) error { return errors.New("unwanted") }

// settings are the names that a table may have.
func settings(table reflect.Type) (names []string) {
	for _, f := range reflect.VisibleFields(table) {
		names = append(names, f.Tag.Get("toml"))
	}
	return names
}
