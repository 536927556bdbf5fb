package cli

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/zen-agent/zen/internal/access"
	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/broker"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/credential"
)

// BenchmarkEntities is what a person waits for, zend and its vault included and the start
// of the program left out, with 2,000 service connectors, 500 container registries and
// 200 stacks: a list shall take less than 100 ms, a change less than 30 ms.
func BenchmarkEntities(b *testing.B) {
	zend := realBroker(b, "me", time.Now)
	populate(b, zend)
	z := &fakeZend{socket: serve(b, brokered(zend))}
	run := func(b *testing.B, line string) {
		b.Helper()
		var out, errOut bytes.Buffer
		a := testAppWith(z, "", &errOut, map[string]string{})
		a.Out = &ui.DataWriter{W: &out}
		if code := a.run(b.Context(), words(line)); code != 0 {
			b.Fatalf("zen %s: exit %d: %s", line, code, errOut.String())
		}
	}
	for _, line := range []string{
		"service-connector list", "service-connector list --size 2000 -o csv", "container-registry list",
		"container-registry list --size 500 -o json",
		"container-registry list --name contains:99 --sort_by desc:created", "stack list", "stack list " +
			"--size 200 -o json",
		"stack describe",
	} {
		b.Run(line, func(b *testing.B) {
			for b.Loop() {
				run(b, line)
			}
		})
	}
	for _, change := range []string{
		"container-registry update registry-7 --default_repository=n%d",
		"container-registry connect registry-7 -c connector-7 --no-verify",
		"stack update stack-7 --label n=%d", "stack set stack-%d",
	} {
		b.Run(change, func(b *testing.B) {
			n := 0
			for b.Loop() {
				n++
				line := change
				if bytes.Contains([]byte(change), []byte("%d")) {
					line = fmt.Sprintf(change, n%200)
				}
				run(b, line)
			}
		})
	}
}

func populate(b *testing.B, zend *broker.Broker) {
	b.Helper()
	must := func(err error) {
		if err != nil {
			b.Helper()
			b.Fatal(err)
		}
	}
	host := func(i int) string { return fmt.Sprintf("registry-%d.example.com", i) }
	for i := range 2000 {
		_, err := zend.Connectors.RegisterConnector(b.Context(), access.Caller{},
			api.RegisterConnector{Name: fmt.Sprintf("connector-%d", i), Type: "docker", NoVerify: true},
			map[string]credential.Secret{
				"username": credential.SecretString("u"), "password": credential.SecretString("p"),
				"registry": credential.SecretString(host(i)),
			})
		must(err)
	}
	for i := range 500 {
		_, err := zend.Registries.RegisterRegistry(b.Context(), api.RegisterRegistry{
			Name: fmt.Sprintf("registry-%d", i), Configuration: map[string]string{"uri": host(i)},
			Connector: fmt.Sprintf("connector-%d", i),
			NoVerify:  true,
		})
		must(err)
	}
	for i := range 200 {
		_, err := zend.Stacks.RegisterStack(b.Context(), api.RegisterStack{
			Name: fmt.Sprintf(
				"stack-%d",
				i,
			), Components: map[string]string{"container_registry": fmt.Sprintf("registry-%d", i)},
		})
		must(err)
	}
}
