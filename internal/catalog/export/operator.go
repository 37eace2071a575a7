package export

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// The object in the format of the Prometheus Operator.
type (
	prometheusRule struct {
		APIVersion string         `yaml:"apiVersion"`
		Kind       string         `yaml:"kind"`
		Metadata   objectMetadata `yaml:"metadata"`
		Spec       yaml.Node      `yaml:"spec"`
	}
	objectMetadata struct {
		Name   string            `yaml:"name"`
		Labels map[string]string `yaml:"labels"`
	}
)

// PrometheusRule returns the rules as a PrometheusRule object for the Prometheus
// Operator.
func (s *Set) PrometheusRule() ([]byte, error) {
	rules, err := s.Rules()
	if err != nil {
		return nil, err
	}
	object := prometheusRule{
		APIVersion: "monitoring.coreos.com/v1", Kind: "PrometheusRule",
		Metadata: objectMetadata{Name: "onsale", Labels: map[string]string{"app.kubernetes.io/part-of": "onsale"}},
	}
	var file yaml.Node
	if err := yaml.Unmarshal(rules, &file); err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	object.Spec = *file.Content[0]
	object.Spec.Content[0].HeadComment = "" // the header of the rule file
	return encode(object, header("The alerts and recording rules, for the Prometheus Operator."))
}
