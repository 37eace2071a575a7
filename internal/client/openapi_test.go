package client_test

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"onsale/internal/client"
	"onsale/internal/problem"
)

// schema has the parts of a schema of the OpenAPI document that the tests read.
type schema struct {
	Properties map[string]struct {
		Type string
		Ref  string `json:"$ref"`
		Enum []string
	}
}

// schemas reads the schemas of the API from its OpenAPI document.
func schemas(t *testing.T) map[string]schema {
	t.Helper()
	text, err := os.ReadFile("../server/testdata/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return document.Components.Schemas
}

// jsonType returns the JSON type from which a Go type is decoded.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String, reflect.Array: // a UUID is an array of bytes
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return "array"
	case reflect.Struct:
		if t.PkgPath() == "time" {
			return "string"
		}
		return "object"
	default:
		return "unknown to this test"
	}
}

func TestTypesMatchTheDocument(t *testing.T) {
	t.Parallel()
	documented := schemas(t)
	for name, value := range client.WireTypes {
		members := documented[name].Properties
		for _, f := range reflect.VisibleFields(reflect.TypeOf(value)) {
			member, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			got, ok := members[member]
			if !ok {
				t.Errorf("%s.%s: the document has no member %q", name, f.Name, member)
			} else if want := jsonType(f.Type); got.Type != want && (want != "object" || got.Ref == "") {
				t.Errorf("%s.%s is decoded from a JSON %s, but documented as %s%s", name, member, want, got.Type, got.Ref)
			}
		}
	}
}

// problem.Codes lists the codes by hand, because Go cannot list constants. The list must
// match the constants, the OpenAPI document and the server.
func TestCodesMatchTheDocumentAndTheServer(t *testing.T) {
	t.Parallel()
	codes := schemas(t)["Problem"].Properties["code"].Enum
	if len(codes) == 0 || !slices.Equal(codes, problem.Codes()) {
		t.Errorf("the document has the codes %q, package problem has %q", codes, problem.Codes())
	}
	answered := constants(t, "../server/kinds.go", `code: problem\.(Code\w+)`)
	slices.Sort(answered)
	declared := constants(t, "../problem/code.go", `(?m)^\t(Code\w+) +=`)
	slices.Sort(declared)
	if answered = slices.Compact(answered); !slices.Equal(answered, declared) {
		t.Errorf("the server uses %q, package problem declares %q", answered, declared)
	}
	if len(declared) != len(codes)+1 { // client_gone is not documented
		t.Errorf("%d codes are declared, %d are documented", len(declared), len(codes))
	}
}

// constants returns all matches of the pattern's group in a file.
func constants(t *testing.T, file, pattern string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
		names = append(names, string(match[1]))
	}
	return names
}
