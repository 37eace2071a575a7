// Package conceal hides what may be secret in the configuration that Prometheus
// and Alertmanager show to anybody: in their answers, and in their logs.
//
// The libraries hide what their types call a secret. The rest is hidden here: a
// value is shown only where fields.go says that its field holds no secret.
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

// Hidden replaces what may be secret. The libraries write the same, and their tools
// know it.
const Hidden = "<secret>"

// YAML returns a configuration, as the libraries write it, without what may be
// secret, and the values that were left out.
func YAML(text string) (shown string, hidden []string, err error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return "", nil, fmt.Errorf("read configuration to be shown: %w", err)
	}
	var m masker
	m.node(&document, open)
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2) // as the libraries
	if err := encoder.Encode(&document); err != nil {
		return "", nil, fmt.Errorf("write configuration to be shown: %w", err)
	}
	return out.String(), m.hidden, nil
}

// masker masks a document in place, and notes what it hid.
type masker struct{ hidden []string }

func (m *masker) node(n *yaml.Node, how decision) {
	switch n.Kind {
	case yaml.ScalarNode:
		m.scalar(n, how)
	case yaml.MappingNode:
		m.mapping(n, how)
	case yaml.AliasNode: // the node that it refers to is masked in its own place
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

// relabelsSecret reports whether a mapping is a relabelling of a label that may
// hold a secret: then what it is made of is one as well.
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

// secretLabel matches the names of labels whose values are not shown. The labels
// __param_NAME are the params of a scrape.
var secretLabel = regexp.MustCompile(`(?i)^__param_|pass(wd|word|phrase)|secret|token|credential|cookie|bearer|authorization|api_?key|(^|_)(key|pw|pwd|auth|pass|session)(_|$)`)

func isSecretLabel(name string) bool { return secretLabel.MatchString(name) }

// Texts hides the values that were left out of a configuration in other texts.
type Texts struct{ replacer *strings.Replacer }

// shortest is the length, in bytes, of the shortest value that is looked for in
// texts: without a type that says so, a short one may be any word.
const shortest = 8

// NewTexts is for the values of [YAML].
func NewTexts(values []string) Texts {
	var pairs []string
	for _, v := range values {
		if len(v) >= shortest {
			pairs = append(pairs, v, Hidden)
		}
	}
	return Texts{strings.NewReplacer(pairs...)}
}

// Clean returns a text without those values, and without users, passwords and
// queries of URLs.
func (t Texts) Clean(text string) string {
	if t.replacer != nil {
		text = t.replacer.Replace(text)
	}
	return endpoint.Clean(text)
}
