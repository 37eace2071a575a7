package alerting

import (
	"strings"

	"github.com/prometheus/alertmanager/config"
	"go.yaml.in/yaml/v3"
)

// placeholder names the receiver that completes the files below.
const placeholder = "nobody"

// locate returns the line and the section of the part of the file that causes an error.
// It loads parts of the file on their own and compares the error: the global section,
// each receiver, each of its integrations, and each inhibition rule and time interval.
// It returns 0 if none gives the same error.
//
// Most messages of the loader name the wrong value, so searching the file for it is
// enough. Others cannot be found that way: "missing host for URL" does not name the
// receiver, and in "parse <secret>: invalid URL escape" the URL has been removed.
func (d document) locate(message string) (line int, section string) {
	if global := d.entry("global"); global != nil && d.fails(message, global...) {
		return d.line("global"), "global"
	}
	if node := d.receiver(message); node != nil {
		return node.Line, "receivers"
	}
	for _, section := range []string{"inhibit_rules", "time_intervals", "mute_time_intervals"} {
		for _, item := range d.items(section) {
			if d.fails(message, scalar(section), list(item)) {
				return item.Line, section
			}
		}
	}
	return 0, ""
}

// fails reports whether a file of these keys and values gives the error. It adds a
// route and a receiver, which every file needs.
func (d document) fails(message string, sections ...*yaml.Node) bool {
	file := &yaml.Node{Kind: yaml.MappingNode, Content: sections}
	file.Content = append(file.Content, scalar("route"), mapping(scalar("receiver"), scalar(placeholder)))
	if _, has := lookup(file, "receivers"); has == nil {
		file.Content = append(file.Content, scalar("receivers"), list(mapping(scalar("name"), scalar(placeholder))))
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		return false
	}
	_, err = config.Load(string(text))
	return err != nil && secrets{replacer: strings.NewReplacer()}.err(err).Error() == message
}

// receiver returns the integration that fails or, if none fails on its own, the
// receiver. It returns nil if no receiver fails.
func (d document) receiver(message string) *yaml.Node {
	fails := func(receiver *yaml.Node) bool {
		receivers := list(mapping(scalar("name"), scalar(placeholder)), receiver)
		return d.fails(message, append(d.entry("global"), scalar("receivers"), receivers)...)
	}
	for _, receiver := range d.items("receivers") {
		if !fails(receiver) {
			continue
		}
		for i := 0; i+1 < len(receiver.Content); i += 2 {
			kind, configs := receiver.Content[i], receiver.Content[i+1]
			if configs.Kind != yaml.SequenceNode {
				continue
			}
			for _, item := range configs.Content {
				if fails(mapping(scalar("name"), scalar("somebody"), kind, list(item))) {
					return item
				}
			}
		}
		return receiver
	}
	return nil
}

// entry returns a section's key and value, or nil.
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
