package catalog

import (
	"fmt"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/credential"
)

// shelf is a catalog with something in every field.
func shelf(t testing.TB) *world {
	w := newWorld(t)
	hub := w.connector("dockerhub", "docker", "docker.io")
	reg := w.connector("reg", "docker", "127.0.0.1:5050")
	bad := w.connector("bad", "docker", "127.0.0.1:5050")
	bad.Labels = map[string]string{"env": "dev", "team": ""}
	bad.ExpiresAt, bad.ExpirationSeconds, bad.ExpiresSkewTolerance = new(
		w.now.Add(time.Hour),
	), new(
		3600,
	), new(
		60,
	)
	bad.Description, bad.Owner, bad.Verification, bad.Revision = "does not work", "somebody",
		api.VerificationRejected, 2
	w.put(bad)
	aws := w.connector("Elastic", "aws", "")
	aws.ResourceTypes, aws.AuthMethod, aws.Server, aws.Revision = []string{
		"s3-bucket", "docker-registry",
	}, "iam-role", "https://zen.example", 2
	aws.Labels = map[string]string{"env": "prod"}
	w.put(aws)

	w.registry("local", "default", "127.0.0.1:5050")
	done[api.ContainerRegistry](w)(w.Registries.Connect("local", reg, w.tick()))
	w.registry("dh", "dockerhub", "docker.io/me")
	done[api.ContainerRegistry](w)(w.Registries.Connect("dh", hub, w.tick()))
	done[api.ContainerRegistry](w)(w.Registries.Register(api.RegisterRegistry{
		Name: "gh", Labels: map[string]string{"env": "dev"},
		Configuration: map[string]string{
			"uri": "ghcr.io/me", "default_repository": "us",
		},
	}, nil, w.tick(), "other"))
	w.stack("s", "local", true)
	w.stack("t", "dh", false)
	done[api.Stack](w)(w.Stacks.Update(api.UpdateStack{
		Ref: "t", Description: new("second"), Labels: map[string]*string{"env": new("dev")},
		Components: map[string]*string{
			"step_operator": new("spark"),
		}, Further: map[string][]string{"step_operator": {"vertex"}},
	}, w.tick()))
	return w
}

func (w *world) connectorNames(q api.Query) []string {
	w.Helper()
	list, err := w.Connectors.Query(q, w.now)
	if err != nil {
		w.Errorf("%+v: %v", q, err)
	}
	return names(list.Items, func(s api.ServiceConnector) string { return s.Name })
}

func (w *world) registryNames(q api.Query) []string {
	w.Helper()
	list, err := w.Registries.Query(q)
	if err != nil {
		w.Errorf("%+v: %v", q, err)
	}
	return names(list.Items, func(r api.ContainerRegistry) string { return r.Name })
}

func (w *world) stackNames(q api.Query) []string {
	w.Helper()
	list, err := w.Stacks.Query(q)
	if err != nil {
		w.Errorf("%+v: %v", q, err)
	}
	return names(list.Items, func(s api.Stack) string { return s.Name })
}

func names[T any](list []T, name func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = name(v)
	}
	return out
}

type filters = map[string][]string

func only(field string, values ...string) api.Query {
	return api.Query{Filters: filters{field: values}}
}

// As in ZenML's tables: what is active first, then connectors from the oldest on,
// components and stacks from the newest.
func TestOrderWhenNobodyAsksForOne(t *testing.T) {
	w := shelf(t)
	wantSame(t, "connectors", w.connectorNames(api.Query{}), []string{"reg", "dockerhub", "bad", "Elastic"})
	wantSame(t, "registries", w.registryNames(api.Query{}), []string{"local", "gh", "dh"})
	wantSame(t, "stacks", w.stackNames(api.Query{}), []string{"s", "t", "default"})
}

