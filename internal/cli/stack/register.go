package stack

import (
	"github.com/spf13/cobra"

	"github.com/zen-agent/zen/internal/api"
	"github.com/zen-agent/zen/internal/cli/command"
	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
)

func (a *Commands) stackRegisterCommand() *cobra.Command {
	var (
		o          ui.Output
		labels     []string
		set        bool
		components componentFlags
	)
	cmd := &cobra.Command{
		Use: "register STACK_NAME [-c CONTAINER_REGISTRY]...", Short: "Register a stack with components",
		Long: `Register a stack. zen works with its container registry and keeps the names of all
other components as they are given. A stack without an artifact store or an orchestrator gets the
default ones.`,
		Example: `  zen stack register prod -c hub --set
  zen stack register train -o kubeflow -a s3 -c hub -e mlflow -e wandb`,
		Args: command.Arguments(1, 1, "STACK_NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			given, err := command.LabelsOf(labels)
			if err != nil {
				return err
			}
			first, further := components.named()
			result, err := zend.Call[api.StackResult](
				cmd.Context(),
				a.zend,
				api.MethodStackRegister,
				api.RegisterStack{
					Name: args[0], Components: first, Further: further, Labels: given, Set: set,
				},
			)
			if err != nil {
				return err
			}
			a.Say("Stack '%s' successfully registered!", result.Stack.Name)
			if err := a.showStack(o, result.Stack); err != nil || !set {
				return err
			}
			a.Say("Active global stack set to:'%s'", result.Stack.Name)
			return nil
		},
	}
	components = a.addComponentFlags(cmd)
	cmd.Flags().BoolVar(&set, "set", false, "immediately set this stack as active")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "label `KEY=VALUE`; may be repeated")
	command.AddOutputAs(a.UI, cmd, &o, "") // -o is the orchestrator
	return cmd
}
