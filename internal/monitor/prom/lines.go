package prom

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/config"
	"go.yaml.in/yaml/v3"

	"onsale/internal/endpoint"
)

// locate puts a line to what the library says of a configuration. It has lines
// for what is no good YAML only; for all else, sections are taken in one after
// the other until the error is there.
func locate(file string, root *yaml.Node, err error) error {
	if lineNumber.MatchString(err.Error()) || root.Kind != yaml.MappingNode {
		return inFile(file, err)
	}
	var sections []*yaml.Node
	for _, global := range []bool{true, false} {
		// What is global holds for all other sections, wherever it stands.
		for key, value := range pairs(root) {
			if (key.Value == "global") != global {
				continue
			}
			sections = append(sections, key, value)
			if !failsAs(err, sections) {
				continue
			}
			line := key.Line
			if item := firstBad(err, sections); item != nil {
				line = item.Line
			}
			return fmt.Errorf("%s:%d: %s: %w", file, line, key.Value, oneLine(err))
		}
	}
	return inFile(file, err)
}

// firstBad returns the item of the last section, if that is a list, with which
// the error comes.
func firstBad(err error, sections []*yaml.Node) *yaml.Node {
	before, last := sections[:len(sections)-1], sections[len(sections)-1]
	if last.Kind != yaml.SequenceNode {
		return nil
	}
	for i, item := range last.Content {
		some := *last
		some.Content = last.Content[:i+1]
		if failsAs(err, append(slices.Clip(before), &some)) {
			return item
		}
	}
	return nil
}

// failsAs reports whether a configuration of these sections has the same error.
func failsAs(want error, sections []*yaml.Node) bool {
	content, err := yaml.Marshal(&yaml.Node{Kind: yaml.MappingNode, Content: sections})
	if err != nil {
		return false
	}
	_, err = config.Load(string(content), slog.New(slog.DiscardHandler))
	return err != nil && err.Error() == want.Error()
}

// lineNumber finds the line in an error of the YAML library.
var lineNumber = regexp.MustCompile(`\bline (\d+): `)

// inFile puts the name of a file before an error, and the line next to it.
func inFile(file string, err error) error {
	text := oneLine(err).Error()
	if at := lineNumber.FindStringSubmatchIndex(text); at != nil {
		return fmt.Errorf("%s:%s: %s%s", file, text[at[2]:at[3]], text[:at[0]], text[at[1]:])
	}
	return fmt.Errorf("%s: %s", file, text)
}

// oneLine makes one line of an error of the YAML library, which has one for each
// thing that is wrong.
func oneLine(err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	for _, noise := range []string{"yaml: unmarshal errors: ", "yaml: "} {
		text = strings.ReplaceAll(text, noise, "")
	}
	// A value in the wrong place, or a URL, may be a secret.
	text = endpoint.Clean(badValue.ReplaceAllString(text, "cannot unmarshal !!$1 into"))
	return &lineError{text: text, err: err}
}

// badValue finds the value that the YAML library quotes of what it could not read.
var badValue = regexp.MustCompile("cannot unmarshal !!(\\w+) `.*?` into")

// lineError says in one line what its error says in several.
type lineError struct {
	text string
	err  error
}

func (e *lineError) Error() string { return e.text }
func (e *lineError) Unwrap() error { return e.err }
