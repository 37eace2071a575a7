package scenariofile_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"onsale/internal/stress/scenariofile"
)

// schema is the part of JSON Schema that the test reads.
type schema struct {
	Properties           map[string]schema `json:"properties"`
	Defs                 map[string]schema `json:"$defs"`
	OneOf                []schema          `json:"oneOf"`
	AdditionalProperties json.RawMessage   `json:"additionalProperties"`
	Unevaluated          json.RawMessage   `json:"unevaluatedProperties"`
}

// TestSchemaHasAllFields: an editor completes exactly the fields that the decoder reads.
func TestSchemaHasAllFields(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../docs/stress-scenario.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var whole schema
	if err := json.Unmarshal(data, &whole); err != nil {
		t.Fatal(err)
	}
	for name, known := range scenariofile.Fields() {
		at := whole
		switch name {
		case "":
		case "wait":
			at = whole.Defs["wait"].OneOf[2]
		default:
			at = whole.Defs[name]
		}
		slices.Sort(known)
		if has := slices.Sorted(maps.Keys(at.Properties)); !slices.Equal(has, known) {
			t.Errorf("%q: the schema has %v, the decoder has %v", name, has, known)
		}
		// Steps, and tasks of a single request, are requests without further fields.
		if closed := string(at.AdditionalProperties) == "false"; !closed && name != "request" {
			t.Errorf("%q: the schema allows other fields", name)
		}
	}
	for _, name := range []string{"step", "single"} {
		if string(whole.Defs[name].Unevaluated) != "false" {
			t.Errorf("%q: the schema allows other fields", name)
		}
	}
}
