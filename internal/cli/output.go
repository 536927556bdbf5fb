package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/zen-agent/zen/internal/safejson"
	"github.com/zen-agent/zen/internal/safetext"
)

// Formats in which things are shown.
const (
	formatTable = "table"
	formatJSON  = "json"
	formatYAML  = "yaml"
	formatCSV   = "csv"
	formatTSV   = "tsv"
)

func formats() []string { return []string{formatTable, formatJSON, formatYAML, formatTSV, formatCSV} }

// outputVariable names the format that is used without --output.
const outputVariable = "ZEN_DEFAULT_OUTPUT"

// output is the value of --output.
type output struct{ format string }

func (o *output) String() string { return o.format }

// Type is what the help calls the value.
func (o *output) Type() string { return strings.Join(formats(), "|") }

// Set takes one of the formats.
func (o *output) Set(s string) error {
	if !slices.Contains(formats(), s) {
		return fmt.Errorf("'%s' is not one of %s", s, strings.Join(formats(), ", "))
	}
	o.format = s
	return nil
}

func (o *output) isTable() bool { return o.format == formatTable }

// addOutput gives a command --output.
func (a *app) addOutput(cmd *cobra.Command, o *output) { a.addOutputAs(cmd, o, "o") }

// addOutputAs is addOutput with another short form, or none, for commands where -o is something else to ZenML.
func (a *app) addOutputAs(cmd *cobra.Command, o *output, shorthand string) {
	o.format = formatTable
	if preset := a.getenv(outputVariable); slices.Contains(formats(), preset) {
		o.format = preset
	}
	cmd.Flags().VarP(o, "output", shorthand, "how to show it")
	complete(cmd, "output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return formats(), cobra.ShellCompDirectiveNoFileComp
	})
}

// member is one member of an object.
type member struct {
	key   string
	value any
}

// object is what is shown of an entity: its members in order.
type object []member

// MarshalJSON keeps the members' order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// show prints v in the format asked for; draw prints it for a person. v is anything that is an object in JSON.
func (a *app) show(o output, v any, draw func()) error {
	if o.isTable() {
		draw()
		return nil
	}
	encoded, err := indentedJSON(v)
	if err != nil {
		return err
	}
	switch o.format {
	case formatJSON:
		_, err = a.out.Write(encoded)
		return err
	case formatYAML:
		return writeYAML(a.out, encoded)
	}
	row, err := flat(encoded)
	if err != nil {
		return err
	}
	var header []string
	for _, m := range row {
		header = append(header, m.key)
	}
	return writeRows(a.out, o.format, header, []object{row})
}

// indentedJSON encodes v as JSON that a terminal may show: characters that would steer it are escaped.
func indentedJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return safejson.Escape(b.Bytes()), nil
}

// writeYAML prints JSON as YAML with the same order of members.
func writeYAML(w io.Writer, encoded []byte) error {
	dec := json.NewDecoder(bytes.NewReader(encoded))
	dec.UseNumber()
	node, err := yamlNode(dec)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	enc.CompactSeqIndent()
	if err := enc.Encode(node); err != nil {
		return err
	}
	_, err = io.WriteString(w, safetext.Text(b.String())) // its escapes are YAML's too
	return err
}

// yamlNode reads one JSON value.
func yamlNode(dec *json.Decoder) (*yaml.Node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		node := &yaml.Node{Kind: yaml.MappingNode}
		if v == '[' {
			node.Kind = yaml.SequenceNode
		}
		for dec.More() {
			child, err := yamlNode(dec)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, child)
		}
		if len(node.Content) == 0 {
			node.Style = yaml.FlowStyle
		}
		_, err := dec.Token()
		return node, err
	case string:
		node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v}
		if !safetext.Safe(strings.ReplaceAll(v, "\n", "")) {
			node.Style = yaml.DoubleQuotedStyle // where writeYAML can escape
		}
		return node, nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatBool(v)}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: "null"}, nil
}

// flat reads a JSON object into members whose values are texts; arrays and objects stay JSON.
func flat(encoded []byte) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(encoded))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var row object
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, err
		}
		row = append(row, member{key: key.(string), value: raw})
	}
	return row, nil
}

// writeRows prints objects that have the header's keys as CSV (RFC 4180) or as tab separated values.
func writeRows(w io.Writer, format string, header []string, rows []object) error {
	records := [][]string{header}
	for _, row := range rows {
		record := make([]string, len(row))
		for i, m := range row {
			record[i] = plain(m.value)
		}
		records = append(records, record)
	}
	if format == formatTSV {
		return writeTSV(w, records)
	}
	out := csv.NewWriter(w)
	if err := out.WriteAll(records); err != nil {
		return err
	}
	return out.Error()
}

// writeTSV prints records with tabs; what would break the form is escaped as in IANA's text/tab-separated-values readers.
func writeTSV(w io.Writer, records [][]string) error {
	var b strings.Builder
	escape := strings.NewReplacer("\n", `\n`, "\t", `\t`)
	for _, record := range records {
		for i, field := range record {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(escape.Replace(field))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// plain is a value as CSV has it: ZenML's True and False, nothing for null, lists with commas, JSON for what is deeper.
func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return safetext.Text(v)
	case bool:
		return pythonBool(v)
	case []string:
		return safetext.Text(strings.Join(v, ", "))
	case json.RawMessage:
		return plainJSON(v)
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return plainJSON(encoded)
}

func plainJSON(raw json.RawMessage) string {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return ""
	}
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return safetext.Text(v)
	case bool:
		return pythonBool(v)
	case float64:
		return string(raw)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return ""
	}
	return safetext.Text(b.String())
}

func pythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}
