package conceal_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	alertmanager "github.com/prometheus/alertmanager/config"
	prometheus "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/file"
	"github.com/prometheus/prometheus/discovery/targetgroup"

	"onsale/internal/monitor/conceal"
)

// fieldsOf adds the YAML fields below a type, with the types that have them. Below
// what is not shown at all it does not look.
func fieldsOf(t reflect.Type, found map[string][]string, inside []reflect.Type) {
	for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Array}, t.Kind()) {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || slices.Contains(inside, t) {
		return
	}
	inside = append(inside, t)
	for f := range t.Fields() {
		tag, hasTag := f.Tag.Lookup("yaml")
		key, options, _ := strings.Cut(tag, ",")
		switch {
		case !f.IsExported() || !hasTag || key == "-":
			continue
		case strings.Contains(options, "inline"):
			fieldsOf(f.Type, found, inside)
			continue
		case key == "":
			key = strings.ToLower(f.Name)
		}
		if isNumber(f.Type) {
			continue
		}
		found[key] = append(found[key], t.String())
		if closed, labels, _ := conceal.Decided(key); !closed && !labels {
			fieldsOf(f.Type, found, inside)
		}
	}
}

// isNumber reports whether a value is written as a number or a boolean, which is
// shown in any case.
func isNumber(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	_, asValue := t.MethodByName("MarshalYAML")
	_, asText := t.MethodByName("MarshalText")
	return !asValue && !asText && t.Kind() >= reflect.Bool && t.Kind() <= reflect.Float64 && t.String() != "time.Duration"
}

// TestEveryFieldIsDecided fails when a version of the libraries has a field that
// could hold a secret, and that fields.go does not name.
func TestEveryFieldIsDecided(t *testing.T) {
	t.Parallel()
	found := map[string][]string{
		"static_configs": nil, "file_sd_configs": nil, // a type is found for them at run time
		"targets": nil, "start_time": nil, "end_time": nil, // types of their own write them
	}
	for _, config := range []any{prometheus.Config{}, alertmanager.Config{}, file.SDConfig{}, targetgroup.Group{}} {
		fieldsOf(reflect.TypeOf(config), found, nil)
	}
	for key, types := range found {
		if _, _, known := conceal.Decided(key); !known {
			t.Errorf("field %s of %s is in no list of fields.go: decide whether it is shown", key, strings.Join(types, ", "))
		}
	}
	for _, key := range conceal.Fields() {
		if _, there := found[key]; !there {
			t.Errorf("field %s of fields.go is in neither library", key)
		}
	}
	if len(found) < 200 {
		t.Errorf("only %d fields were found", len(found))
	}
}
