package logins

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zen-agent/zen/internal/clientconfig"
	"github.com/zen-agent/zen/internal/credential"
	"github.com/zen-agent/zen/internal/safejson"
)

// parallel bounds how many calls of one helper run at a time: each -pass starts gpg.
const parallel = 4

// notFound is how helpers say that they have nothing for a server
// (docker-credential-helpers, credentials).
const notFound = "credentials not found in native keychain"

// secretserviceLabel stands before the server in what docker-credential-secretservice
// lists since 0.9: it lists the labels of its items, and they were given a new form.
const secretserviceLabel = "Registry credentials for " //nolint:gosec // G101: a label

// helper is a program that speaks the protocol of docker-credential-helpers.
type helper struct {
	source  string // "pass"
	program string // "docker-credential-pass"
	path    string // of the file
	environ []string
	limit   time.Duration
}

// list returns the logins that the helper has, by key, without their secrets.
func (h *helper) list(ctx context.Context) ([]*Login, error) {
	output, err := h.call(ctx, "list", nil)
	defer func() { clear(output) }()
	if err != nil {
		return nil, h.explain(err, output)
	}
	var list []*Login
	if text := bytes.TrimSpace(output); len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	err = safejson.Members(output, func(rawKey, value []byte) error {
		username, err := safejson.Unquote(value)
		if err != nil {
			return err
		}
		key := string(rawKey)
		if h.source == "secretservice" {
			key = strings.TrimPrefix(key, secretserviceLabel)
		}
		l := h.login(key)
		if l.Username = string(username); l.Username == "account not defined" {
			l.Username = ""
		}
		l.listed = true
		list = append(list, l)
		return nil
	})
	if err != nil {
		return nil, h.failed(credential.InvalidInput, "lists something that makes no sense: "+err.Error())
	}
	slices.SortFunc(list, func(a, b *Login) int { return strings.Compare(a.Key, b.Key) })
	return list, nil
}

func (h *helper) login(key string) *Login {
	l := &Login{Source: h.source, Helper: h.program, Key: key, helper: h}
	l.locate(clientconfig.ByNamespace, key)
	return l
}

// explain makes an error for a person of the way a call ended.
func (h *helper) explain(err error, output []byte) error {
	if _, ok := errors.AsType[*credential.Error](err); ok {
		return err
	}
	return h.failed(credential.Unavailable, "failed: "+said(output))
}

// fetch gets the user name and the secret of a login.
func (l *Login) fetch(ctx context.Context) {
	output, err := l.helper.call(ctx, "get", []byte(l.Key))
	defer func() { clear(output) }()
	if err != nil && ctx.Err() != nil {
		l.Problem = err
		return
	}
	if err != nil && strings.TrimSpace(string(output)) == notFound {
		l.absent()
		return
	}
	if err != nil {
		l.Problem = l.helper.explain(err, output)
		return
	}
	texts, err := safejson.Texts(output, "Username", "Secret")
	switch {
	case err != nil:
		l.Problem = l.helper.failed(credential.InvalidInput, "answers something that makes no sense")
	case len(texts[0])+len(texts[1]) == 0: // docker-credential-pass before 0.7
		l.absent()
	default:
		l.Username, l.Secret = string(texts[0]), credential.NewSecret(texts[1])
		l.check()
	}
}

// absent is for a helper that has nothing. That is an error only if it said otherwise
// before.
func (l *Login) absent() {
	l.Absent = !l.listed
	if l.listed {
		l.Problem = l.helper.failed(credential.NotLoggedIn, "lists it, and has nothing when it is asked "+
			"for it")
	}
}