func TestFilterConnectors(t *testing.T) {
	w := shelf(t)
	bad, _ := w.Connectors.Resolve("bad", ByPrefix)
	for _, tt := range []struct {
		q    api.Query
		want []string
	}{
		{only("name", "reg"), []string{"reg"}},
		{only("name", "contains:docker"), []string{"dockerhub"}},
		{only("name", "startswith:zzz"), []string{}},
		{only("name", `oneof:["bad","reg"]`), []string{"reg", "bad"}},
		{only("name", "contains:d", "endswith:d"), []string{"bad"}},
		{only("id", bad.ID), []string{"bad"}},
		{only("id", "startswith:"+bad.ID[:8]), []string{"bad"}},
		{only("description", "contains:work"), []string{"bad"}},
		{only("connector_type", "aws"), []string{"Elastic"}},
		{only("connector-type", "aws"), []string{"Elastic"}},
		{only("type", "notequals:docker"), []string{"Elastic"}},
		{only("auth_method", "password"), []string{"reg", "dockerhub", "bad"}},
		{only("resource_type", "s3-bucket"), []string{"Elastic"}},
		{only("resource_types", "contains:registry"), []string{"reg", "dockerhub", "bad", "Elastic"}},
		{only("resource_id", "127.0.0.1:5050"), []string{"reg", "bad"}},
		{only("resource_name", "docker.io"), []string{"dockerhub"}},
		{only("user", "somebody"), []string{"bad"}},
		{only("owner", "me"), []string{"reg", "dockerhub", "Elastic"}},
		{only("created", "lte:"+bad.Created.Format(time.DateTime)), []string{"reg", "dockerhub", "bad"}},
		{only("updated", "gt:"+bad.Created.Format(time.DateTime)), []string{"Elastic"}},
		{only("expires_at", "gt:2026-01-01"), []string{"bad"}},
		{only("expiration_seconds", "gte:3600"), []string{"bad"}},
		{only("expires_skew_tolerance", "60"), []string{"bad"}},
		{only("revision", "1"), []string{"reg", "dockerhub"}},
		{only("active", "true"), []string{"reg"}},
		{only("expired", "true"), []string{}},
		{only("verification", "rejected"), []string{"bad"}},
		{only("server", "endswith:example"), []string{"Elastic"}},
		{
			api.Query{Filters: filters{"connector_type": {"docker"}, "resource_id": {"docker.io"}}},
			[]string{"dockerhub"},
		},
		{
			api.Query{
				Filters:  filters{"connector_type": {"aws"}, "resource_id": {"docker.io"}},
				Operator: "or",
			},
			[]string{"dockerhub", "Elastic"},
		},
		{api.Query{Filters: filters{"name": {"reg", "bad"}}, Operator: "OR"}, []string{"reg", "bad"}},
		{api.Query{Filters: filters{}, Operator: "or"}, []string{"reg", "dockerhub", "bad", "Elastic"}},
		{api.Query{Labels: map[string]*string{"env": new("dev")}}, []string{"bad"}},
		{api.Query{Labels: map[string]*string{"env": nil}}, []string{"bad", "Elastic"}},
		{api.Query{Labels: map[string]*string{"team": nil}}, []string{"bad"}},
		{api.Query{Labels: map[string]*string{"team": new("x")}}, []string{}},
		{
			api.Query{Labels: map[string]*string{"env": nil}, Filters: filters{"name": {"bad"}}},
			[]string{"bad"},
		},
		{
			api.Query{
				Labels: map[string]*string{"env": new("prod")}, Filters: filters{"name": {"reg"}},
				Operator: "or",
			},
			[]string{"reg", "Elastic"},
		},
	} {
		wantSame(t, fmt.Sprintf("%+v", tt.q), w.connectorNames(tt.q), tt.want)
	}
	w.now = w.now.Add(time.Hour - 59*time.Second)
	wantSame(t, "expired ones", w.connectorNames(only("expired", "true")), []string{"bad"})
}

func TestFilterRegistries(t *testing.T) {
	w := shelf(t)
	reg, _ := w.Connectors.Resolve("reg", ByPrefix)
	s, _ := w.Stacks.Resolve("s", ByPrefix)
	gh, _ := w.Registries.Resolve("gh", ByPrefix)
	for _, tt := range []struct {
		q    api.Query
		want []string
	}{
		{only("flavor", "dockerhub"), []string{"dh"}},
		{only("name", "endswith:h"), []string{"gh", "dh"}},
		{only("id", gh.ID), []string{"gh"}},
		{only("type", "container_registry"), []string{"local", "gh", "dh"}},
		{only("type", "orchestrator"), []string{}},
		{only("owner", "other"), []string{"gh"}},
		{only("connector_id", reg.ID), []string{"local"}},
		{only("connector", "dockerhub"), []string{"dh"}},
		{only("connector_type", ""), []string{"gh"}},
		{only("connector_resource_id", "docker.io"), []string{"dh"}},
		{only("stack_id", s.ID), []string{"local"}},
		{only("uri", "contains:.io/"), []string{"gh", "dh"}},
		{only("default_repository", "us"), []string{"gh"}},
		{only("active", "false"), []string{"gh", "dh"}},
		{only("created", "gte:"+gh.Created.Format(time.DateTime)), []string{"gh"}},
		{api.Query{Labels: map[string]*string{"env": nil}}, []string{"gh"}},
	} {
		wantSame(t, fmt.Sprintf("%+v", tt.q), w.registryNames(tt.q), tt.want)
	}
}

