package exec

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/connector"
	"github.com/zen-agent/zen/internal/credential"
)

const (
	kindType     = "exec"
	resourceType = "docker-registry"

	methodHelper  = "docker-helper"
	methodCommand = "command"
	methodKubelet = "kubelet-plugin"

	attrCommand = "command"
	attrArgs    = "args"
	attrEnv     = "env"
	attrTimeout = "timeout_seconds"
	attrImage   = "image"
)

// Limits on time. A docker client waits ten seconds for docker-credential-zen; a program
// that needs longer is done in time for the next try.
const (
	defaultTimeout = 30 * time.Second
	maxTimeout     = 5 * time.Minute
	defaultLife    = 5 * time.Minute // of a credential that does not say how long it lives
	minLife        = 30 * time.Second
	maxLife        = 12 * time.Hour
)

// Checker asks registries: a *registryauth.Checker, or something that has one asked.
type Checker interface {
	Verify(
		context.Context,
		connector.Target,
		credential.Credential,
		connector.VerifyOptions,
	) (connector.Report, error)
}

// Kind is the exec kind. Use New.
type Kind struct {
	checker Checker
	now     func() time.Time
	environ func() []string
	self    func() (string, error) // path of zend
}

// New returns the exec kind.
func New(c Checker) *Kind {
	return &Kind{checker: c, now: time.Now, environ: os.Environ, self: os.Executable}
}

// Describe returns the kind in ZenML's type model; ZenML has no such type.
func (*Kind) Describe() api.ConnectorType {
	return api.ConnectorType{
		Name: "Exec Service Connector",
		Type: kindType,
		Description: "Lets another program make the credentials for a Docker or OCI container registry: " +
			"a credential helper that " +
			"you use already, a command of your own, or a kubelet credential provider plugin. zend runs " +
			"it when a credential is " +
			"needed, by its absolute path, without a shell and in a clean environment, and keeps what it " +
			"prints in memory for as " +
			"long as it is good. Arguments and environment are shown to whoever lists processes: keep " +
			"secrets out of them.",
		AuthMethods: []api.AuthMethod{
			method(methodHelper, "Docker credential helper",
				"Another docker-credential-... program, asked with 'get'. Such programs do not tell how "+
					"long a credential is good: "+
					"it is asked for again after --expiration-seconds."),
			method(methodCommand, "Command that prints JSON",
				`A command that prints {"Version": 1, "Username": "...", "Secret": "...", "Expiration": `+
					`"2026-01-02T15:04:05Z"}; the `+
					"expiration may be left out. The registry's host is in its environment as ZEN_REGISTRY."),
			method(methodKubelet, "Kubelet credential provider plugin",
				"A program that reads a CredentialProviderRequest and prints a "+
					"CredentialProviderResponse, such as ecr-credential-provider.",
				api.Attribute{
					Name: attrImage, Title: "Image to ask for. Omit to ask for one of any " +
						"name.", Type: "string",
					Description: "Some plugins decide by the whole name of an image, not only by its " +
						"registry.",
				}),
		},
		ResourceTypes: []api.ResourceType{{
			Type: resourceType,
			Name: "Docker/OCI container registry",
			Description: "The Docker or OCI compatible container registry that the program has " +
				"credentials for. Its resource name is host[:port].",
			AuthMethods: []string{methodHelper, methodCommand, methodKubelet},
			Emoji:       "🐳",
		}},
		Local: true,
		Emoji: "🔧",
	}
}

