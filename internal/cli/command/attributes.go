package command

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/zen-agent/zen/internal/cli/ui"
	"github.com/zen-agent/zen/internal/cli/zend"
	"github.com/zen-agent/zen/internal/config"
	"github.com/zen-agent/zen/internal/credential"
)

// Attributes are ZenML's free --name=value arguments of a command, by attribute name
// (with underscores).
type Attributes map[string]string

// StdinSuffix after an attribute's name means that its value comes from standard input:
// --password-stdin.
const StdinSuffix = "-stdin"

// FromStdin marks an attribute whose value is read from standard input. No argument can
// hold a NUL.
const FromStdin = "\x00stdin"

// Line is the command line of one run of the program: it knows which commands take
// attributes.
type Line struct {
	zend  zend.Connect
	attrs map[*cobra.Command]Attributes
}

// NewLine is the command line of a run that asks this zend for what completes it.
func NewLine(connect zend.Connect) *Line {
	return &Line{zend: connect, attrs: map[*cobra.Command]Attributes{}}
}

// TakesAttributes makes every long option that a command does not know an attribute.
func (a *Line) TakesAttributes(cmd *cobra.Command) Attributes {
	attrs := Attributes{}
	a.attrs[cmd] = attrs
	return attrs
}

// Set is called for each attribute of the command line.
func (v attributeFlag) Set(value string) error {
	v.attrs[v.name] = value
	return nil
}

// attributeFlag is an option that exists for one command line only.
type attributeFlag struct {
	attrs Attributes
	name  string
}

func (attributeFlag) String() string { return "" }

// Type is what the help would call the value.
func (attributeFlag) Type() string { return "string" }

// SpanFlag is a time as config.toml has them, with days.
type SpanFlag time.Duration

// Set reads a duration.
func (f *SpanFlag) Set(s string) error {
	d, err := config.ParseDuration(s)
	if err != nil {
		return errors.New("write a number and a unit, such as 45m, 8h or 7d")
	}
	*f = SpanFlag(d)
	return nil
}

func (*SpanFlag) String() string { return "" }

// Type is what the help would call the value.
func (*SpanFlag) Type() string { return "duration" }

// LongShorthand is ZenML's kind of short option with several letters, such as -ri for
// --resource-id.
func LongShorthand(cmd *cobra.Command, letters, name string) {
	flag := cmd.Flags().Lookup(name)
	flag.Usage += " (also -" + letters + ")"
	if flag.Annotations == nil {
		flag.Annotations = map[string][]string{}
	}
	flag.Annotations[ShorthandAnnotation] = append(flag.Annotations[ShorthandAnnotation], letters)
}

// ShorthandAnnotation marks an option with its short forms of several letters.
const ShorthandAnnotation = "zen_shorthand"

// Normalize prepares a command line for cobra: dashes and underscores in long options are
// the same, ZenML's short options of several letters are spelled out, and the attributes
// that occur are defined as options of the command.
func (a *Line) Normalize(root *cobra.Command, args []string) ([]string, error) {
	if len(args) > 1 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		return args, a.prepareCompletion(root, args[1:len(args)-1])
	}
	cmd, _, err := root.Find(args)
	if err != nil {
		return args, nil // cobra finds the same and says it
	}
	return a.normalizeFor(cmd, args)
}

func (a *Line) normalizeFor(cmd *cobra.Command, args []string) (_ []string, err error) {
	attrs, free := a.attrs[cmd]
	out := slices.Clone(args)
	for i := 0; i < len(out) && out[i] != "--"; i++ {
		out[i] = spellOut(cmd, out[i])
		name, isLong := strings.CutPrefix(out[i], "--")
		if !isLong {
			continue
		}
		name, _, hasValue := strings.Cut(name, "=")
		flag := Lookup(cmd, name)
		if flag == nil && free && name != "help" {
			if flag, err = defineAttribute(cmd, attrs, out[i:]); err != nil {
				return nil, err
			}
		}
		if flag == nil {
			continue
		}
		out[i] = "--" + flag.Name + out[i][len("--"+name):]
		if !hasValue && flag.NoOptDefVal == "" {
			i++ // the option's value is not an option, whatever it looks like
		}
	}
	return out, nil
}

