package alerting

import (
	"strings"

	"github.com/prometheus/alertmanager/config"
	"go.yaml.in/yaml/v3"
)

// nobody is a receiver that the small files below have, so that they are whole.
const nobody = "nobody"

// isolate returns line and section of the smallest part of the file that, in a
// file of its own, gives the same error; for a name that is used twice, those of
// its second use.
func (d document) isolate(message string) (line int, section string) {
	fails := func(sections ...*yaml.Node) bool { return d.fails(message, sections...) }
	_, global := lookup(d.root, "global")
	if global != nil && fails(d.entry("global")...) {
		return d.line("global"), "global"
	}
	if node := d.receiver(fails); node != nil {
		return node.Line, "receivers"
	}
	for _, section := range []string{"inhibit_rules", "time_intervals", "mute_time_intervals"} {
		for _, item := range d.items(section) {
			if fails(scalar(section), list(item)) {
				return item.Line, section
			}
		}
	}
	if line, section := d.repeated(message); line > 0 {
		return line, section
	}
	if _, route := lookup(d.root, "route"); route != nil {
		if node := d.route(route, true, fails); node != nil {
			return node.Line, "route"
		}
	}
	return 0, ""
}

// fails reports whether a file of these keys and values, with what makes it
// whole, gives this error.
func (d document) fails(message string, sections ...*yaml.Node) bool {
	file := &yaml.Node{Kind: yaml.MappingNode, Content: sections}
	if _, has := lookup(file, "route"); has == nil {
		file.Content = append(file.Content, scalar("route"), mapping(scalar("receiver"), scalar(nobody)))
	}
	if _, has := lookup(file, "receivers"); has == nil {
		file.Content = append(file.Content, scalar("receivers"), list(mapping(scalar("name"), scalar(nobody))))
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		return false
	}
	_, err = config.Load(string(text))
	return err != nil && err.Error() != "" && secrets{replacer: strings.NewReplacer()}.err(err).Error() == message
}

// receiver returns the receiver, or the one of its integrations, that fails.
func (d document) receiver(fails func(...*yaml.Node) bool) *yaml.Node {
	alone := func(receiver *yaml.Node) bool {
		return fails(append(d.entry("global"), scalar("receivers"), list(mapping(scalar("name"), scalar(nobody)), receiver))...)
	}
	for _, receiver := range d.items("receivers") {
		if !alone(receiver) {
			continue
		}
		for i := 0; i+1 < len(receiver.Content); i += 2 {
			kind, configs := receiver.Content[i], receiver.Content[i+1]
			if configs.Kind != yaml.SequenceNode {
				continue
			}
			for _, item := range configs.Content {
				if alone(mapping(scalar("name"), scalar("somebody"), kind, list(item))) {
					return item
				}
			}
		}
		return receiver
	}
	return nil
}

// route returns the first route of a tree that fails on its own, without its
// children; receivers and times are there by name.
func (d document) route(node *yaml.Node, root bool, fails func(...*yaml.Node) bool) *yaml.Node {
	own, children := mapping(), (*yaml.Node)(nil)
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == "routes" {
			children = node.Content[i+1]
			continue
		}
		own.Content = append(own.Content, node.Content[i], node.Content[i+1])
	}
	tree := own
	if !root {
		tree = mapping(scalar("receiver"), scalar(nobody), scalar("routes"), list(own))
	}
	names := list(mapping(scalar("name"), scalar(nobody)))
	for _, receiver := range d.items("receivers") {
		if _, name := lookup(receiver, "name"); name != nil {
			names.Content = append(names.Content, mapping(scalar("name"), name))
		}
	}
	sections := append(d.entry("time_intervals"), d.entry("mute_time_intervals")...)
	if fails(append(sections, scalar("receivers"), names, scalar("route"), tree)...) {
		return node
	}
	if children == nil {
		return nil
	}
	for _, child := range children.Content {
		if found := d.route(child, false, fails); found != nil {
			return found
		}
	}
	return nil
}

// repeated looks for the second entry of a list that has the name that a message
// quotes.
func (d document) repeated(message string) (line int, section string) {
	if !strings.Contains(message, "is not unique") {
		return 0, ""
	}
	for _, section := range []string{"receivers", "time_intervals", "mute_time_intervals"} {
		seen := false
		for _, item := range d.items(section) {
			_, name := lookup(item, "name")
			if name == nil || !strings.Contains(message, `"`+name.Value+`"`) {
				continue
			}
			if seen {
				return name.Line, section
			}
			seen = true
		}
	}
	return 0, ""
}

// entry returns a section's key and value, or nothing.
func (d document) entry(section string) []*yaml.Node {
	key, value := lookup(d.root, section)
	if key == nil {
		return nil
	}
	return []*yaml.Node{key, value}
}

func scalar(value string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: value} }

func list(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Content: items}
}

func mapping(pairs ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: pairs}
}
