package stack

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/safetext"
)

// Command is zen stack.
func (a *Commands) Command() *cobra.Command {
	return command.Group(
		"stack",
		"Manage stacks",
		"  zen stack register prod -c hub --set\n  zen stack list\n  zen login",
		a.stackRegisterCommand(),
		a.stackUpdateCommand(),
		a.stackRemoveComponentCommand(),
		a.stackListCommand(),
		a.stackDescribeCommand(),
		a.stackGetCommand(),
		a.stackSetCommand(),
		a.stackRenameCommand(),
		a.stackCopyCommand(),
		a.stackDeleteCommand(),
		a.stackExportCommand(),
		a.stackImportCommand(),
		command.Absent(map[string]string{ //nolint:gosec // G101: names of commands
			"connect":             "zen container-registry connect NAME --connector CONNECTOR",
			"deploy":              "zenml stack deploy",
			"register-secrets":    "zenml stack register-secrets",
			"export-requirements": "zenml stack export-requirements",
			"set-default":         "zen stack set default",
		}),
	)
}

// registryComponent is the only type of components that means something to zen.
const registryComponent = "container_registry"

// componentType is a type of stack components with ZenML's option for it.
type componentType struct {
	name    string // as in files and filters
	option  string
	letters string
	several bool // a stack may have several; the first is the default
}

// componentTypes are ZenML's (0.98). zen keeps all but container registries as they are
// given.
func componentTypes() []componentType {
	return []componentType{
		{name: "artifact_store", option: "artifact-store", letters: "a"},
		{name: "orchestrator", option: "orchestrator", letters: "o"},
		{name: registryComponent, option: registryComponent, letters: "c"},
		{name: "model_registry", option: "model_registry", letters: "r"},
		{name: "step_operator", option: "step_operator", letters: "s", several: true},
		{name: "feature_store", option: "feature_store", letters: "f"},
		{name: "model_deployer", option: "model_deployer", letters: "d"},
		{name: "experiment_tracker", option: "experiment_tracker", letters: "e", several: true},
		{name: "alerter", option: "alerter", letters: "al", several: true},
		{name: "annotator", option: "annotator", letters: "an"},
		{name: "data_validator", option: "data_validator", letters: "dv"},
		{name: "image_builder", option: "image_builder", letters: "i"},
		{name: "deployer", option: "deployer", letters: "D"},
		{name: "log_store", option: "log_store", letters: "l"},
		{name: "sandbox", option: "sandbox", letters: "sb", several: true},
	}
}

// words is the type in a sentence.
func (t componentType) words() string { return strings.ReplaceAll(t.name, "_", " ") }

// shorthand gives an option ZenML's short form, of one letter or of two.
func (t componentType) shorthand() string {
	if len(t.letters) == 1 {
		return t.letters
	}
	return ""
}

// componentFlags are the components named on the command line, by type.
type componentFlags map[string]*[]string

// addComponentFlags gives a command an option for each type of components.
func (a *Commands) addComponentFlags(cmd *cobra.Command) componentFlags {
	names := componentFlags{}
	for _, t := range componentTypes() {
		usage := "`NAME` of the " + t.words() + " of this stack"
		if t.several {
			usage += "; may be repeated, the first becomes the default"
		}
		names[t.name] = cmd.Flags().StringArrayP(t.option, t.shorthand(), nil, usage)
		if len(t.letters) > 1 {
			command.LongShorthand(cmd, t.letters, t.option)
		}
		command.Complete(cmd, t.option, command.CompleteFrom(a.zend, 0, componentNames(t.name)))
	}
	return names
}

// named are the components that were given: the first of each type, and the others of the
// types that may have several. Elsewhere the last one counts, as it does in ZenML.
func (f componentFlags) named() (first map[string]string, further map[string][]string) {
	first, further = map[string]string{}, map[string][]string{}
	for _, t := range componentTypes() {
		names := *f[t.name]
		switch {
		case len(names) == 0:
		case t.several:
			first[t.name] = names[0]
			if len(names) > 1 {
				further[t.name] = names[1:]
			}
		default:
			first[t.name] = names[len(names)-1]
		}
	}
	return first, further
}

// stackNames lists the stacks, each with its container registry.
func stackNames(ctx context.Context, client zend.Caller) ([]string, error) {
	list, err := zend.Ask[api.StackList](
		ctx,
		client,
		api.MethodStackList,
		api.Query{Size: -1, Quick: true},
		nil,
		command.CompletionTime,
	)
	var names []string
	for _, s := range list.Items {
		names = append(names, command.Described(s.Name, s.Components[registryComponent].Name))
	}
	return names, err
}

// componentNames lists the components of a type that zen knows: all container registries,
// and what stacks have of the rest.
func componentNames(componentType string) command.Lister {
	if componentType == registryComponent {
		return command.RegistryNames
	}
	return func(ctx context.Context, client zend.Caller) ([]string, error) {
		list, err := zend.Ask[api.StackList](
			ctx,
			client,
			api.MethodStackList,
			api.Query{Size: -1, Quick: true},
			nil,
			command.CompletionTime,
		)
		var names []string
		for _, s := range list.Items {
			for _, name := range componentsOf(s, componentType) {
				if name = safetext.Line(name); !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		return names, err
	}
}

// componentsOf are the names of a stack's components of a type, the default first.
func componentsOf(s api.Stack, componentType string) []string {
	c, ok := s.Components[componentType]
	if !ok {
		return nil
	}
	names := []string{c.Name}
	for _, more := range c.Further {
		names = append(names, more.Name)
	}
	return names
}
