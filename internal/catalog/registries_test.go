package catalog

import (
	"strings"
	"testing"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

func TestFlavorList(t *testing.T) {
	w := newWorld(t)
	var got []string
	for _, f := range w.Registries.Flavors() {
		got = append(got, strings.Join([]string{f.Name, f.Integration, f.ConnectorType, f.ResourceType}, " "))
		if f.Attributes[0].Name != "uri" || !f.Attributes[0].Required || f.Description == "" ||
			f.URIHelp == "" {
			t.Errorf("flavor %s is %+v", f.Name, f)
		}
	}
	wantSame(t, "flavors", got, []string{ // as ZenML 0.98.0 lists them
		"default built-in  docker-registry",
		"azure built-in azure docker-registry",
		"dockerhub built-in docker docker-registry",
		"gcp built-in gcp docker-registry",
		"github built-in  docker-registry",
		"aws aws aws docker-registry",
		"digitalocean digitalocean  docker-registry",
	})
}

func TestFlavorURIs(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ flavor, uri, kept string }{
		{"default", "localhost:5000", "localhost:5000"},
		{"default", "localhost:5001/", "localhost:5001"},
		{"default", "https://127.0.0.1:5050/x", "https://127.0.0.1:5050/x"},
		{"default", "docker.io/me", "docker.io/me"},
		{"default", "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app//", ""},
		{"default", "registry.example.com/a/b///", ""},
		{"dockerhub", "docker.io/me", "docker.io/me"},
		{"dockerhub", "index.docker.io/me/", "index.docker.io/me"},
		{"dockerhub", "docker.io", "docker.io"},
		{"dockerhub", "https://index.docker.io/v1/", "https://index.docker.io/v1"},
		{"dockerhub", "example.com/me", ""},
		{"dockerhub", "docker.io.example.com", ""},
		{"dockerhub", "https://index.docker.io/v1/access-token", ""},
		{"github", "ghcr.io/me", "ghcr.io/me"},
		{"github", "containers.github.corp.example/org", "containers.github.corp.example/org"},
		{"github", "x.io/me", ""},
		{"github", "ghcr.io:8443/me", ""},
		{
			"aws", "715803424592.dkr.ecr.us-east-1.amazonaws.com",
			"715803424592.dkr.ecr.us-east-1.amazonaws.com",
		},
		{
			"aws", "715803424592.dkr.ecr.us-east-1.amazonaws.com/",
			"715803424592.dkr.ecr.us-east-1.amazonaws.com",
		},
		{
			"aws", "715803424592.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
			"715803424592.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
		},
		{
			"aws", "715803424592.dkr.ecr.cn-north-1.amazonaws.com.cn",
			"715803424592.dkr.ecr.cn-north-1.amazonaws.com.cn",
		},
		{"aws", "715803424592.dkr-ecr.us-east-1.on.aws", "715803424592.dkr-ecr.us-east-1.on.aws"},
		{"aws", "public.ecr.aws", "public.ecr.aws"},
		{"aws", "715803424592.dkr.ecr.us-east-1.amazonaws.com/app", ""},
		{"aws", "715803424592.dkr.ecr.us-east-1.amazonaws.com.evil.example", ""},
		{"aws", "evil.715803424592.dkr.ecr.us-east-1.amazonaws.com", ""},
		{"gcp", "europe-west1-docker.pkg.dev/project/repo", "europe-west1-docker.pkg.dev/project/repo"},
		{"gcp", "eu.gcr.io/project", "eu.gcr.io/project"},
		{"gcp", "gcr.io/project", "gcr.io/project"},
		{"gcp", "docker.europe-west1.rep.pkg.dev/p/r", "docker.europe-west1.rep.pkg.dev/p/r"},
		{"gcp", "pkg.dev/p", ""},
		{"gcp", "notgcr.io/p", ""},
		{"azure", "myregistry.azurecr.io", "myregistry.azurecr.io"},
		{"azure", "MyRegistry.azurecr.io/team", "MyRegistry.azurecr.io/team"},
		{"azure", "my-abc123.azurecr.cn", "my-abc123.azurecr.cn"},
		{"azure", "my.westeurope.geo.azurecr.io", "my.westeurope.geo.azurecr.io"},
		{"azure", "my.westeurope.data.azurecr.io", ""},
		{"azure", "x.azurecr.io.evil.example", ""},
		{"digitalocean", "registry.digitalocean.com/mine", "registry.digitalocean.com/mine"},
		{"digitalocean", "digitalocean.com/mine", ""},
	} {
		r, _, err := w.Registries.Register(api.RegisterRegistry{
			Name: "r", Flavor: tt.flavor, Configuration: map[string]string{"uri": tt.uri},
		}, nil, w.now, "me")
		if tt.kept == "" {
			wantError(t, err, credential.InvalidInput)
			continue
		}
		if err != nil || r.URI() != tt.kept || r.Flavor != tt.flavor {
			t.Errorf("%s %s: %+v, %v", tt.flavor, tt.uri, r, err)
		}
	}
}

