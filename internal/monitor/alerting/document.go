package alerting

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is a user's file as YAML nodes. The library checks the file; the nodes
// have the line numbers for its errors.
type document struct {
	name string
	// root is the mapping at the top, or nil.
	root *yaml.Node
}

// parse returns the nodes of a file, or a syntax error with the line.
func parse(name string, content []byte) (document, error) {
	doc := document{name: name}
	var file yaml.Node
	if err := yaml.Unmarshal(content, &file); err != nil {
		return doc, doc.explain(err)
	}
	if len(file.Content) == 0 {
		return doc, doc.at(1, "route", "the file is empty")
	}
	if file.Content[0].Kind != yaml.MappingNode {
		return doc, doc.at(file.Content[0].Line, "", "the file must be a mapping of sections")
	}
	doc.root = file.Content[0]
	return doc, nil
}

// at returns an error that names the file, the line and the section.
func (d document) at(line int, section, message string) error {
	where := d.name + ":" + strconv.Itoa(max(line, 1))
	if section != "" {
		where += ": " + section
	}
	return fmt.Errorf("%s: %s", where, oneLine(message))
}

// explain adds the file, and where possible the line and the section, to an error of
// the library's loader. Errors about YAML syntax, types and unknown fields have a
// line. For the others, locate searches for one.
func (d document) explain(err error) error {
	text := secrets{replacer: strings.NewReplacer()}.err(err).Error()
	found := regexp.MustCompile(`line (\d+): ([^\n]*)`).FindStringSubmatch(text)
	if found == nil {
		if line, section := d.locate(text); line > 0 {
			return d.at(line, section, text)
		}
		return fmt.Errorf("%s: %s", d.name, oneLine(text))
	}
	line, _ := strconv.Atoi(found[1]) // the pattern matches digits only
	if strings.HasPrefix(found[2], "did not find expected") {
		line++ // in these errors the parser counts lines from 0
	}
	return d.at(line, d.section(line), plainly(found[2]))
}

// plainly rewrites a message of the loader without Go types. It also drops the value
// that the message quotes, because that may be a misplaced secret.
func plainly(message string) string {
	message = regexp.MustCompile(`field (\S+) not found in type \S+`).ReplaceAllString(message, "unknown field $1")
	message = regexp.MustCompile(`field (\S+) already set in type \S+`).ReplaceAllString(message, "field $1 is set twice")
	return regexp.MustCompile("cannot unmarshal !!(\\w+)( `[^`]*`)? into .*").ReplaceAllString(message, "unexpected value of type $1")
}

// oneLine joins the lines of a message.
func oneLine(message string) string { return strings.Join(strings.Fields(message), " ") }

// key returns the node of a section's name, or nil.
func (d document) key(section string) *yaml.Node {
	key, _ := lookup(d.root, section)
	return key
}

// line returns the line of a section, or 0.
func (d document) line(section string) int {
	if key := d.key(section); key != nil {
		return key.Line
	}
	return 0
}

// item returns the line of an entry in a top-level list. If there is no such entry,
// it returns the line of the section.
func (d document) item(section string, index int) int {
	if items := d.items(section); index < len(items) {
		return items[index].Line
	}
	return d.line(section)
}

// items returns the entries of a top-level list.
func (d document) items(section string) []*yaml.Node {
	if _, list := lookup(d.root, section); list != nil && list.Kind == yaml.SequenceNode {
		return list.Content
	}
	return nil
}

// section returns the name of the section that contains a line.
func (d document) section(line int) string {
	name := ""
	if d.root == nil {
		return name
	}
	for i := 0; i+1 < len(d.root.Content); i += 2 {
		if key := d.root.Content[i]; key.Line <= line {
			name = key.Value
		}
	}
	return name
}

// lookup returns the key and the value of an entry in a mapping, or two nils.
func lookup(mapping *yaml.Node, name string) (key, value *yaml.Node) {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}
