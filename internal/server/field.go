package server

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// text is a string in the body of a request. It notes what is wrong with it
// instead of failing, so that the client hears of all fields at once.
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

// form is what a field may be beside its value.
type form struct {
	seen   bool
	broken string // the rule that it breaks
}

// rule returns the rule of form that the field breaks, to be read after its
// name, or nothing.
func (f *form) rule() string {
	if !f.seen {
		return "must be there"
	}
	return f.broken
}

// see notes that the field is there, once, and not of another type.
func (f *form) see(fits bool, rule string) {
	switch {
	case f.seen:
		f.broken = "must be there only once"
	case !fits:
		f.broken = rule
	}
	f.seen = true
}

// UnmarshalJSON takes any JSON value and never fails.
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

// UnmarshalJSON takes any JSON value and never fails.
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