func TestFlavorIsInferred(t *testing.T) {
	w := newWorld(t)
	for uri, want := range map[string]string{
		"docker.io/me": "dockerhub", "https://index.docker.io/v1/": "dockerhub",
		"registry-1.docker.io": "dockerhub",
		"ghcr.io/me":           "github", "docker.pkg.github.com/me": "github",
		"715803424592.dkr.ecr.us-east-1.amazonaws.com": "aws", "public.ecr.aws": "aws",
		"europe-docker.pkg.dev/p/r": "gcp", "us.gcr.io/p": "gcp",
		"my.azurecr.io": "azure", "registry.digitalocean.com/x": "digitalocean",
		"localhost:5000": "default", "quay.io/me": "default", "registry.gitlab.com": "default",
		"gcr.io.evil.example":    "default",
		"containers.example.com": "default", "containers.ghcr.io": "default",
	} {
		r, _, err := w.Registries.Register(api.RegisterRegistry{
			Name: "r", Configuration: map[string]string{"uri": uri},
		}, nil, w.now, "me")
		if err != nil || r.Flavor != want {
			t.Errorf("%s: %q, %v, want %s", uri, r.Flavor, err, want)
		}
	}
}

func TestRegisterRegistry(t *testing.T) {
	w := newWorld(t)
	labels := map[string]string{"a": "b"}
	r := done[api.ContainerRegistry](w)(w.Registries.Register(api.RegisterRegistry{
		Name: "c7", Flavor: "default", Labels: labels, Configuration: map[string]string{
			"uri": "localhost:5001/", "default_repository": "",
		},
	}, nil, w.tick(), "me"))
	labels["a"] = "changed by the caller afterwards"
	want := api.ContainerRegistry{
		ID: r.ID, Name: "c7", Flavor: "default", Configuration: map[string]string{"uri": "localhost:5001"},
		Labels: map[string]string{"a": "b"}, Owner: "me", Created: w.now, Updated: w.now,
	}
	wantSame(t, "result", r, want)
	got, err := w.Registries.Resolve("c7", ByPrefix)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, "registry", got, want)
}

