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

// A problem names maxUnknown unknown fields at most, with maxName bytes each.
const (
	maxUnknown = 10
	maxName    = 64
)

// bodyField is what a problem calls the body as a whole.
const bodyField = "body"

// Read reads the body of a request, a JSON object in which every field may be
// left out, into the struct that into points to. Fields go by their json tags, to
// the letter; one that is unknown, null, of another type or there twice is a problem. All
// that are wrong are named at once. What stands in the struct after a problem
// is worth nothing.
func Read(w http.ResponseWriter, r *http.Request, into any) *Problem {
	if !saysJSON(r.Header.Get("Content-Type")) {
		return unsupported()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return tooLarge()
	case err != nil:
		return malformed("is cut off")
	}
	return parse(body, into)
}

// saysJSON reports whether a content type is JSON; none is taken for it.
func saysJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == jsonType
}

func parse(body []byte, into any) *Problem {
	if len(bytes.TrimSpace(body)) == 0 {
		return malformed("must be there")
	}
	// Checked as a whole first, so that the walk below meets no syntax error.
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

// walk calls do for each field of a valid JSON object, in order; for one that
// comes twice, twice.
func walk(object json.RawMessage, do func(name string, value json.RawMessage)) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	_, _ = decoder.Token() // the brace
	for decoder.More() {
		name, _ := decoder.Token()
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return // which a valid object cannot
		}
		text, _ := name.(string)
		do(text, value)
	}
}

// form fills the fields of a struct, and gathers what is wrong with them.
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
		f.wrong = append(f.wrong, FieldProblem{name, "must be there only once"})
	case HasLoneSurrogate(value):
		f.wrong = append(f.wrong, FieldProblem{name, LoneSurrogateRule})
	case string(value) == "null" || json.Unmarshal(value, field.Addr().Interface()) != nil:
		f.wrong = append(f.wrong, FieldProblem{name, "must be " + typeName(field.Type())})
	}
	f.seen[name] = true
}

// typeName is what a person calls a type.
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
		return "a list in which each is " + typeName(t.Elem())
	default:
		return "of another type"
	}
}
