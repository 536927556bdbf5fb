// Ask gets, keeps and uses credentials through the libraries that registry clients are
// made of, as these clients do.
//
//	ask LIBRARY get SERVER      print the credential as JSON
//	ask LIBRARY list            print the user names by server as JSON
//	ask LIBRARY store SERVER    store the credential that is on standard input as JSON
//	ask LIBRARY erase SERVER
//	ask LIBRARY resolve IMAGE   ask the registry for the image's digest with the credential, and print it
//
// What fails ends with status 1 and the library's own words on standard error.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// limit bounds a call: more than a helper takes at most.
const limit = 50 * time.Second

// credential is one in any of the libraries' forms. Identity is an OAuth2 refresh token.
type credential struct {
	Username string `json:"username,omitempty"`
	Secret   string `json:"secret,omitempty"`
	Identity string `json:"identity,omitempty"`
}

// library asks for credentials and uses them.
type library interface {
	get(ctx context.Context, server string) (credential, error)
	resolve(ctx context.Context, image string) (digest string, err error)
}

// keeper is a library that stores and erases too.
type keeper interface {
	store(ctx context.Context, server string, c credential) error
	erase(ctx context.Context, server string) error
}

// lister is a library that tells all there is, user names by server.
type lister interface {
	list() (map[string]string, error)
}

func open(name string) (library, error) {
	switch name {
	case "helpers":
		return newHelpers(), nil
	case "docker":
		return openDocker(), nil
	case "oras":
		return openOras()
	case "oras-native":
		return nativeOras(), nil
	case "ggcr":
		return defaultKeychain(), nil
	case "ggcr-helper":
		return helperKeychain(), nil
	}
	return nil, errors.New("no library " + name)
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ask:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) < 2 {
		return errors.New("usage: ask LIBRARY VERB [SERVER or IMAGE]")
	}
	lib, err := open(args[0])
	if err != nil {
		return err
	}
	verb, about := args[1], strings.Join(args[2:], " ")
	if about == "" && verb != "list" {
		return errors.New(verb + " what?")
	}
	switch verb {
	case "get":
		c, err := lib.get(ctx, about)
		return printed(out, c, err)
	case "resolve":
		digest, err := lib.resolve(ctx, about)
		return printed(out, digest, err)
	case "list":
		if l, ok := lib.(lister); ok {
			all, err := l.list()
			return printed(out, all, err)
		}
	case "store", "erase":
		if k, ok := lib.(keeper); ok {
			return keep(ctx, k, verb, about, in)
		}
	}
	return errors.New(args[0] + " cannot " + verb)
}

func keep(ctx context.Context, k keeper, verb, server string, in io.Reader) error {
	if verb == "erase" {
		return k.erase(ctx, server)
	}
	var c credential
	if err := json.NewDecoder(in).Decode(&c); err != nil {
		return err
	}
	return k.store(ctx, server, c)
}

func printed(out io.Writer, v any, err error) error {
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(v)
}

// hostOf is the registry that an image's name begins with.
func hostOf(image string) string {
	host, _, _ := strings.Cut(image, "/")
	return host
}
