package postman_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// collection is what the tests read of a collection in Postman's format 2.1.
type collection struct {
	Item []struct {
		Name string
		Item []item
	}
	Variable []keyValue
}

type keyValue struct{ Key, Value string }

// item is a request with its scripts.
type item struct {
	Name  string
	Event []struct {
		Listen string
		Script struct{ Exec []string }
	}
	Request struct {
		Method string
		Auth   *struct {
			Type   string
			Bearer []keyValue
		}
		Header []keyValue
		Body   *struct{ Raw string }
		URL    struct {
			Raw      string
			Path     []string
			Query    []keyValue
			Variable []keyValue
		}
	}
}

// script returns the text of a script, prerequest or test.
func (i item) script(listen string) string {
	var text strings.Builder
	for _, e := range i.Event {
		if e.Listen == listen {
			text.WriteString(strings.Join(e.Script.Exec, "\n") + "\n")
		}
	}
	return text.String()
}

// header returns the value of a header of the request.
func (i item) header(name string) string {
	for _, h := range i.Request.Header {
		if h.Key == name {
			return h.Value
		}
	}
	return ""
}

// description is what the tests read of the OpenAPI description.
type description struct {
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]*schema }
}

type operation struct {
	Security   []map[string][]string
	Parameters []struct {
		Name, In string
		Required bool
	}
	RequestBody *struct {
		Content map[string]struct{ Schema *schema }
	}
	Responses map[string]any
}

// schema has the keywords of JSON Schema that bodies of requests use.
type schema struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Properties           map[string]*schema
	AdditionalProperties json.RawMessage // true, or the schema of the other members
	Required             []string
	Enum                 []any
	Items                *schema
	MinItems, MaxItems   *int
	MinLength, MaxLength *int
	Minimum, Maximum     *float64
}

// violations returns how a value differs from its schema, nil for none. Stricter than
// JSON Schema, it complains of members that the schema does not name.
func (d description) violations(path string, value any, s *schema) []string {
	if s == nil {
		return nil
	}
	if s.Ref != "" {
		return d.violations(path, value, d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")])
	}
	var found []string
	complain := func(format string, args ...any) { found = append(found, path+fmt.Sprintf(format, args...)) }
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, value) {
		complain(" is %v, want one of %v", value, s.Enum)
	}
	kind := ""
	switch value := value.(type) {
	case map[string]any:
		kind = "object"
		found = append(found, d.members(path, value, s)...)
	case []any:
		kind = "array"
		if s.MinItems != nil && len(value) < *s.MinItems || s.MaxItems != nil && len(value) > *s.MaxItems {
			complain(" has %d elements", len(value))
		}
		for n, element := range value {
			found = append(found, d.violations(fmt.Sprintf("%s[%d]", path, n), element, s.Items)...)
		}
	case string:
		kind = "string"
		if n := len([]rune(value)); s.MinLength != nil && n < *s.MinLength || s.MaxLength != nil && n > *s.MaxLength {
			complain(" has %d characters", n)
		}
	case json.Number:
		kind = "number"
		if _, err := value.Int64(); err == nil && s.Type == "integer" {
			kind = "integer"
		}
		n, _ := value.Float64() // the decoder has read it as a number
		if s.Minimum != nil && n < *s.Minimum {
			complain(" is below %v", *s.Minimum)
		}
		if s.Maximum != nil && n > *s.Maximum {
			complain(" is above %v", *s.Maximum)
		}
	case bool:
		kind = "boolean"
	}
	if s.Type != "" && s.Type != kind {
		complain(" is %q, want %s", kind, s.Type)
	}
	return found
}

// members is violations for the members of an object.
func (d description) members(path string, object map[string]any, s *schema) (found []string) {
	for _, name := range s.Required {
		if _, ok := object[name]; !ok {
			found = append(found, path+" has no "+name)
		}
	}
	var rest *schema
	if err := json.Unmarshal(s.AdditionalProperties, &rest); err != nil {
		rest = nil // true, or left out: any member will do
	}
	for name, member := range object {
		property, ok := s.Properties[name]
		switch {
		case ok:
			found = append(found, d.violations(path+"."+name, member, property)...)
		case s.Properties != nil:
			found = append(found, path+"."+name+" is not described")
		default:
			found = append(found, d.violations(path+"."+name, member, rest)...)
		}
	}
	return found
}
