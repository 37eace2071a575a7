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

// fieldsOf adds the YAML fields of a type and of the types inside it to found, each with
// the types that have it. It skips fields that are hidden as a whole.
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

// isNumber reports whether a value is a number or a boolean in YAML, which is always
// shown.
func isNumber(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	_, asValue := t.MethodByName("MarshalYAML")
	_, asText := t.MethodByName("MarshalText")
	return !asValue && !asText && t.Kind() >= reflect.Bool && t.Kind() <= reflect.Float64 && t.String() != "time.Duration"
}

// TestEveryFieldIsDecided fails if the libraries have a field that could contain a secret
// and that fields.go does not list.
func TestEveryFieldIsDecided(t *testing.T) {
	t.Parallel()
	found := map[string][]string{
		"static_configs": nil, "file_sd_configs": nil, // their types are registered at run time
		"targets": nil, "start_time": nil, "end_time": nil, // custom types encode them
	}
	for _, config := range []any{prometheus.Config{}, alertmanager.Config{}, file.SDConfig{}, targetgroup.Group{}} {
		fieldsOf(reflect.TypeOf(config), found, nil)
	}
	for key, types := range found {
		if _, _, known := conceal.Decided(key); !known {
			t.Errorf("field %s of %s is in no list of fields.go: add it to one", key, strings.Join(types, ", "))
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
