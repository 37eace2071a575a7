package alerting

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// document is a user's file as YAML nodes, which know their lines. The library
// checks the file; this says where what it found is.
type document struct {
	name string
	// root is the mapping at the top, or nil.
	root *yaml.Node
}

// parse returns the nodes of a file, or its error of syntax with the line.
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

// at is an error that names file, line and section.
func (d document) at(line int, section, message string) error {
	where := d.name + ":" + strconv.Itoa(max(line, 1))
	if section != "" {
		where += ": " + section
	}
	return fmt.Errorf("%s: %s", where, oneLine(message))
}

// explain tells an error of the library's loader with file, line and section.
// Errors of types and unknown fields name their line themselves. The others do
// not: for these the smallest part of the file is sought that alone has the same.
func (d document) explain(err error) error {
	text := secrets{replacer: strings.NewReplacer()}.err(err).Error()
	found := regexp.MustCompile(`line (\d+): ([^\n]*)`).FindStringSubmatch(text)
	if found == nil {
		line, section := d.isolate(text)
		return d.at(line, section, text)
	}
	line, _ := strconv.Atoi(found[1]) // the pattern lets only digits through
	if strings.HasPrefix(found[2], "did not find expected") {
		line++ // the parser counts the lines of these from 0
	}
	return d.at(line, d.section(line), plainly(found[2]))
}

// plainly puts the loader's words so that they name no Go type, and leaves out
// the value it did not like, which may be a secret in the wrong place.
func plainly(message string) string {
	message = regexp.MustCompile(`field (\S+) not found in type \S+`).ReplaceAllString(message, "unknown field $1")
	message = regexp.MustCompile(`field (\S+) already set in type \S+`).ReplaceAllString(message, "field $1 is set twice")
	return regexp.MustCompile("cannot unmarshal !!(\\w+)( `[^`]*`)? into .*").ReplaceAllString(message, "a value of type $1 does not belong here")
}

// oneLine joins the lines of a message.
func oneLine(message string) string { return strings.Join(strings.Fields(message), " ") }

// key returns the node of a section's name, or nil.
func (d document) key(section string) *yaml.Node {
	key, _ := lookup(d.root, section)
	return key
}

// line is where a section begins, or 0.
func (d document) line(section string) int {
	if key := d.key(section); key != nil {
		return key.Line
	}
	return 0
}

// item is where the entry of a list at the top begins.
func (d document) item(section string, index int) int {
	if items := d.items(section); index < len(items) {
		return items[index].Line
	}
	return d.line(section)
}

// items are the entries of a list at the top.
func (d document) items(section string) []*yaml.Node {
	if _, list := lookup(d.root, section); list != nil && list.Kind == yaml.SequenceNode {
		return list.Content
	}
	return nil
}

// section is the part of the file that a line belongs to.
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

// lookup returns the key and the value of a mapping's entry, or nils.
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