// Lookup finds an option by its name in either spelling.
func Lookup(cmd *cobra.Command, name string) *pflag.Flag {
	for _, spelling := range []string{
		name, strings.ReplaceAll(name, "_", "-"),
		strings.ReplaceAll(name, "-", "_"),
	} {
		if flag := cmd.Flags().Lookup(spelling); flag != nil {
			return flag
		}
	}
	return nil
}

// spellOut turns -ri and -ri=x into --resource-id and --resource-id=x.
func spellOut(cmd *cobra.Command, arg string) string {
	if !strings.HasPrefix(arg, "-") || strings.HasPrefix(arg, "--") {
		return arg
	}
	letters, _, _ := strings.Cut(arg[1:], "=")
	long := arg
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if slices.Contains(f.Annotations[ShorthandAnnotation], letters) {
			long = "--" + f.Name + arg[1+len(letters):]
		}
	})
	return long
}

// defineAttribute makes an option of the long option at the start of args, which the
// command does not know. Without "=" the next argument is the value.
func defineAttribute(cmd *cobra.Command, attrs Attributes, args []string) (*pflag.Flag, error) {
	name, _, hasValue := strings.Cut(args[0][len("--"):], "=")
	source, isStdin := strings.CutSuffix(name, StdinSuffix)
	isStdin = isStdin && !hasValue
	if !isIdentifier(name) || !hasValue && !isStdin && (len(args) == 1 || strings.HasPrefix(args[1], "-")) {
		return nil, ui.Refused("Invalid argument: '--"+name+"'. Please provide args with a proper "+
			"identifier as the key "+
			`and the following structure: --custom_argument="value"`, cmd.CommandPath()+" --help")
	}
	if !isStdin {
		source = name
	}
	cmd.Flags().Var(attributeFlag{attrs, strings.ReplaceAll(source, "-", "_")}, name, "")
	flag := cmd.Flags().Lookup(name)
	flag.Hidden = true
	if isStdin {
		flag.NoOptDefVal = FromStdin
	}
	return flag, nil
}

// isIdentifier reports whether s can name an attribute; dashes are taken for underscores.
func isIdentifier(s string) bool {
	return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`).MatchString(s)
}

// Values reads the attributes: @file is the file's content, @@x is @x, and --name-stdin
// is standard input, for one attribute at most. The caller wipes them.
func (attrs Attributes) Values(ctx context.Context, a *ui.UI) (zend.Secrets, error) {
	read := zend.Secrets{}
	fail := func(err error) (zend.Secrets, error) {
		read.Wipe()
		return nil, err
	}
	stdin := ""
	for name, value := range attrs {
		var err error
		switch {
		case value == FromStdin && stdin != "":
			err = ui.Refused("standard input can be the value of one attribute only, not of "+
				"both "+stdin+" and "+name, "")
		case value == FromStdin:
			stdin = name
			read[name], err = a.ReadSecret(ctx, "--"+name+StdinSuffix)
			if err == nil && read[name].IsEmpty() {
				err = ui.Refused("--"+name+StdinSuffix+" is empty: nothing came from standard "+
					"input", "give it from a file, --"+name+"-stdin < FILE, or --"+name+"=@FILE")
			}
		case strings.HasPrefix(value, "@@"):
			read[name] = credential.SecretString(value[1:])
		case strings.HasPrefix(value, "@"):
			read[name], err = ui.ReadSecretFile(value[1:])
		default:
			read[name] = credential.SecretString(value)
		}
		if err != nil {
			return fail(err)
		}
	}
	return read, nil
}

// Literal reports whether an attribute's value itself stands in the command line.
func (attrs Attributes) Literal(name string) bool {
	value, ok := attrs[name]
	return ok && value != FromStdin && (!strings.HasPrefix(value, "@") || strings.HasPrefix(value, "@@"))
}

// DidYouMean is what follows a mistyped option of an attribute: a full stop, or the
// options of the attributes that are spelled like it.
func DidYouMean(name string, attributes []string) string {
	all := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, attr := range attributes {
		all.AddCommand(&cobra.Command{Use: attr, Run: func(*cobra.Command, []string) {}})
	}
	like := all.SuggestionsFor(name)
	if len(like) == 0 {
		return "."
	}
	return ". Did you mean --" + strings.ReplaceAll(strings.Join(like, " or --"), "_", "-") + "?"
}
