package ui

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/zen-agent/zen/internal/safejson"
	"github.com/zen-agent/zen/internal/safetext"
)

// Formats in which things are shown.
const (
	FormatTable = "table"
	FormatJSON  = "json"
	formatYAML  = "yaml"
	FormatCSV   = "csv"
	FormatTSV   = "tsv"
)

// Formats are the formats, the default first.
func Formats() []string { return []string{FormatTable, FormatJSON, formatYAML, FormatTSV, FormatCSV} }

// OutputVariable names the format that is used without --output.
const OutputVariable = "ZEN_DEFAULT_OUTPUT"

// Output is the value of --output.
type Output struct{ Format string }

func (o *Output) String() string { return o.Format }

// Type is what the help calls the value.
func (o *Output) Type() string { return strings.Join(Formats(), "|") }

// Set takes one of the formats.
func (o *Output) Set(s string) error {
	if !slices.Contains(Formats(), s) {
		return fmt.Errorf("'%s' is not one of %s", s, strings.Join(Formats(), ", "))
	}
	o.Format = s
	return nil
}

// IsTable reports whether it is shown to a person.
func (o *Output) IsTable() bool { return o.Format == FormatTable }

// Member is one member of an object.
type Member = struct {
	Key   string
	Value any
}

// Object is what is shown of an entity: its members in order.
type Object []Member

// MarshalJSON keeps the members' order.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // <PORT> is not a tag
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := enc.Encode(m.Key); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := enc.Encode(m.Value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Show prints v in the format asked for; draw prints it for a person. v is anything that
// is an object in JSON.
func (a *UI) Show(o Output, v any, draw func()) error {
	if o.IsTable() {
		draw()
		return nil
	}
	encoded, err := IndentedJSON(v)
	if err != nil {
		return err
	}
	switch o.Format {
	case FormatJSON:
		_, err = a.Out.Write(encoded)
		return err
	case formatYAML:
		return WriteYAML(a.Out, encoded)
	}
	row, err := flat(encoded)
	if err != nil {
		return err
	}
	var header []string
	for _, m := range row {
		header = append(header, m.Key)
	}
	return WriteRows(a.Out, o.Format, header, []Object{row})
}

// IndentedJSON encodes v as JSON that a terminal may show: characters that would steer it
// are escaped.
func IndentedJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return safejson.Escape(b.Bytes()), nil
}

// WriteYAML prints JSON as YAML with the same order of members.
func WriteYAML(w io.Writer, encoded []byte) error {
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

// flat reads a JSON object into members whose values are texts; arrays and objects stay
// JSON.
func flat(encoded []byte) (Object, error) {
	dec := json.NewDecoder(bytes.NewReader(encoded))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var row Object
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, err
		}
		row = append(row, Member{Key: key.(string), Value: raw})
	}
	return row, nil
}

// WriteRows prints objects that have the header's keys as CSV (RFC 4180) or as tab
// separated values.
func WriteRows(w io.Writer, format string, header []string, rows []Object) error {
	records := [][]string{header}
	for _, row := range rows {
		record := make([]string, len(row))
		for i, m := range row {
			record[i] = Plain(m.Value)
		}
		records = append(records, record)
	}
	if format == FormatTSV {
		return writeTSV(w, records)
	}
	out := csv.NewWriter(w)
	if err := out.WriteAll(records); err != nil {
		return err
	}
	return out.Error()
}

// writeTSV prints records with tabs; what would break the form is escaped as in IANA's
// text/tab-separated-values readers.
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

// Plain is a value as CSV has it: ZenML's True and False, nothing for null, lists with
// commas, JSON for what is deeper.
func Plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return safetext.Text(v)
	case bool:
		return PythonBool(v)
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
		return PythonBool(v)
	case float64:
		return string(raw)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return ""
	}
	return safetext.Text(b.String())
}

// PythonBool is a bool as ZenML prints it.
func PythonBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}
