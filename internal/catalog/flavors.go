package catalog

import (
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/zen-agent/zen/internal/address"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// resourceType is what every container registry needs of a connector.
const resourceType = "docker-registry"

// defaultFlavor takes any uri.
const defaultFlavor = "default"

// flavor is a kind of container registry and the hosts that it is for.
type flavor struct {
	name          string
	integration   string // of ZenML
	description   string
	connectorType string // that it needs; "" is any
	uriHelp       string
	uriSample     string
	hosts         string // regular expression for the whole host; "" is any
	pathless      bool   // the uri is a host and nothing else
}

// flavors are ZenML's, in the order of its list. ZenML itself checks the uri of aws only,
// and that only for a slash; here a flavor takes the hosts that it can work with, and
// default takes all.
func flavors() []flavor {
	return []flavor{
		{
			name: defaultFlavor, integration: "built-in", description: "Any registry, local or remote.",
			uriHelp: "host[:port][/path]; a local registry is localhost:<PORT>", uriSample: "localhost:5000",
		}, {
			name: "azure", integration: "built-in", description: "Azure Container " +
				"Registry.", connectorType: "azure",
			uriHelp: "<registry-name>.azurecr.io", uriSample: "myregistry.azurecr.io",
			hosts: `[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+\.geo)?\.azurecr\.(io|cn|us|de)`,
		}, {
			name: "dockerhub", integration: "built-in", description: "Docker Hub.", connectorType: "docker",
			uriHelp: "docker.io/<account> or index.docker.io/<account>", uriSample: "docker.io/<account>",
			hosts: `docker\.io`,
		}, {
			name: "gcp", integration: "built-in", description: "Google Artifact Registry, or Container " +
				"Registry.",
			connectorType: "gcp",
			uriHelp: "<location>-docker.pkg.dev/<project>/<repository>, or " +
				"[us.|eu.|asia.]gcr.io/<project>",
			uriSample: "europe-west1-docker.pkg.dev/<project>/<repository>",
			hosts: `([a-z0-9-]+\.)?gcr\.io|[a-z0-9-]+-docker\.pkg\.dev|docker\.[a-z0-9-]+\.rep\.pkg\.dev` +
				`|docker\.s3nsregistry\.fr`,
		}, {
			name: "github", integration: "built-in", description: "GitHub Container Registry.",
			uriHelp: "ghcr.io/<organization>, or containers.<host> of a GitHub " +
				"Enterprise", uriSample: "ghcr.io/<organization>",
			hosts: `ghcr\.io|docker\.pkg\.github\.com|containers\.[a-z0-9.-]+(:\d+)?`,
		}, {
			name: "aws", integration: "aws", description: "Amazon Elastic Container " +
				"Registry.", connectorType: "aws",
			uriHelp: "<account>.dkr.ecr.<region>.amazonaws.com, without a path", pathless: true,
			uriSample: "715803424592.dkr.ecr.us-east-1.amazonaws.com",
			hosts: `\d{12}\.dkr[.-]ecr(-fips)?\.[a-z0-9][a-z0-9-]*\.(amazonaws\.(com(\.cn)?|eu)` +
				`|on\.(aws|amazonwebservices\.com\.cn)|sc2s\.sgov\.gov|c2s\.ic\.gov` +
				`|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)` +
				`|public\.ecr\.aws|ecr-public\.aws\.com`,
		}, {
			name: "digitalocean", integration: "digitalocean", description: "DigitalOcean Container " +
				"Registry.",
			uriHelp:   "registry.digitalocean.com/<registry-name>",
			uriSample: "registry.digitalocean.com/<registry-name>",
			hosts:     `registry\.digitalocean\.com`,
		},
	}
}

// retired is an attribute that github had in older ZenML, which no ZenML takes any more:
// one that has it refuses the stack's file.
const retired = "automatic_token_authentication"

// attributes are those that every flavor has; none has others.
func (f flavor) attributes() []api.Attribute {
	return []api.Attribute{
		{
			Name: attributeURI, Title: "Uri", Type: "string", Required: true,
			Description: "Address of the registry: host[:port][/path].",
		}, {
			Name: "default_repository", Title: "Default Repository", Type: "string",
			Description: "Namespace for images on the registry: a Docker Hub user, a GitHub " +
				"organization, a GCP project.",
		}, {
			Name: "authentication_secret", Title: "Authentication Secret", Type: "string",
			Description: "Name of a ZenML secret that holds a username and a password; zen keeps it and " +
				"does not use it.",
		},
	}
}

// attributeURI is the attribute that every registry must have.
const attributeURI = "uri"

// Flavors returns the kinds of container registries.
func (c Registries) Flavors() []api.Flavor {
	var out []api.Flavor
	for _, f := range flavors() {
		out = append(out, api.Flavor{
			Name: f.name, Integration: f.integration, Description: f.description,
			ConnectorType: f.connectorType,
			ResourceType:  resourceType, Attributes: f.attributes(), URIHelp: f.uriHelp,
		})
	}
	return out
}

func flavorNamed(name string) (flavor, error) {
	var known []string
	for _, f := range flavors() {
		if f.name == name {
			return f, nil
		}
		known = append(known, f.name)
	}
	return flavor{}, credential.NewError(credential.NoSuchEntity,
		fmt.Sprintf("No flavor with name '%s' and type 'container_registry' exists.", shorten(name)),
		"known flavors: "+strings.Join(known, ", "))
}

// inferFlavor is the flavor whose hosts a uri is on. A host that only looks like a GitHub
// Enterprise does not count.
func inferFlavor(uri string) flavor {
	all := flavors()
	if a, err := address.Parse(uri); err == nil && !strings.HasPrefix(a.Host(), "containers.") {
		for _, f := range all {
			if f.hosts != "" && f.serves(a.Host()) {
				return f
			}
		}
	}
	return all[0]
}

func (f flavor) serves(host string) bool {
	return f.hosts == "" || regexp.MustCompile(`^(?:`+f.hosts+`)$`).MatchString(host)
}

// configure checks a registry's attributes and returns them as they are kept: without
// empty ones, and the uri without the slashes at its end (ZenML,
// BaseContainerRegistryConfig).
func (f flavor) configure(attributes map[string]string) (map[string]string, error) {
	if err := f.checkKeys(maps.Keys(attributes)); err != nil {
		return nil, err
	}
	out := make(map[string]string)
	for _, a := range f.attributes() {
		v := attributes[a.Name]
		if v == "" {
			continue
		}
		out[a.Name] = v
	}
	uri, err := f.checkURI(out[attributeURI])
	out[attributeURI] = uri
	return out, err
}

// checkKeys refuses attributes that the flavor does not have.
func (f flavor) checkKeys(keys iter.Seq[string]) error {
	known := f.attributeNames()
	var unknown []string
	for key := range keys {
		if !slices.Contains(known, key) {
			unknown = append(unknown, shorten(key))
		}
	}
	if unknown == nil {
		return nil
	}
	slices.Sort(unknown)
	return credential.NewError(credential.InvalidInput,
		fmt.Sprintf("Invalid configuration keys [%s] for %s container_registry.", quoted(unknown), f.name),
		"supported: "+strings.Join(known, ", "))
}

func (f flavor) attributeNames() []string {
	var names []string
	for _, a := range f.attributes() {
		names = append(names, a.Name)
	}
	return names
}

func (f flavor) checkURI(uri string) (string, error) {
	if uri == "" {
		return "", credential.NewError(credential.InvalidInput,
			"container registry configuration is not valid: missing required attribute "+
				"'uri'", "add --uri="+f.uriSample)
	}
	a, err := address.Parse(uri)
	if err != nil {
		return "", err
	}
	uri = strings.TrimRight(uri, "/")
	if a.IsHubToken() {
		return "", credential.NewError(
			credential.InvalidInput,
			uri+" is not a registry",
			"--uri=docker.io/<account>",
		)
	}
	const orDefault = ", or use --flavor=" + defaultFlavor
	if f.pathless && a.Path() != "" {
		return "", credential.NewError(credential.InvalidInput,
			"Property `uri` can not contain a `/`. An example of a valid URI is: `"+f.uriSample+"`",
			"--uri="+a.Host()+" --default_repository="+a.Path()+orDefault)
	}
	if !f.serves(a.Host()) {
		return "", credential.NewError(
			credential.InvalidInput,
			fmt.Sprintf(
				"the %s flavor is for %s, not for %s",
				f.name,
				f.uriHelp,
				a.Host(),
			),
			"--uri="+f.uriSample+orDefault,
		)
	}
	return uri, nil
}

// ownTypes are the connector types that ZenML's flavors are made for.
func ownTypes() []string { return []string{"docker", "aws", "gcp", "azure"} }

// checkConnector refuses a connector that cannot give access to the registry, in ZenML's
// words. Kinds of connectors that ZenML does not have may serve any flavor.
func (f flavor) checkConnector(r api.ContainerRegistry, s api.ServiceConnector) error {
	var problem string
	hint := "pick another: zen service-connector list-resources --resource-id " + r.URI()
	switch {
	case f.connectorType != "" && f.connectorType != s.Type && slices.Contains(ownTypes(), s.Type):
		problem = fmt.Sprintf("connector type '%s' does not match the '%s' connector type specified in the "+
			"stack component requirements", s.Type, f.connectorType)
		hint = "register the container registry with --flavor=" + defaultFlavor + ", which takes any " +
			"connector"
	case len(s.ResourceTypes) > 0 && !slices.Contains(s.ResourceTypes, resourceType):
		problem = fmt.Sprintf("connector does not provide the '%s' resource type specified in the stack "+
			"component "+
			"requirements. Only the following resource types are supported: %s", resourceType,
			strings.Join(s.ResourceTypes, ", "))
	default:
		return checkReach(r, s, hint)
	}
	return credential.NewError(credential.InvalidInput, fmt.Sprintf(
		"The connector with ID %s does not match the component's `%s` of type `container_registry` "+
			"connector requirements: %s. "+
			"Please pick a connector that is compatible with the component flavor and try "+
			"again.", s.ID, r.Name, problem), hint)
}

// checkReach refuses a connector for another host, or for another path on the same host.
func checkReach(r api.ContainerRegistry, s api.ServiceConnector, hint string) error {
	if s.ResourceID == "" {
		return nil // gives access to several resources
	}
	uri, err := address.Parse(r.URI())
	if err != nil {
		return err
	}
	allowed, err := address.Parse(s.ResourceID)
	if err == nil && (allowed.Covers(uri) || uri.Covers(allowed)) {
		return nil
	}
	asked := uri.Host()
	if err == nil && allowed.Path() != "" {
		asked = uri.String()
	}
	return credential.NewError(credential.InvalidInput, fmt.Sprintf(
		"Access to the resource could not be verified: connector '%s' authorization failure: The "+
			"connector does not allow "+
			"access to the provided '%s' Docker/OCI container registry resource. It only allows access "+
			"to the following "+
			"resource: '%s'.",
		s.Name, asked, s.ResourceID), hint)
}
