package scenariofile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"onsale/internal/stress/suggest"
)

// maxNodes limits how many nodes of a file are visited: with aliases, a small file can
// have very many.
const maxNodes = 100_000

// maxDepth limits how deeply a file is nested.
const maxDepth = 50

// decoder reads a scenario file. After a problem it continues, to report all problems at once.
type decoder struct {
	file     string
	problems []Problem
	visited  int
	depth    int
}

// node is a part of the file, and the path of its field.
type node struct {
	*yaml.Node
	at string
}

// fail records a problem of a part of the file.
func (d *decoder) fail(n node, format string, args ...any) {
	line := 0
	if n.Node != nil {
		line = n.Line
	}
	d.problems = append(d.problems, Problem{File: d.file, Line: line, Field: n.at, Message: fmt.Sprintf(format, args...)})
}

// parse reads the YAML of a file, which must be one document that is not empty.
func (d *decoder) parse(data []byte) (root node, ok bool) {
	if len(data) > maxFile {
		d.fail(node{}, "has more than %d bytes", maxFile)
		return node{}, false
	}
	var document, another yaml.Node
	y := yaml.NewDecoder(bytes.NewReader(data))
	err := y.Decode(&document)
	if err == nil && !errors.Is(y.Decode(&another), io.EOF) {
		d.fail(node{Node: &another}, "must be a single YAML document, without --- separators")
		return node{}, false
	}
	switch {
	case errors.Is(err, io.EOF) || err == nil && document.Content[0].ShortTag() == "!!null":
		d.fail(node{}, "is empty")
		return node{}, false
	case err != nil:
		d.syntax(err, data)
		return node{}, false
	}
	return node{Node: document.Content[0]}, true
}

// syntax records an error of the YAML parser, whose text begins with the line number.
func (d *decoder) syntax(err error, data []byte) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // the expression matches digits alone
		text = text[len(m[0]):]
	}
	d.problems = append(d.problems, Problem{File: d.file, Line: line, Message: "is not valid YAML: " + text + hint(data)})
}

// bare matches a template that YAML reads as a mapping because it is not quoted: at the start
// of a value, or inside braces.
var bare = regexp.MustCompile(`[:,\[{]\s*\{\{`)

// hint returns advice for the two most common errors, for which the message and the line of the
// parser are misleading.
func hint(data []byte) string {
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
			return fmt.Sprintf("; line %d begins with a tab: indent with spaces", i+1)
		case bare.MatchString(line):
			return fmt.Sprintf("; put the {{…}} of line %d in quotes", i+1)
		}
	}
	return ""
}

// visit counts a part of the file. It returns false if there are too many.
func (d *decoder) visit(n node) bool {
	d.visited++
	if d.visited == maxNodes {
		d.fail(n, "has more than %d parts once its aliases are expanded", maxNodes)
	}
	return d.visited < maxNodes
}

// follow returns the node that an alias refers to, and every other node itself.
func (n node) follow() node {
	for n.Kind == yaml.AliasNode {
		n.Node = n.Alias
	}
	return n
}

// null reports whether the field has no value.
func (n node) null() bool { return n.follow().ShortTag() == "!!null" }

// field is a value in a mapping, with its key.
type field struct {
	node
	key *yaml.Node
}

// pairs returns the fields of a mapping in their order, those of merge keys (<<) included. Fields of the mapping
// itself take precedence over merged ones.
func (d *decoder) pairs(n node) []field {
	f := n.follow()
	if f.Kind != yaml.MappingNode {
		d.fail(n, "must be a mapping of names to values")
		return nil
	}
	var fields []field
	var merged []node
	for i := 0; i+1 < len(f.Content) && d.visit(n); i += 2 {
		key, value := f.Content[i], f.Content[i+1]
		switch at := join(n.at, key.Value); {
		case key.Kind != yaml.ScalarNode:
			d.fail(node{Node: key, at: n.at}, "has a key that is not a text")
		case key.ShortTag() == "!!merge":
			merged = append(merged, node{Node: value, at: n.at})
		case has(fields, key.Value):
			d.fail(node{Node: key, at: at}, "is set twice")
		default:
			fields = append(fields, field{node: node{Node: value, at: at}, key: key})
		}
	}
	for _, m := range merged {
		fields = d.merge(m, fields)
	}
	return fields
}

