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

// locate adds the file and the line to an error of the library. The library reports lines
// for YAML errors only. For other errors, locate loads more and more sections of the file
// until it gets the same error; the last one causes it.
func locate(file string, root *yaml.Node, err error) error {
	if lineNumber.MatchString(err.Error()) || root.Kind != yaml.MappingNode {
		return inFile(file, err)
	}
	var sections []*yaml.Node
	for _, global := range []bool{true, false} {
		// The global section comes first, because it applies to all others.
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

// firstBad returns the first item of the last section that causes the error, or nil if
// the section is not a list.
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

// failsAs reports whether a configuration of these sections gives the same error.
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

// inFile adds the name of a file to an error, and moves the line next to it.
func inFile(file string, err error) error {
	text := oneLine(err).Error()
	if at := lineNumber.FindStringSubmatchIndex(text); at != nil {
		return fmt.Errorf("%s:%s: %s%s", file, text[at[2]:at[3]], text[:at[0]], text[at[1]:])
	}
	return fmt.Errorf("%s: %s", file, text)
}

// oneLine joins the lines of an error. The YAML library writes one line per mistake.
func oneLine(err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	for _, noise := range []string{"yaml: unmarshal errors: ", "yaml: "} {
		text = strings.ReplaceAll(text, noise, "")
	}
	// A misplaced value, or a URL, may be a secret.
	text = endpoint.Clean(badValue.ReplaceAllString(text, "cannot unmarshal !!$1 into"))
	return &lineError{text: text, err: err}
}

// badValue matches a value that the YAML library could not decode.
var badValue = regexp.MustCompile("cannot unmarshal !!(\\w+) `.*?` into")

// lineError wraps an error and has its text in one line.
type lineError struct {
	text string
	err  error
}

func (e *lineError) Error() string { return e.text }
func (e *lineError) Unwrap() error { return e.err }