func TestFilterStacks(t *testing.T) {
	w := shelf(t)
	local, _ := w.Registries.Resolve("local", ByPrefix)
	for _, tt := range []struct {
		q    api.Query
		want []string
	}{
		{only("name", "t"), []string{"t"}},
		{only("description", "second"), []string{"t"}},
		{only("component_id", local.ID), []string{"s"}},
		{only("component", "vertex"), []string{"t"}},
		{only("container_registry", "dh"), []string{"t"}},
		{only("container-registry", ""), []string{"default"}},
		{only("orchestrator", "default"), []string{"s", "t", "default"}},
		{only("step_operator", "spark"), []string{"t"}},
		{only("deployer", "default"), []string{"default"}},
		{only("alerter", ""), []string{"s", "t", "default"}},
		{only("user", ""), []string{"default"}},
		{only("active", "true"), []string{"s"}},
		{api.Query{Labels: map[string]*string{"env": nil}}, []string{"t"}},
	} {
		wantSame(t, fmt.Sprintf("%+v", tt.q), w.stackNames(tt.q), tt.want)
	}
}

func TestSortBy(t *testing.T) {
	w := shelf(t)
	for by, want := range map[string][]string{
		"name":                    {"Elastic", "bad", "dockerhub", "reg"},
		"asc:name":                {"Elastic", "bad", "dockerhub", "reg"},
		"desc:name":               {"reg", "dockerhub", "bad", "Elastic"},
		"created":                 {"dockerhub", "reg", "bad", "Elastic"},
		"desc:created":            {"Elastic", "bad", "reg", "dockerhub"},
		"resource_name":           {"Elastic", "reg", "bad", "dockerhub"},
		"desc:expires_at":         {"bad", "dockerhub", "reg", "Elastic"},
		"expiration_seconds":      {"dockerhub", "reg", "Elastic", "bad"},
		"desc:active":             {"reg", "dockerhub", "bad", "Elastic"},
		"connector-type":          {"Elastic", "dockerhub", "reg", "bad"},
		"desc:revision":           {"bad", "Elastic", "dockerhub", "reg"},
		"asc:verification":        {"dockerhub", "reg", "Elastic", "bad"},
		"desc:resource_types":     {"Elastic", "dockerhub", "reg", "bad"},
		"expires_skew_tolerance":  {"dockerhub", "reg", "Elastic", "bad"},
		"desc:expiration_seconds": {"bad", "dockerhub", "reg", "Elastic"},
	} {
		wantSame(t, by, w.connectorNames(api.Query{SortBy: by}), want)
	}
	wantSame(t, "stacks", w.stackNames(api.Query{SortBy: "name"}), []string{"default", "s", "t"})
	wantSame(t, "registries", w.registryNames(api.Query{SortBy: "desc:uri"}), []string{"gh", "dh", "local"})
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	for i := range 45 {
		w.connector(fmt.Sprintf("c%02d", i), "docker", "docker.io")
	}
	for _, tt := range []struct {
		page, size  int
		want        api.Page
		first, last string
	}{
		{0, 0, api.Page{Index: 1, MaxSize: 20, TotalPages: 3, Total: 45}, "c00", "c19"},
		{3, 0, api.Page{Index: 3, MaxSize: 20, TotalPages: 3, Total: 45}, "c40", "c44"},
		{2, 1, api.Page{Index: 2, MaxSize: 1, TotalPages: 45, Total: 45}, "c01", "c01"},
		{1, 45, api.Page{Index: 1, MaxSize: 45, TotalPages: 1, Total: 45}, "c00", "c44"},
		{9, 5, api.Page{Index: 9, MaxSize: 5, TotalPages: 9, Total: 45}, "c40", "c44"},
		{0, -1, api.Page{Index: 1, MaxSize: 45, TotalPages: 1, Total: 45}, "c00", "c44"},
		{1, 1 << 62, api.Page{Index: 1, MaxSize: 1 << 62, TotalPages: 1, Total: 45}, "c00", "c44"},
	} {
		list, err := w.Connectors.Query(api.Query{Page: tt.page, Size: tt.size}, w.now)
		if err != nil {
			t.Errorf("page %d of %d: %v", tt.page, tt.size, err)
			continue
		}
		wantSame(t, "page", list.Page, tt.want)
		if got := list.Items; got[0].Name != tt.first || got[len(got)-1].Name != tt.last {
			t.Errorf("page %d of %d: %s to %s", tt.page, tt.size, got[0].Name, got[len(got)-1].Name)
		}
	}
	list, err := w.Connectors.Query(only("name", "nobody"), w.now)
	if err != nil || list.Items == nil || len(list.Items) != 0 || list.Page != (api.Page{
		Index: 1, MaxSize: 20, TotalPages: 1,
	}) {
		t.Errorf("nothing found: %+v, %v", list, err)
	}
	if list, err := w.Connectors.Query(api.Query{
		Filters: filters{"name": {"nobody"}}, Size: -1,
	}, w.now); err != nil || list.Page.TotalPages != 1 {
		t.Errorf("nothing found, all on a page: %+v, %v", list.Page, err)
	}
}

