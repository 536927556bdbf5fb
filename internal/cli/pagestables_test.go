package cli

import "testing"

// The tables of ZenML's page about the default container registry, to the character.
const (
	pageRegister = `┏━━━━━━━━━━━━━━━━━━━━┯━━━━━━━━━━━━━━━━┓
┃   RESOURCE TYPE    │ RESOURCE NAMES ┃
┠────────────────────┼────────────────┨
┃ 🐳 docker-registry │ docker.io      ┃
┗━━━━━━━━━━━━━━━━━━━━┷━━━━━━━━━━━━━━━━┛
`
	pageResources = "" +
		"┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┯━━━━━━━━━━━━━━━━┯" +
		"━━━━━━━━━━━━━━━━┯━━━━━━━━━━━━━━━━━━━━┯━━━━━━━━━━━━━━━━┓\n" +
		"┃             CONNECTOR ID             │ CONNECTOR NAME │" +
		" CONNECTOR TYPE │ RESOURCE TYPE      │ RESOURCE NAMES ┃\n" +
		"┠──────────────────────────────────────┼────────────────┼" +
		"────────────────┼────────────────────┼────────────────┨\n" +
		"┃ cf55339f-dbc8-4ee6-862e-c25aff411292 │ dockerhub      │" +
		" 🐳 docker      │ 🐳 docker-registry │ docker.io      ┃\n" +
		"┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┷━━━━━━━━━━━━━━━━┷" +
		"━━━━━━━━━━━━━━━━┷━━━━━━━━━━━━━━━━━━━━┷━━━━━━━━━━━━━━━━┛\n"
)

func TestCommandsDrawThePagesTables(t *testing.T) {
	w := smallWorld()
	w.connectors = nil
	z := startZend(t, w)
	for _, tt := range []struct{ line, stdout, stderr string }{
		{
			"service-connector register dockerhub --type docker --username=username " +
				"--password-stdin", pageRegister,
			"Successfully registered service connector `dockerhub` with access to the following resources:\n",
		}, {
			"service-connector list-resources --connector-type docker --resource-id docker.io", pageResources,
			"The  resource with name 'docker.io' can be accessed by 'docker' service connectors that you " +
				"have configured:\n",
		}, {
			"service-connector login dockerhub", "",
			"Attempting to configure local client using service connector 'dockerhub'...\nThe " +
				"'dockerhub' Docker Service Connector " +
				"connector was used to successfully configure the local Docker/OCI container registry " +
				"client/SDK.\n" +
				"Hint: docker does not ask zen for credentials yet: zen setup docker\n",
		},
	} {
		r := zen(t, z, canary, terminalOf{}, words(tt.line)...)
		if r.code != 0 || r.stdout != tt.stdout || r.stderr != tt.stderr {
			t.Errorf(
				"zen %s: exit %d\n%s\n%s\nwant\n%s\n%s",
				tt.line,
				r.code,
				r.stdout,
				r.stderr,
				tt.stdout,
				tt.stderr,
			)
		}
	}
}
