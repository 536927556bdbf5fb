package stack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

// stdio means standard output or input where a file is named.
const stdio = "-"

func (a *Commands) stackExportCommand() *cobra.Command {
	names := command.CompleteFrom(a.zend, 1, stackNames)
	return &cobra.Command{
		Use: "export [STACK_NAME_ID_OR_PREFIX] [FILENAME]", Short: "Export a stack to a YAML file",
		Long: `Write a stack in ZenML's format: the one with that name, or the active one. Without a
file name it goes to standard output. No credentials are in it; ZenML and zen import it.`,
		Example: "  zen stack export prod prod.yaml\n  zen stack export > stack.yaml",
		Args:    command.Arguments(0, 2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]string,
			cobra.ShellCompDirective,
		) {
			if len(args) == 1 {
				return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
			}
			return names(cmd, args, typed)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := zend.Call[api.StackFile](
				cmd.Context(),
				a.zend,
				api.MethodStackExport,
				api.Ref{Name: ui.Optional(args)},
			)
			if err != nil {
				return err
			}
			a.warnOfFlavors(file)
			if len(args) < 2 || args[1] == stdio {
				return writeStack(a.Out, file)
			}
			if err := exportTo(args[1], file); err != nil {
				return ui.Refused("cannot write the file: "+err.Error(), "")
			}
			a.Say("Exported stack '%s' to file '%s'.", file.StackName, args[1])
			return nil
		},
	}
}

// warnOfFlavors says which components ZenML could not import: those that were named to
// zen and nothing else.
func (a *Commands) warnOfFlavors(file api.StackFile) {
	var unknown []string
	for _, name := range slices.Sorted(maps.Keys(file.Components)) {
		for _, c := range file.Components[name] {
			if c.Flavor == "" {
				unknown = append(unknown, name+" '"+c.Name+"'")
			}
		}
	}
	if unknown != nil {
		a.Warn("zen does not know the flavor of "+strings.Join(unknown, ", "),
			"fill in flavor: and configuration: before ZenML imports it")
	}
}

// exportTo writes a stack to a file. What its components are configured with may be
// nobody else's business.
func exportTo(name string, file api.StackFile) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return writeStack(f, file)
}

// writeStack writes ZenML's YAML, with its order of members.
func writeStack(w io.Writer, file api.StackFile) error {
	components := map[string][]ui.Object{}
	for name, list := range file.Components {
		for _, c := range list {
			configuration := c.Configuration
			if configuration == nil {
				configuration = map[string]any{}
			}
			o := ui.Object{{"configuration", configuration}, {"flavor", c.Flavor}}
			if len(c.Labels) > 0 {
				o = append(o, ui.Member{"labels", c.Labels})
			}
			components[name] = append(
				components[name],
				append(o, ui.Member{"name", c.Name}, ui.Member{"type", name}),
			)
		}
	}
	encoded, err := ui.IndentedJSON(ui.Object{
		{"components", components}, {"stack_name", file.StackName}, {"zenml_version", file.ZenMLVersion},
	})
	if err != nil {
		return err
	}
	return ui.WriteYAML(w, encoded)
}

func (a *Commands) stackImportCommand() *cobra.Command {
	var (
		filename string
		ignored  bool
	)
	cmd := &cobra.Command{
		Use: "import [STACK_NAME] -f FILENAME", Short: "Import a stack from YAML",
		Long: `Register a stack, and its container registry unless the same one is there, from a
file in ZenML's format. Files of every ZenML version are read. Without a name the stack has the
file's; the file - is standard input.`,
		Example: "  zen stack import prod -f prod.yaml\n  zen stack export prod | ssh build zen stack " +
			"import -f -",
		Args: command.Arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if filename == "" {
				if len(args) == 0 {
					return ui.Misused(cmd, "Missing option '--filename' / '-f'.")
				}
				filename = args[0] + ".yaml" // ZenML's default
			}
			return a.importStack(cmd.Context(), ui.Optional(args), filename)
		},
	}
	cmd.Flags().StringVarP(&filename, "filename", "f", "", "`FILE` with the stack, or - (default "+
		"STACK_NAME.yaml)")
	cmd.Flags().BoolVar(&ignored, "ignore-version-mismatch", false, "accepted for ZenML's sake: every "+
		"version is read")
	command.Complete(
		cmd,
		"filename",
		func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
		},
	)
	return cmd
}

func (a *Commands) importStack(ctx context.Context, name, filename string) error {
	file, err := a.readStack(ctx, filename)
	if err != nil {
		return err
	}
	if name == "" {
		name = file.StackName
	}
	a.Say("Using '%s' to import '%s' stack.", shownFile(filename), name)
	result, err := zend.Call[api.StackResult](
		ctx,
		a.zend,
		api.MethodStackImport,
		api.ImportStack{Name: name, File: file},
	)
	if err != nil {
		return err
	}
	a.Say("Stack '%s' successfully imported!", result.Stack.Name)
	return nil
}

func shownFile(name string) string {
	if name == stdio {
		return "standard input"
	}
	return name
}

// readStack reads a file in ZenML's format.
func (a *Commands) readStack(ctx context.Context, name string) (file api.StackFile, err error) {
	content, err := a.readInput(ctx, name)
	if err != nil {
		return file, err
	}
	const hint = "such a file is what zen stack export writes"
	if err := yaml.Unmarshal(content, &file); err != nil {
		return file, ui.Refused(shownFile(name)+" is not a stack in ZenML's format: "+err.Error(), hint)
	}
	if len(file.Components) == 0 {
		return file, ui.Refused(shownFile(name)+" is not a stack in ZenML's format: it has no "+
			"components", hint)
	}
	if _, err := json.Marshal(file); err != nil { // keys that are not text, numbers that are none
		return file, ui.Refused(shownFile(name)+" holds what no stack can have: "+err.Error(), hint)
	}
	return file, nil
}

// readInput reads a file, or standard input, of 1 MiB at most.
func (a *Commands) readInput(ctx context.Context, name string) ([]byte, error) {
	if name == stdio {
		return a.Await(ctx, func() ([]byte, error) { return ui.ReadLimited(a.In, "standard input") })
	}
	f, err := os.Open(name)
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return nil, ui.Refused("cannot read "+name+": "+err.Error(), "")
	}
	defer f.Close()
	return ui.ReadLimited(f, name)
}