func TestQueriesThatMakeNoSense(t *testing.T) {
	w := shelf(t)
	for _, tt := range []struct {
		q     api.Query
		texts []string
	}{
		{api.Query{Page: 2}, []string{"Invalid page 2. The requested page size is 20 and there are a " +
			"total of 4 items for this query. " +
			"The maximum page value therefore is 1."}},
		{api.Query{Page: -1}, []string{"count from 1"}},
		{api.Query{Size: -2}, []string{"count from 1"}},
		{only("nosuch", "1"), []string{"there is no field 'nosuch'", "fields are: active, auth_method, " +
			"connector_type"}},
		{only("created", "gte:soon"), []string{"filter 'created'", `"soon" is not a time`}},
		{only("active", "yes please"), []string{"filter 'active'"}},
		{api.Query{SortBy: "desc:nosuch"}, []string{"there is no field 'nosuch'"}},
		{api.Query{SortBy: "down:name"}, []string{"there is no order 'down'", "desc:FIELD"}},
		{api.Query{Operator: "xor"}, []string{"there is no logical operator 'xor'", "and, or"}},
	} {
		_, err := w.Connectors.Query(tt.q, w.now)
		wantError(t, err, credential.InvalidInput, tt.texts...)
		if list, err := w.Connectors.Query(tt.q, w.now); err != nil &&
			(list.Items != nil || list.Page.Index != 0) {
			t.Errorf("%+v: an error and %+v", tt.q, list)
		}
	}
	if _, err := w.Registries.Query(only("nosuch", "1")); !credential.InvalidInput.Is(err) {
		t.Errorf("registries: %v", err)
	}
	if _, err := w.Stacks.Query(only("nosuch", "1")); !credential.InvalidInput.Is(err) {
		t.Errorf("stacks: %v", err)
	}
}

// What a list may take in a catalog far larger than anybody's: 2,000 connectors, 500
// registries, 200 stacks.
func large(t testing.TB) *world {
	w := newWorld(t)
	for i := range 2000 {
		w.connector(fmt.Sprintf("connector-%d", i), "docker", fmt.Sprintf("r%d.example", i))
	}
	for i := range 500 {
		w.registry(fmt.Sprintf("registry-%d", i), "", fmt.Sprintf("r%d.example/team", i))
	}
	for i := range 200 {
		w.stack(fmt.Sprintf("stack-%d", i), fmt.Sprintf("registry-%d", i), i == 100)
	}
	return w
}

func BenchmarkList(b *testing.B) {
	w := large(b)
	for name, list := range map[string]func() error{
		"connectors": func() error {
			_, err := w.Connectors.Query(api.Query{
				Filters: filters{"name": {"contains:9"}}, SortBy: "desc:name", Size: -1,
			}, w.now)
			return err
		},
		"registries": func() error {
			_, err := w.Registries.Query(api.Query{
				Filters: filters{"uri": {"contains:9"}},
				SortBy:  "desc:uri", Size: -1,
			})
			return err
		},
		"stacks": func() error {
			_, err := w.Stacks.Query(api.Query{
				Filters: filters{"container_registry": {"contains:9"}},
				Size:    -1,
			})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := list(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkChange(b *testing.B) {
	w := large(b)
	conn, err := w.Connectors.Resolve("connector-7", ByPrefix)
	if err != nil {
		b.Fatal(err)
	}
	for name, change := range map[string]func() (Change, error){
		"connector update": func() (Change, error) {
			conn.Revision++
			return w.Connectors.Put(conn)
		},
		"registry connect": func() (Change, error) {
			_, c, err := w.Registries.Connect("registry-7", conn, w.tick())
			return c, err
		},
		"stack update": func() (Change, error) {
			_, c, err := w.Stacks.Update(api.UpdateStack{
				Ref: "stack-7", Components: map[string]*string{"container_registry": new("registry-8")},
			}, w.tick())
			return c, err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				c, err := change()
				if err != nil {
					b.Fatal(err)
				}
				w.commit(c)
			}
		})
	}
}
