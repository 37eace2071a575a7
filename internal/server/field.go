package server

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// text is a string in the body of a request. It records a wrong value instead of failing
// to decode, so that one answer can list all wrong fields.
type text struct {
	value string
	form
}

// integer is an integer in the body of a request, written without a fraction
// or an exponent.
type integer struct {
	value int
	form
}

// form records whether a field is present and well-formed.
type form struct {
	seen   bool
	broken string // the rule that the field breaks
}

// rule returns the rule of form that the field breaks, without the field's name, or "".
func (f *form) rule() string {
	if !f.seen {
		return "is required"
	}
	return f.broken
}

// see records an occurrence of the field. The rule is broken unless the value fits.
func (f *form) see(fits bool, rule string) {
	switch {
	case f.seen:
		f.broken = "must be sent only once"
	case !fits:
		f.broken = rule
	}
	f.seen = true
}

// UnmarshalJSON accepts any JSON value and never fails.
func (t *text) UnmarshalJSON(data []byte) error {
	fits := data[0] == '"'
	switch {
	case fits && bytes.IndexByte(data, '\\') < 0:
		t.value = string(data[1 : len(data)-1])
	case fits:
		fits = json.Unmarshal(data, &t.value) == nil
	}
	t.see(fits, "must be a string")
	return nil
}

// UnmarshalJSON accepts any JSON value and never fails.
func (i *integer) UnmarshalJSON(data []byte) error {
	var err error
	i.value, err = strconv.Atoi(string(data))
	i.see(err == nil, "must be an integer")
	return nil
}

// Schema describes the field in OpenAPI.
func (text) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeString} }

// Schema describes the field in OpenAPI.
func (integer) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
}
