package problem

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"
)

// MaxBody limits a request's body, in bytes.
const MaxBody = 64 << 10

// A problem lists at most maxUnknown unknown fields, and at most maxName bytes of each
// name.
const (
	maxUnknown = 10
	maxName    = 64
)

// bodyField is the field name of problems with the body as a whole.
const bodyField = "body"

// Read reads the body of a request, a JSON object whose fields are all optional, into the
// struct that into points to. Field names must match the json tags exactly. A field that
// is unknown, null, repeated or of the wrong type is a problem, and the problem lists all
// such fields. The content of the struct is undefined after a problem.
func Read(w http.ResponseWriter, r *http.Request, into any) *Problem {
	if !isJSON(r.Header.Get("Content-Type")) {
		return unsupported()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return tooLarge()
	case err != nil:
		return malformed("is incomplete")
	}
	return parse(body, into)
}

// isJSON reports whether a content type is JSON. An absent one counts as JSON.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == jsonType
}

func parse(body []byte, into any) *Problem {
	if len(bytes.TrimSpace(body)) == 0 {
		return malformed("must not be empty")
	}
	// Check the syntax of the whole body first, so that walk meets no syntax error.
	var whole json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		return malformed("must be JSON: " + err.Error())
	}
	if !utf8.Valid(body) {
		return malformed("must be UTF-8")
	}
	if whole[0] != '{' {
		return Invalid(FieldProblem{bodyField, "must be a JSON object"})
	}
	f := newForm(into)
	walk(whole, f.set)
	if len(f.wrong) > 0 {
		return Invalid(f.wrong...)
	}
	return nil
}

// walk calls do for each field of a valid JSON object, in order and including repeated
// fields.
func walk(object json.RawMessage, do func(name string, value json.RawMessage)) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	_, _ = decoder.Token() // the brace
	for decoder.More() {
		name, _ := decoder.Token()
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return // cannot happen in a valid object
		}
		text, _ := name.(string)
		do(text, value)
	}
}

// form sets the fields of a struct and collects their problems.
type form struct {
	fields  map[string]reflect.Value
	seen    map[string]bool
	wrong   []FieldProblem
	unknown int
}

// newForm returns the form of the struct that into points to.
func newForm(into any) *form {
	target := reflect.ValueOf(into).Elem()
	f := &form{fields: make(map[string]reflect.Value), seen: make(map[string]bool)}
	for i := range target.NumField() {
		if name, _, _ := strings.Cut(target.Type().Field(i).Tag.Get("json"), ","); name != "" {
			f.fields[name] = target.Field(i)
		}
	}
	return f
}

func (f *form) set(name string, value json.RawMessage) {
	field, known := f.fields[name]
	switch {
	case !known:
		if len(name) > maxName {
			name = strings.ToValidUTF8(name[:maxName], "") + "…"
		}
		if f.unknown++; f.unknown <= maxUnknown {
			f.wrong = append(f.wrong, FieldProblem{name, "is not known"})
		}
	case f.seen[name]:
		f.wrong = append(f.wrong, FieldProblem{name, "must be sent only once"})
	case HasLoneSurrogate(value):
		f.wrong = append(f.wrong, FieldProblem{name, LoneSurrogateRule})
	case string(value) == "null" || json.Unmarshal(value, field.Addr().Interface()) != nil:
		f.wrong = append(f.wrong, FieldProblem{name, "must be " + typeName(field.Type())})
	}
	f.seen[name] = true
}

// typeName describes a type for people.
func typeName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "an integer"
	case reflect.Uint64:
		return "an integer of 0 or more"
	case reflect.Float64:
		return "a number"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list; each element must be " + typeName(t.Elem())
	default:
		return "of another type"
	}
}
