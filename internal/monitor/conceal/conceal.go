// Package conceal hides secrets of the configuration in the responses and the logs of
// Prometheus and Alertmanager.
//
// The libraries hide only values whose types mark them as secret. This package shows a
// value only if fields.go lists its field as not secret.
package conceal

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"onsale/internal/endpoint"
)

// Hidden replaces a secret. The libraries use the same text, and their tools expect it.
const Hidden = "<secret>"

// YAML returns a configuration of the libraries without secrets, and the values that it
// has hidden.
func YAML(text string) (shown string, hidden []string, err error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return "", nil, fmt.Errorf("parse configuration to hide its secrets: %w", err)
	}
	var m masker
	m.node(&document, open)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2) // the same as the libraries
	if err := encoder.Encode(&document); err != nil {
		return "", nil, fmt.Errorf("write configuration without secrets: %w", err)
	}
	return out.String(), m.hidden, nil
}

// masker masks a document in place and collects the hidden values.
type masker struct{ hidden []string }

func (m *masker) node(n *yaml.Node, how decision) {
	switch n.Kind {
	case yaml.ScalarNode:
		m.scalar(n, how)
	case yaml.MappingNode:
		m.mapping(n, how)
	case yaml.AliasNode: // its target is masked where it is defined
	default:
		for _, part := range n.Content {
			m.node(part, how)
		}
	}
}

func (m *masker) scalar(n *yaml.Node, how decision) {
	switch {
	case n.Tag == "!!null" || n.Tag == "!!bool" || n.Value == "" || n.Value == Hidden:
	case how == closed || how == unknown && n.Tag != "!!int" && n.Tag != "!!float":
		m.hidden = append(m.hidden, n.Value)
		n.Value, n.Tag, n.Style = Hidden, "!!str", 0
	case n.Tag == "!!str":
		n.Value = endpoint.Clean(n.Value)
	}
}

func (m *masker) mapping(n *yaml.Node, how decision) {
	private := how == open && relabelsSecret(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		below := how
		switch how {
		case unknown:
			below = closed
		case open:
			below = fields()[key]
		default:
		}
		if how == labels && isSecretLabel(key) || private && (key == "replacement" || key == "regex") {
			below = closed
		}
		m.node(value, below)
	}
}

// relabelsSecret reports whether a mapping is a relabelling rule that reads or sets a
// secret label. Then its regex and replacement may be secret too.
func relabelsSecret(n *yaml.Node) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch value := n.Content[i+1]; n.Content[i].Value {
		case "target_label":
			if isSecretLabel(value.Value) {
				return true
			}
		case "source_labels":
			if slices.ContainsFunc(value.Content, func(name *yaml.Node) bool { return isSecretLabel(name.Value) }) {
				return true
			}
		}
	}
	return false
}

// secretLabel matches the names of labels whose values are hidden. The labels
// __param_NAME contain the params of a scrape.
var secretLabel = regexp.MustCompile(`(?i)^__param_|pass(wd|word|phrase)|secret|token|credential|cookie|bearer|authorization|api_?key|(^|_)(key|pw|pwd|auth|pass|session)(_|$)`)

func isSecretLabel(name string) bool { return secretLabel.MatchString(name) }

// Texts hides the values from [YAML] in other texts.
type Texts struct{ replacer *strings.Replacer }

// shortest is the length of the shortest value that is hidden in texts, in bytes. A
// shorter one may be an ordinary word.
const shortest = 8

// NewTexts returns a Texts for the hidden values of [YAML].
func NewTexts(values []string) Texts {
	var pairs []string
	for _, v := range values {
		if len(v) >= shortest {
			pairs = append(pairs, v, Hidden)
		}
	}
	return Texts{strings.NewReplacer(pairs...)}
}

// Clean returns a text without those values, and without user names, passwords and
// queries in URLs.
func (t Texts) Clean(text string) string {
	if t.replacer != nil {
		text = t.replacer.Replace(text)
	}
	return endpoint.Clean(text)
}
