package export_test

import (
	"reflect"
	"testing"

	"go.yaml.in/yaml/v3"

	"onsale/internal/catalog/export"
)

// The operator's object contains exactly the rules of the rule file.
func TestPrometheusRuleHasTheRules(t *testing.T) {
	t.Parallel()
	set, err := export.New(export.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	rules, err := set.Rules()
	if err != nil {
		t.Fatal(err)
	}
	object, err := set.PrometheusRule()
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	var got struct {
		Kind string         `yaml:"kind"`
		Spec map[string]any `yaml:"spec"`
	}
	if err := yaml.Unmarshal(rules, &want); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(object, &got); err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 || got.Kind != "PrometheusRule" || !reflect.DeepEqual(got.Spec, want) {
		t.Errorf("the %s differs from the rule file:\n%s", got.Kind, object)
	}
	if !export.Ours(object) {
		t.Error("the object is not marked as generated")
	}
}
