package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// BenchmarkList is the command's share of listing 2,000 connectors on one page: asking,
// decoding and showing them.
func BenchmarkList(b *testing.B) {
	list := api.ConnectorList{Page: api.Page{Index: 1, MaxSize: 2000, TotalPages: 1, Total: 2000}}
	for i := range 2000 {
		c := smallWorld().connectors[i%3]
		c.ID, c.Name = fmt.Sprintf("%08x-ca5e-45e6-a7b7-6f969cac96e7", i), fmt.Sprintf("connector-%d", i)
		list.Items = append(list.Items, c)
	}
	s := &scripted{answers: map[string][]any{
		api.MethodConnectorList: {
			list,
		}, api.MethodConnectorTypes: {api.ConnectorTypes{Items: smallWorld().types}},
	}}
	for _, args := range []string{"-o table", "-o json", "-o yaml", "-o csv"} {
		for _, width := range []int{0, 80} {
			if width > 0 && args != "-o table" {
				continue
			}
			b.Run(fmt.Sprintf("%s/%d", strings.TrimPrefix(args, "-o "), width), func(b *testing.B) {
				for b.Loop() {
					var out, errOut bytes.Buffer
					a := testAppWith(&fakeZend{}, "", &errOut, map[string]string{})
					a.Out, a.Term.Width = &ui.DataWriter{W: &out}, width
					a.zend = func(bool) (zend.Caller, error) { return s, nil }
					if code := a.run(b.Context(), words("service-connector list --size "+
						"2000 "+args)); code != 0 || out.Len() < 2000*40 {
						b.Fatalf("exit %d, %d bytes: %s", code, out.Len(), errOut.String())
					}
				}
			})
		}
	}
}

// However a command line is mangled, preparing it neither panics nor repeats the value of
// an option in an error.
func FuzzCommandLine(f *testing.F) {
	f.Add("service-connector register n --type docker --password=CANARY")
	f.Add("service-connector register --us.er=CANARY -ri")
	f.Add("service-connector update n -ri=CANARY --x-stdin --y")
	f.Add("connector register -xCANARY -- --password=CANARY")
	f.Add("login n -pCANARY --ttl=CANARY=")
	f.Add(cobra.ShellCompRequestCmd + " service-connector register --pass=CANARY --pa")
	f.Fuzz(func(t *testing.T, line string) {
		var errOut strings.Builder
		a := testAppWith(&fakeZend{}, "", &errOut, map[string]string{})
		a.zend = func(bool) (zend.Caller, error) { return &scripted{}, nil }
		root := a.root()
		args := strings.Fields(line)
		prepared, err := a.line.Normalize(root, args)
		if err == nil {
			var cmd *cobra.Command
			var rest []string
			if cmd, rest, err = root.Find(prepared); err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err != nil {
				err = root.FlagErrorFunc()(root, err)
			}
		}
		if err == nil || !isSecretive(args) {
			return
		}
		if strings.Contains(err.Error(), "CANARY") {
			t.Errorf("zen %s: %v", line, err)
		}
	})
}

// isSecretive reports whether the canary stands only where a secret could: after the
// equals sign of an unknown option, or right after a letter.
func isSecretive(args []string) bool {
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		if strings.Contains(name, "CANARY") &&
			(strings.HasPrefix(arg, "--") || !strings.HasPrefix(arg, "-")) {
			return false
		}
		for _, known := range []string{
			"--ttl", "--page", "--size", "--output", "--expires", "--expiration",
			"-o", "-n", "--limit", "--lines",
		} {
			if strings.HasPrefix(arg, known) {
				return false // what is no number or format is repeated
			}
		}
	}
	return true
}