// merge adds the fields of a mapping, or of a list of mappings, that are not set yet.
func (d *decoder) merge(m node, fields []field) []field {
	if d.depth++; d.depth > maxDepth {
		d.fail(m, "is nested too deeply")
		return fields
	}
	defer func() { d.depth-- }()
	for _, source := range d.oneOrMore(m) {
		source.at = m.at
		for _, f := range d.pairs(source) {
			if !has(fields, f.key.Value) {
				fields = append(fields, f)
			}
		}
	}
	return fields
}

func has(fields []field, name string) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return f.key.Value == name })
}

// join returns the path of a field within another.
func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// object returns the fields of a mapping by name.
func (d *decoder) object(n node, known string) map[string]node { return d.known(d.pairs(n), known) }

// known returns fields by name. The known names are separated by spaces; any other name is a problem, unless it
// begins with x-.
func (d *decoder) known(fields []field, known string) map[string]node {
	names := strings.Fields(known)
	found := make(map[string]node)
	for _, f := range fields {
		switch name := f.key.Value; {
		case slices.Contains(names, name):
			found[name] = f.node
		case !strings.HasPrefix(name, "x-"):
			d.fail(node{Node: f.key, at: f.at}, "is not a known field%s", suggest.Among(name, names))
		}
	}
	return found
}

// choice returns one of a few words.
func (d *decoder) choice(n node, words ...string) string {
	text := d.text(n)
	if text != "" && !slices.Contains(words, text) {
		d.fail(n, "must be %s", strings.Join(words, " or "))
	}
	return text
}

// items returns the elements of a list.
func (d *decoder) items(n node) []node {
	if !n.list() {
		d.fail(n, "must be a list")
		return nil
	}
	var items []node
	for i, c := range n.follow().Content {
		if !d.visit(n) {
			break
		}
		items = append(items, node{Node: c, at: fmt.Sprintf("%s[%d]", n.at, i)})
	}
	return items
}

// oneOrMore returns the elements of a list, or a node that is not a list as the only element.
func (d *decoder) oneOrMore(n node) []node {
	if n.list() {
		return d.items(n)
	}
	return []node{n}
}

// text returns a scalar as it is written, also a number or a bool.
func (d *decoder) text(n node) string {
	if f := n.follow(); f.Kind != yaml.ScalarNode || n.null() {
		if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0 {
			d.fail(n, "must be a text; put the {{…}} in quotes")
			return ""
		}
		d.fail(n, "must be a text")
		return ""
	}
	return n.follow().Value
}

// mapping reports whether the node is a mapping.
func (n node) mapping() bool { return n.follow().Kind == yaml.MappingNode }

// list reports whether the node is a list.
func (n node) list() bool { return n.follow().Kind == yaml.SequenceNode }

// scalar reports whether the node is a text, a number, true or false.
func (n node) scalar() bool { return n.follow().Kind == yaml.ScalarNode && !n.null() }

// flag returns true or false.
func (d *decoder) flag(n node) (value bool) {
	if f := n.follow(); f.ShortTag() != "!!bool" || f.Decode(&value) != nil {
		d.fail(n, "must be true or false")
	}
	return value
}

// whole returns a whole number within limits.
func (d *decoder) whole(n node, least, most int) int {
	f := n.follow()
	value, err := strconv.Atoi(f.Value)
	if f.Kind != yaml.ScalarNode || err != nil || value < least || value > most {
		d.fail(n, "must be a whole number from %d to %d", least, most)
		return least
	}
	return value
}

// maxDuration limits the times in a file: a longer one is a typing error.
const maxDuration = 24 * time.Hour

// duration returns a time of at least least.
func (d *decoder) duration(n node, least time.Duration) time.Duration {
	f := n.follow()
	value, err := time.ParseDuration(f.Value)
	switch {
	case f.Kind != yaml.ScalarNode:
		d.fail(n, "must be a duration such as 500ms or 2s")
	case err != nil && (f.ShortTag() == "!!int" || f.ShortTag() == "!!float"):
		d.fail(n, "needs a unit: %ss or %sms", f.Value, f.Value)
	case err != nil:
		d.fail(n, "must be a duration such as 500ms or 2s")
	case value < least || value > maxDuration:
		d.fail(n, "must be from %s to %s", short(least), short(maxDuration))
	default:
		return value
	}
	return least
}

// short formats a duration without units that are zero.
func short(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}