// Fetch gets the secrets of logins that helpers keep, as far as they were not got before.
// What goes wrong is the login's Problem. The first call of a helper is made alone, since
// it may ask for a passphrase; the others at most four at a time. A helper that does not
// answer in time is not asked any more.
func Fetch(ctx context.Context, list []*Login) {
	byHelper := map[*helper][]*Login{}
	var order []*helper
	for _, l := range list {
		if l.helper == nil || l.Problem != nil || !l.Secret.IsEmpty() {
			continue
		}
		if byHelper[l.helper] == nil {
			order = append(order, l.helper)
		}
		byHelper[l.helper] = append(byHelper[l.helper], l)
	}
	for _, h := range order {
		h.fetchAll(ctx, byHelper[h])
	}
}

func (h *helper) fetchAll(ctx context.Context, list []*Login) {
	first := list[0]
	first.fetch(ctx)
	if credential.Timeout.Is(first.Problem) || ctx.Err() != nil {
		for _, l := range list[1:] {
			l.Problem = first.Problem
		}
		return
	}
	var running sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for _, l := range list[1:] {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			l.fetch(ctx)
		})
	}
	running.Wait()
}

// Erase makes the login's helper forget it.
func (l *Login) Erase(ctx context.Context) error {
	if n := l.accounts(); n > 1 {
		return credential.NewError(credential.InUse, l.Helper+" keeps "+strconv.Itoa(n)+" accounts "+
			"for "+l.Key+
			", of which it hands out one; it would erase all", "look at them: pass ls "+
			"docker-credential-helpers")
	}
	output, err := l.helper.call(ctx, "erase", []byte(l.Key))
	defer clear(output)
	if err != nil && strings.TrimSpace(string(output)) == notFound {
		return nil
	}
	if err != nil {
		return l.helper.explain(err, output)
	}
	return nil
}

// accounts is how many user names docker-credential-pass keeps for the login's registry;
// 0 for other helpers.
func (l *Login) accounts() int {
	if l.Source != "pass" {
		return 0
	}
	return len(passUsers(filepath.Join(l.helper.passDir(), base64.URLEncoding.EncodeToString([]byte(l.Key)))))
}

// passDir is where docker-credential-pass keeps its directories, each of which has the
// name of a server in base64 and a file for each user name (docker-credential-helpers,
// pass.go).
func (h *helper) passDir() string {
	variables := map[string]string{}
	for _, v := range h.environ {
		name, value, _ := strings.Cut(v, "=")
		variables[name] = value
	}
	store := variables["PASSWORD_STORE_DIR"]
	if store == "" {
		store = filepath.Join(variables["HOME"], ".password-store")
	}
	return filepath.Join(store, "docker-credential-helpers")
}

// passList is list for a docker-credential-pass whose own list fails as a whole because
// one of its directories is empty.
func (h *helper) passList() (list []*Login) {
	entries, err := os.ReadDir(h.passDir())
	if err != nil {
		return nil
	}
	for _, e := range entries {
		key, err := base64.URLEncoding.DecodeString(e.Name())
		users := passUsers(filepath.Join(h.passDir(), e.Name()))
		if err != nil || len(users) == 0 {
			continue
		}
		l := h.login(string(key))
		l.Username, l.listed = users[0], true // it hands out the first one
		list = append(list, l)
	}
	return list
}

// passUsers are the user names in a directory of pass, sorted.
func passUsers(dir string) (users []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".gpg"); ok {
			users = append(users, name)
		}
	}
	return users
}

// Return gives the login back to its helper.
func (l *Login) Return(ctx context.Context) error {
	input := append(make([]byte, 0, 6*l.Secret.Len()+len(l.Key)+len(l.Username)+256), `{"ServerURL":`...)
	input = safejson.AppendString(input, l.Key)
	input = append(input, `,"Username":`...)
	input = safejson.AppendString(input, l.Username)
	input = append(input, `,"Secret":`...)
	input = append(safejson.AppendString(input, l.Secret.Reveal()), '}')
	defer clear(input)
	output, err := l.helper.call(ctx, "store", input)
	defer clear(output)
	if err != nil {
		return l.helper.explain(err, output)
	}
	return nil
}