// method describes a dialect; all have most attributes in common.
func method(name, title, description string, own ...api.Attribute) api.AuthMethod {
	return api.AuthMethod{
		Method: name, Name: title, Description: description,
		Attributes: append([]api.Attribute{
			{Name: attrCommand, Title: "Absolute path of the program", Type: "string", Required: true},
			{
				Name: connector.AttrRegistry, Title: "Registry server URL", Type: "string", Required: true,
				Description: "host[:port] of the registry, docker.io for Docker Hub. Write http:// " +
					"before it if it " +
					"speaks plain http; on another machine that takes --insecure.",
			},
			{Name: attrArgs, Title: "Arguments of the program, as a JSON list", Type: "array"},
			{
				Name: attrEnv, Title: "Environment variables, as a JSON list", Type: "array",
				Description: "Names of variables to pass on from zend's environment, or NAME=VALUE. " +
					"PATH, HOME and the like are always passed on.",
			},
			{
				Name:    attrTimeout,
				Title:   "Seconds the program may take",
				Type:    "integer",
				Default: seconds(defaultTimeout),
			},
		}, own...),
		MinExpirationSeconds:     int(minLife / time.Second),
		MaxExpirationSeconds:     int(maxLife / time.Second),
		DefaultExpirationSeconds: int(defaultLife / time.Second),
	}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// Validate checks the form of the command line and sets the resource id. Whether the
// program is there, and may be run, is looked at when it is run.
func (k *Kind) Validate(spec connector.Spec) (connector.Spec, error) {
	spec, err := connector.Complete(k.Describe(), spec)
	if err != nil {
		return spec, err
	}
	if err := checkCommand(spec.Config); err != nil {
		return connector.Spec{}, err
	}
	own, err := connector.SetRegistry(spec.Config, "")
	if err != nil {
		return connector.Spec{}, err
	}
	if err := checkImage(spec.Config[attrImage], own); err != nil {
		return connector.Spec{}, err
	}
	if err := connector.CheckResource(spec.ResourceID, own); err != nil {
		return connector.Spec{}, err
	}
	spec.ResourceID = own
	return spec, nil
}

func checkCommand(config map[string]string) error {
	command := config[attrCommand]
	if !filepath.IsAbs(command) {
		return connector.Invalid("the command must be an absolute path", "find it with: command "+
			"-v "+filepath.Base(command))
	}
	if isZen(command) {
		return errRecursion(command)
	}
	for _, name := range []string{attrArgs, attrEnv} {
		items, err := connector.List(config[name])
		if err != nil ||
			slices.ContainsFunc(items, func(s string) bool { return strings.ContainsRune(s, 0) }) {
			return connector.Invalid("attribute '"+name+"' has a NUL character in it", "")
		}
	}
	for _, v := range list(config, attrEnv) {
		if name, _, _ := strings.Cut(v, "="); !isVariable(name) {
			return connector.Invalid("'"+name+"' is not a valid name of an environment variable",
				`give names or assignments: --env='["AWS_REGION", "AWS_PROFILE=dev"]'`)
		}
	}
	if limit := timeout(config); limit <= 0 || limit > maxTimeout {
		return connector.Invalid(
			fmt.Sprintf("attribute '%s' must be from 1 to %s", attrTimeout, seconds(maxTimeout)),
			"",
		)
	}
	return nil
}

// isVariable reports whether s is a name as POSIX has them for environment variables.
func isVariable(s string) bool {
	for i, c := range []byte(s) {
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// list is a validated attribute of type array.
func list(config map[string]string, name string) []string {
	items, _ := connector.List(config[name])
	return items
}

func timeout(config map[string]string) time.Duration {
	if config[attrTimeout] == "" {
		return defaultTimeout
	}
	n, err := strconv.Atoi(config[attrTimeout])
	if err != nil || n > int(maxTimeout/time.Second) {
		return -1
	}
	return time.Duration(n) * time.Second
}

// checkImage refuses an image of another registry.
func checkImage(image, own string) error {
	if image == "" {
		return nil
	}
	name, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	a, err := address.Parse(name)
	if err != nil {
		return err
	}
	if a.Host() != own {
		return connector.Invalid("the image is not one of "+own, "give it with its "+
			"registry: "+own+"/team/app")
	}
	return nil
}

// Match answers for the registry and every repository on it.
func (*Kind) Match(spec connector.Spec, a address.Address) (connector.Registry, bool) {
	own, _, ok := connector.RegistryOf(spec, "")
	if !ok || !own.Covers(a) {
		return connector.Registry{}, false
	}
	return connector.Registry{Address: own, Key: own.Host()}, true
}

// MadeBy is the program.
func (*Kind) MadeBy(spec connector.Spec) access.Destination {
	return access.Destination{Place: access.Program, Name: spec.Config[attrCommand]}
}

// Mint runs the program and reads what it prints.
func (k *Kind) Mint(
	ctx context.Context,
	spec connector.Spec,
	reg connector.Registry,
) (credential.Credential, error) {
	d, ok := dialectOf(spec.AuthMethod)
	command := spec.Config[attrCommand]
	if !ok || command == "" {
		return credential.Credential{}, connector.Invalid("missing required attribute '"+attrCommand+"'", "")
	}
	path, err := k.fit(command)
	if err != nil {
		return credential.Credential{}, err
	}
	q := question{registry: reg.Address, image: spec.Config[attrImage]}
	p := program{
		path: path, args: append([]string{command}, d.args(list(spec.Config, attrArgs))...),
		env:   environment(k.environ(), list(spec.Config, attrEnv), reg.Address),
		stdin: d.stdin(q), limit: timeout(spec.Config),
	}
	asked := k.now().Round(0) // the clock of the wall: laptops sleep
	out, err := p.run(ctx)
	defer out.wipe()
	if err != nil {
		return credential.Credential{}, explain(p, out, err)
	}
	cred, err := read(d, out.stdout.bytes(), q, asked)
	if err != nil {
		return credential.Credential{}, unreadable(p, err)
	}
	return k.limited(p, cred, spec, asked)
}

// limited sets the credential's end: what the program said, but not after
// --expiration-seconds.
func (k *Kind) limited(
	p program,
	cred credential.Credential,
	spec connector.Spec,
	asked time.Time,
) (credential.Credential, error) {
	life := time.Duration(spec.ExpirationSeconds) * time.Second
	if life == 0 && cred.Expires.IsZero() {
		life = defaultLife
	}
	if end := asked.Add(life); life != 0 && (cred.Expires.IsZero() || cred.Expires.After(end)) {
		cred.Expires = end
	}
	if !cred.Expires.After(k.now()) {
		cred.Secret.Wipe()
		return credential.Credential{}, credential.NewError(
			credential.NeedsLogin,
			fmt.Sprintf(
				"%s gave a credential that expired at %s",
				p.name(),
				cred.Expires.UTC().Format(time.RFC3339),
			),
			p.tryIt(),
		)
	}
	return cred, nil
}

// Resources lists the one registry.
func (*Kind) Resources(_ context.Context, spec connector.Spec) ([]string, error) {
	own, _, ok := connector.RegistryOf(spec, "")
	if !ok {
		return nil, connector.Invalid(
			"missing required attribute '"+connector.AttrRegistry+"'",
			"add --registry=HOST",
		)
	}
	return []string{own.String()}, nil
}

// Verify runs the program and shows the registry what it made.
func (k *Kind) Verify(
	ctx context.Context, spec connector.Spec, reg connector.Registry, opt connector.VerifyOptions,
) (connector.Report, error) {
	own, plain, ok := connector.RegistryOf(spec, "")
	if !ok {
		return connector.Report{}, connector.Invalid(
			"missing required attribute '"+connector.AttrRegistry+"'",
			"add --registry=HOST",
		)
	}
	cred, err := k.Mint(ctx, spec, reg)
	if err != nil {
		return connector.Report{}, err
	}
	defer cred.Secret.Wipe()
	return k.checker.Verify(ctx, connector.Target{Registry: own, PlainHTTP: plain}, cred, opt)
}
