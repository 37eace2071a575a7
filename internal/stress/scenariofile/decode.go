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

	"onsale/internal/stress/guess"
)

// maxNodes limits how many parts of a file are visited. Aliases let a small file
// say a lot.
const maxNodes = 100_000

// maxDepth limits how deeply a file is nested.
const maxDepth = 50

// decoder reads a scenario file, and goes on after a problem to find the next.
type decoder struct {
	file     string
	problems []Problem
	visited  int
	depth    int
}

// node is a part of the file, and the field that it is.
type node struct {
	*yaml.Node
	at string
}

// fail notes a problem with a part of the file.
func (d *decoder) fail(n node, format string, args ...any) {
	line := 0
	if n.Node != nil {
		line = n.Line
	}
	d.problems = append(d.problems, Problem{File: d.file, Line: line, Field: n.at, Message: fmt.Sprintf(format, args...)})
}

// parse reads the YAML of a file. Its one document is a mapping.
func (d *decoder) parse(data []byte) (root node, ok bool) {
	if len(data) > maxFile {
		d.fail(node{}, "has more than %d bytes", maxFile)
		return node{}, false
	}
	var document, another yaml.Node
	y := yaml.NewDecoder(bytes.NewReader(data))
	err := y.Decode(&document)
	if err == nil && !errors.Is(y.Decode(&another), io.EOF) {
		d.fail(node{Node: &another}, "must be one YAML document, without --- in between")
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

// syntax notes an error of the YAML parser, which tells the line within its text.
func (d *decoder) syntax(err error, data []byte) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := regexp.MustCompile(`^line (\d+): `).FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1]) // nothing but digits
		text = text[len(m[0]):]
	}
	d.problems = append(d.problems, Problem{File: d.file, Line: line, Message: "is no YAML: " + text + hint(data)})
}

// bare is a template that no quotes keep from being taken for YAML: at the start
// of a value, or inside of braces.
var bare = regexp.MustCompile(`[:,\[{]\s*\{\{`)

// hint says what is most often behind an error of the parser, whose words and
// line are of little help then.
func hint(data []byte) string {
	for i, line := range strings.Split(string(data), "\n") {
		switch {
		case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
			return fmt.Sprintf("; line %d begins with a tab, and YAML takes spaces alone", i+1)
		case bare.MatchString(line):
			return fmt.Sprintf("; put the {{…}} of line %d into quotes", i+1)
		}
	}
	return ""
}

// visit counts a part of the file; false is too many.
func (d *decoder) visit(n node) bool {
	d.visited++
	if d.visited == maxNodes {
		d.fail(n, "has too many parts, as its aliases stand for much")
	}
	return d.visited < maxNodes
}

// follow returns what an alias stands for.
func (n node) follow() node {
	for n.Kind == yaml.AliasNode {
		n.Node = n.Alias
	}
	return n
}

// null reports whether there is nothing behind the colon.
func (n node) null() bool { return n.follow().ShortTag() == "!!null" }

// field is a part of a mapping, with the name before its colon.
type field struct {
	node
	key *yaml.Node
}

// pairs returns the fields of a mapping in their order. Merge keys (<<) are followed: what
// stands beside them goes first.
func (d *decoder) pairs(n node) []field {
	f := n.follow()
	if f.Kind != yaml.MappingNode {
		d.fail(n, "must be a mapping, name: value")
		return nil
	}
	var fields []field
	var merged []node
	for i := 0; i+1 < len(f.Content) && d.visit(n); i += 2 {
		key, value := f.Content[i], f.Content[i+1]
		switch at := join(n.at, key.Value); {
		case key.Kind != yaml.ScalarNode:
			d.fail(node{Node: key, at: n.at}, "has a name that is no text")
		case key.ShortTag() == "!!merge":
			merged = append(merged, node{Node: value, at: n.at})
		case has(fields, key.Value):
			d.fail(node{Node: key, at: at}, "is there twice")
		default:
			fields = append(fields, field{node: node{Node: value, at: at}, key: key})
		}
	}
	for _, m := range merged {
		fields = d.merge(m, fields)
	}
	return fields
}

// merge adds the fields of a mapping, or of each in a list, that are not there yet.
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

// join returns the field below another.
func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

// object returns the fields of a mapping by their names.
func (d *decoder) object(n node, known string) map[string]node { return d.known(d.pairs(n), known) }

// known returns fields by their names. Others than the known ones, a text with spaces
// in between, are a problem, but for extensions: x- and more.
func (d *decoder) known(fields []field, known string) map[string]node {
	names := strings.Fields(known)
	found := make(map[string]node)
	for _, f := range fields {
		switch name := f.key.Value; {
		case slices.Contains(names, name):
			found[name] = f.node
		case !strings.HasPrefix(name, "x-"):
			d.fail(node{Node: f.key, at: f.at}, "is not known%s", guess.Among(name, names))
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

// oneOrMore returns the elements of a list, or what is no list as its only element.
func (d *decoder) oneOrMore(n node) []node {
	if n.list() {
		return d.items(n)
	}
	return []node{n}
}

// text returns a scalar as it is written, numbers and the like included.
func (d *decoder) text(n node) string {
	if f := n.follow(); f.Kind != yaml.ScalarNode || n.null() {
		if n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0 {
			d.fail(n, "must be a text; put a {{…}} into quotes")
			return ""
		}
		d.fail(n, "must be a text")
		return ""
	}
	return n.follow().Value
}

// mapping reports whether there are fields.
func (n node) mapping() bool { return n.follow().Kind == yaml.MappingNode }

// list reports whether there are elements.
func (n node) list() bool { return n.follow().Kind == yaml.SequenceNode }

// scalar reports whether there is a text, a number, true or false.
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

// maxDuration is the longest time that a file may name: a wait of more is a slip.
const maxDuration = 24 * time.Hour

// duration returns a time, at least so long.
func (d *decoder) duration(n node, least time.Duration) time.Duration {
	f := n.follow()
	value, err := time.ParseDuration(f.Value)
	switch {
	case f.Kind != yaml.ScalarNode:
		d.fail(n, "must be a time such as 500ms or 2s")
	case err != nil && (f.ShortTag() == "!!int" || f.ShortTag() == "!!float"):
		d.fail(n, "needs a unit: %ss or %sms", f.Value, f.Value)
	case err != nil:
		d.fail(n, "must be a time such as 500ms or 2s")
	case value < least || value > maxDuration:
		d.fail(n, "must be from %s to %s", short(least), short(maxDuration))
	default:
		return value
	}
	return least
}

// short writes a duration without the units that are zero.
func short(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}