func TestRegisterRegistryRefuses(t *testing.T) {
	w := newWorld(t)
	w.registry("local", "", "localhost:5000")
	conf := func(kv ...string) map[string]string {
		m := make(map[string]string)
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	for name, tt := range map[string]struct {
		req    api.RegisterRegistry
		reason credential.Reason
		texts  []string
	}{
		"taken name": {api.RegisterRegistry{
			Name: "local", Configuration: conf("uri", "localhost:5000"),
		}, credential.Exists, []string{
			"Unable to register 'container_registry' component with name 'local': Found an existing " +
				"component with the same name and type.",
		}},
		"no such flavor": {api.RegisterRegistry{
			Name: "c3", Flavor: "nosuch", Configuration: conf("uri", "x.io/me"),
		}, credential.NoSuchEntity, []string{
			"No flavor with name 'nosuch' and type 'container_registry' exists.", "known flavors: " +
				"default, azure, dockerhub",
		}},
		"no uri": {api.RegisterRegistry{Name: "c4", Flavor: "default"}, credential.InvalidInput, []string{
			"missing required attribute 'uri'", "--uri=localhost:5000",
		}},
		"no uri, no flavor": {
			api.RegisterRegistry{Name: "c4"}, credential.InvalidInput, []string{"missing required " +
				"attribute 'uri'"},
		},
		"unknown attribute": {
			api.RegisterRegistry{
				Name: "c6", Flavor: "default", Configuration: conf("uri", "localhost:5001", "nosuch", "1"),
			},
			credential.InvalidInput,
			[]string{
				"Invalid configuration keys ['nosuch'] for default container_registry.", "supported: " +
					"uri, default_repository, authentication_secret",
			},
		},
		"an attribute that ZenML does not take any more": {api.RegisterRegistry{
			Name: "c6", Flavor: "github",
			Configuration: conf("uri", "ghcr.io", "automatic_token_authentication", "true"),
		}, credential.InvalidInput, []string{
			"Invalid configuration keys ['automatic_token_authentication'] for github container_registry.",
		}},
		"a slash in aws": {api.RegisterRegistry{
			Name: "e", Configuration: conf("uri", "715803424592.dkr.ecr.us-east-1.amazonaws.com/app"),
		}, credential.InvalidInput, []string{
			"Property `uri` can not contain a `/`. An example of a valid URI is: " +
				"`715803424592.dkr.ecr.us-east-1.amazonaws.com`",
			"--uri=715803424592.dkr.ecr.us-east-1.amazonaws.com --default_repository=app, or use " +
				"--flavor=default",
		}},
		"a host of somebody else": {
			api.RegisterRegistry{
				Name: "e", Flavor: "dockerhub",
				Configuration: conf("uri", "example.com/me"),
			},
			credential.InvalidInput,
			[]string{
				"the dockerhub flavor is for docker.io/<account> or index.docker.io/<account>, not for " +
					"example.com", "--flavor=default",
			},
		},
		"no address": {
			api.RegisterRegistry{Name: "e", Configuration: conf("uri", "a b")},
			credential.InvalidInput,
			[]string{"registry address"},
		},
		"no name": {
			api.RegisterRegistry{Configuration: conf("uri", "localhost:5000")},
			credential.InvalidInput,
			[]string{"name cannot be empty"},
		},
		"empty label": {
			api.RegisterRegistry{Name: "e", Configuration: conf("uri", "a.io"), Labels: conf("", "x")},
			credential.InvalidInput,
			[]string{"key=value"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, change, err := w.Registries.Register(tt.req, nil, w.now, "me")
			wantError(t, err, tt.reason, tt.texts...)
			if change.Put != nil {
				t.Errorf("change is %+v", change)
			}
		})
	}
}

func TestConnectRegistry(t *testing.T) {
	w := newWorld(t)
	reg := w.connector("reg", "docker", "127.0.0.1:5050")
	hub := w.connector("dockerhub", "docker", "docker.io")
	multi := w.connector("multi", "gcp", "")
	multi.ResourceTypes, multi.Revision = nil, 2
	w.put(multi)
	w.registry("local", "", "127.0.0.1:5050")
	w.registry("hub", "", "index.docker.io/me")
	w.registry("gar", "", "europe-docker.pkg.dev/p/r")

	r := done[api.ContainerRegistry](w)(w.Registries.Connect("local", reg, w.tick()))
	if r.ConnectorID != reg.ID || r.ConnectorName != "reg" || r.ConnectorType != "docker" ||
		r.ConnectorResourceID != "127.0.0.1:5050" ||
		!r.Updated.Equal(w.now) ||
		r.Created.Equal(w.now) {
		t.Errorf("registry is %+v", r)
	}
	if r := done[api.ContainerRegistry](w)(w.Registries.Connect("hub", hub,
		w.tick())); r.ConnectorResourceID != "docker.io" {
		t.Errorf("registry is %+v", r)
	}
	if r := done[api.ContainerRegistry](w)(w.Registries.Connect("gar", multi,
		w.tick())); r.ConnectorResourceID != "europe-docker.pkg.dev/p/r" {
		t.Errorf("registry is %+v", r)
	}
	// In one step with the registration.
	req := api.RegisterRegistry{Name: "c8", Configuration: map[string]string{"uri": "127.0.0.1:5050/x"}}
	if r := done[api.ContainerRegistry](w)(w.Registries.Register(req, &reg, w.tick(),
		"me")); r.ConnectorID != reg.ID ||
		r.ConnectorName != "reg" {
		t.Errorf("registry is %+v", r)
	}
	// Twice is as good as once.
	for range 2 {
		if r := done[api.ContainerRegistry](w)(w.Registries.Disconnect("local",
			w.tick())); r.ConnectorID+r.ConnectorName+r.ConnectorResourceID != "" {
			t.Errorf("registry is %+v", r)
		}
	}
}

func TestConnectRegistryRefuses(t *testing.T) {
	w := newWorld(t)
	hub := w.connector("dockerhub", "docker", "docker.io")
	aws := w.connector("aws", "aws", "715803424592.dkr.ecr.us-east-1.amazonaws.com")
	kube := w.connector("kube", "kubernetes", "")
	kube.ResourceTypes, kube.Revision = []string{"kubernetes-cluster"}, 2
	w.put(kube)
	gar := w.connector("gar", "gcp", "europe-docker.pkg.dev/p1/r1")
	own := w.connector("own", "exec", "715803424592.dkr.ecr.us-east-1.amazonaws.com")
	short := w.connector("short", "docker", "localhost:500")
	w.registry("local2", "", "127.0.0.1:5050")
	w.registry("bad", "", "bad.io/you")
	w.registry("ecr", "", "715803424592.dkr.ecr.us-east-1.amazonaws.com")
	w.registry("artifacts", "", "europe-docker.pkg.dev/p2/r2")
	w.registry("port", "", "localhost:5000")
	for name, tt := range map[string]struct {
		registry string
		conn     api.ServiceConnector
		reason   credential.Reason
		texts    []string
	}{
		"another host": {"local2", hub, credential.InvalidInput, []string{
			"Access to the resource could not be verified: connector 'dockerhub' authorization failure: " +
				"The connector does not allow access " +
				"to the provided '127.0.0.1:5050' Docker/OCI container registry resource. It only allows " +
				"access to the following resource: 'docker.io'.",
			"zen service-connector list-resources --resource-id 127.0.0.1:5050",
		}},
		"the path is not told": {"bad", hub, credential.InvalidInput, []string{"the provided 'bad.io' " +
			"Docker/OCI"}},
		"another port": {
			"port", short, credential.InvalidInput,
			[]string{"'localhost:5000'", "'localhost:500'"},
		},
		"another path": {"artifacts", gar, credential.InvalidInput, []string{
			"the provided 'europe-docker.pkg.dev/p2/r2'", "resource: 'europe-docker.pkg.dev/p1/r1'",
		}},
		"another type": {"ecr", hub, credential.InvalidInput, []string{
			"The connector with ID " + hub.ID + " does not match the component's `ecr` of type " +
				"`container_registry` connector requirements: " +
				"connector type 'docker' does not match the 'aws' connector type specified in the stack " +
				"component requirements. " +
				"Please pick a connector that is compatible with the component flavor and try again.",
			"--flavor=default",
		}},
		"another resource type": {"local2", kube, credential.InvalidInput, []string{
			"connector does not provide the 'docker-registry' resource type", "supported: kubernetes-cluster",
		}},
		"deleted meanwhile": {
			"local2",
			api.ServiceConnector{ID: "gone", Name: "gone"},
			credential.NoSuchEntity,
			[]string{"'gone' was deleted meanwhile"},
		},
		"no such registry": {"nope", hub, credential.NoSuchEntity, []string{
			"No stack_components have been found that have an ID prefix that matches the provided " +
				"string 'nope'.",
		}},
		"no registry in the active stack": {
			"", hub, credential.NoSuchEntity, []string{"active stack 'default'", "zen stack update -c NAME"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, change, err := w.Registries.Connect(tt.registry, tt.conn, w.now)
			wantError(t, err, tt.reason, tt.texts...)
			if change.Put != nil {
				t.Errorf("change is %+v", change)
			}
		})
	}
	done[api.ContainerRegistry](w)(w.Registries.Connect("ecr", aws, w.tick()))
	// a kind that ZenML does not have
	done[api.ContainerRegistry](w)(w.Registries.Connect("ecr", own, w.tick()))
	_, _, err := w.Registries.Register(api.RegisterRegistry{
		Name: "n", Configuration: map[string]string{"uri": "ghcr.io"},
	}, &hub, w.now, "me")
	wantError(t, err, credential.InvalidInput, "the provided 'ghcr.io'")
}

func TestUpdateRegistry(t *testing.T) {
	w := newWorld(t)
	w.registry("dh", "", "docker.io/me")
	r := done[api.ContainerRegistry](w)(w.Registries.Update(api.UpdateRegistry{
		Ref: "dh", Configuration: map[string]*string{
			"uri":                new("docker.io/you/"),
			"default_repository": new("you"),
		},
		Labels: map[string]*string{"a": new("1"), "b": new("2")},
	}, w.tick()))
	wantSame(
		t,
		"configuration",
		r.Configuration,
		map[string]string{"uri": "docker.io/you", "default_repository": "you"},
	)
	wantSame(t, "labels", r.Labels, map[string]string{"a": "1", "b": "2"})
	if !r.Updated.Equal(w.now) || r.Created.Equal(w.now) {
		t.Errorf("times are %v, %v", r.Created, r.Updated)
	}
	r = done[api.ContainerRegistry](w)(w.Registries.Update(api.UpdateRegistry{
		Ref: "dh", Name: new("dhx"), Configuration: map[string]*string{"default_repository": nil},
		Labels: map[string]*string{"a": nil, "never": nil},
	}, w.tick()))
	wantSame(t, "configuration", r.Configuration, map[string]string{"uri": "docker.io/you"})
	wantSame(t, "labels", r.Labels, map[string]string{"b": "2"})
	if r.Name != "dhx" {
		t.Errorf("name is %s", r.Name)
	}
	// The active stack's.
	w.stack("s", "dhx", true)
	if r := done[api.ContainerRegistry](w)(w.Registries.Update(api.UpdateRegistry{Name: new("main")},
		w.tick())); r.Name != "main" ||
		!r.Active {
		t.Errorf("registry is %+v", r)
	}
}

func TestUpdateRegistryRefuses(t *testing.T) {
	w := newWorld(t)
	hub := w.connector("dockerhub", "docker", "docker.io")
	w.registry("local", "", "localhost:5000")
	w.registry("dh", "", "docker.io/me")
	done[api.ContainerRegistry](w)(w.Registries.Connect("dh", hub, w.tick()))
	w.registry("any", "default", "docker.io/me")
	done[api.ContainerRegistry](w)(w.Registries.Connect("any", hub, w.tick()))
	uri := func(s string) map[string]*string { return map[string]*string{"uri": &s} }
	for name, tt := range map[string]struct {
		req    api.UpdateRegistry
		reason credential.Reason
		texts  []string
	}{
		"taken name": {
			api.UpdateRegistry{Ref: "dh", Name: new("local")},
			credential.Exists,
			[]string{"There are already existing components with the name 'local'."},
		},
		"bad name": {
			api.UpdateRegistry{Ref: "dh", Name: new("a\nb")}, credential.InvalidInput, []string{"cannot " +
				"be printed"},
		},
		"remove uri": {
			api.UpdateRegistry{Ref: "dh", Configuration: map[string]*string{"uri": nil}},
			credential.InvalidInput,
			[]string{"missing required attribute 'uri'"},
		},
		"empty uri": {
			api.UpdateRegistry{Ref: "dh", Configuration: uri("")},
			credential.InvalidInput,
			[]string{"missing required attribute 'uri'"},
		},
		"remove the unknown": {
			api.UpdateRegistry{Ref: "dh", Configuration: map[string]*string{"nosuch": nil}},
			credential.InvalidInput,
			[]string{"['nosuch']"},
		},
		"set the unknown": {
			api.UpdateRegistry{Ref: "dh", Configuration: map[string]*string{"nosuch": new("1")}},
			credential.InvalidInput,
			[]string{"['nosuch']"},
		},
		"the flavor's hosts": {
			api.UpdateRegistry{Ref: "dh", Configuration: uri("bad.io/you")},
			credential.InvalidInput,
			[]string{"not for bad.io"},
		},
		"out of the connector's reach": {api.UpdateRegistry{
			Ref: "any", Configuration: uri("bad.io/you"),
		}, credential.InvalidInput, []string{
			"connector 'dockerhub' authorization failure", "'bad.io'", "zen container-registry " +
				"disconnect any",
		}},
		"empty label": {
			api.UpdateRegistry{Ref: "dh", Labels: map[string]*string{"": new("x")}},
			credential.InvalidInput,
			[]string{"key=value"},
		},
		"no such registry": {api.UpdateRegistry{Ref: "nope"}, credential.NoSuchEntity, nil},
		"none is active": {
			api.UpdateRegistry{Name: new("x")},
			credential.NoSuchEntity,
			[]string{"No container registry is set for the active stack 'default'."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := dump(t, w.Catalog)
			_, change, err := w.Registries.Update(tt.req, w.now)
			wantError(t, err, tt.reason, tt.texts...)
			if change.Put != nil {
				t.Errorf("change is %+v", change)
			}
			wantSame(t, "catalog", dump(t, w.Catalog), before)
		})
	}
	r := done[api.ContainerRegistry](w)(w.Registries.Update(api.UpdateRegistry{
		Ref: "any", Configuration: uri("docker.io/you"),
	}, w.tick()))
	if r.ConnectorName != "dockerhub" || r.URI() != "docker.io/you" {
		t.Errorf("registry is %+v", r)
	}
}

// The resource follows the uri when the connector leaves it open.
func TestUpdateOfTheURIMovesTheResource(t *testing.T) {
	w := newWorld(t)
	multi := w.connector("multi", "gcp", "")
	w.registry("gar", "", "europe-docker.pkg.dev/p/r")
	done[api.ContainerRegistry](w)(w.Registries.Connect("gar", multi, w.tick()))
	r := done[api.ContainerRegistry](w)(w.Registries.Update(api.UpdateRegistry{
		Ref: "gar", Configuration: map[string]*string{"uri": new("us-docker.pkg.dev/p/r")},
	}, w.tick()))
	if r.ConnectorResourceID != "us-docker.pkg.dev/p/r" || r.ConnectorName != "multi" {
		t.Errorf("registry is %+v", r)
	}
}

func TestCopyRegistry(t *testing.T) {
	w := newWorld(t)
	reg := w.connector("reg", "docker", "127.0.0.1:5050")
	req := api.RegisterRegistry{
		Name: "local", Configuration: map[string]string{"uri": "127.0.0.1:5050"},
		Labels: map[string]string{"a": "b"},
	}
	a := done[api.ContainerRegistry](w)(w.Registries.Register(req, &reg, w.tick(), "me"))
	w.stack("s", "local", true)
	b := done[api.ContainerRegistry](w)(w.Registries.Copy("local", "local2", w.tick(), "you"))
	if b.ID == a.ID || b.Name != "local2" || b.Owner != "you" || b.Active || !b.Created.Equal(w.now) ||
		b.ConnectorName != "reg" {
		t.Errorf("copy is %+v", b)
	}
	wantSame(t, "configuration", b.Configuration, a.Configuration)
	wantSame(t, "labels", b.Labels, a.Labels)
	_, _, err := w.Registries.Copy("local", "local2", w.now, "me")
	wantError(t, err, credential.Exists)
	_, _, err = w.Registries.Copy("nope", "x", w.now, "me")
	wantError(t, err, credential.NoSuchEntity)
	_, _, err = w.Registries.Copy("local", "", w.now, "me")
	wantError(t, err, credential.InvalidInput)
}

func TestDeleteRegistry(t *testing.T) {
	w := newWorld(t)
	w.registry("local", "", "localhost:5000")
	w.stack("s", "local", true)
	w.stack("my stack", "local", false)
	_, change, err := w.Registries.Delete("local")
	wantError(t, err, credential.InUse,
		"Stack Component `local` of type `container_registry` cannot be deleted as it is part of 2 "+
			"stacks: 's', 'my stack'. "+
			"Before deleting this stack component, make sure to remove it from all "+
			"stacks.", "zen stack remove-component s -c")
	if change.Delete != nil {
		t.Errorf("change is %+v", change)
	}
	for _, s := range []string{"s", "my stack"} {
		done[api.Stack](w)(w.Stacks.Update(api.UpdateStack{
			Ref: s, Components: map[string]*string{"container_registry": nil},
		}, w.tick()))
	}
	done[api.ContainerRegistry](w)(w.Registries.Delete("local"))
	if len(w.Registries.List()) != 0 {
		t.Errorf("left are %+v", w.Registries.List())
	}
	_, _, err = w.Registries.Delete("local")
	wantError(t, err, credential.NoSuchEntity, "zen container-registry list")
}

// What an older zen kept of an attribute that ZenML does not take any more is forgotten,
// so that the registry can be changed and exported.
func TestRetiredAttribute(t *testing.T) {
	w := newWorld(t)
	r := w.registry("gh", "github", "ghcr.io/me")
	old := r
	old.Configuration = map[string]string{"uri": "ghcr.io/me", retired: "true"}
	w.commit(must(put(registryRecord(old))))
	got := done[api.ContainerRegistry](w)(w.Registries.Update(api.UpdateRegistry{
		Ref: "gh", Labels: map[string]*string{"env": new(string)},
	}, w.tick()))
	wantSame(t, "configuration", got.Configuration, map[string]string{"uri": "ghcr.io/me"})
}

func must(c Change, err error) Change {
	if err != nil {
		panic(err)
	}
	return c
}
