package crowd

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The fields of PUT /crowd.
const (
	fieldUsers    = "users"
	fieldScenario = "scenario"
)

// A problem names maxUnknown unknown fields at most, with maxName bytes each.
const (
	maxUnknown = 10
	maxName    = 64
)

// parse reads the body of PUT /crowd, a JSON object in which every field may be
// left out. All fields that are wrong are named at once, but for those whose
// value breaks a rule of the settings.
func parse(body []byte) (patch, *problem) {
	if len(bytes.TrimSpace(body)) == 0 {
		return patch{}, malformed("must be there")
	}
	// Checked as a whole first, so that the walk below meets no syntax error.
	var whole json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		return patch{}, malformed("must be JSON: " + err.Error())
	}
	if !utf8.Valid(body) {
		return patch{}, malformed("must be UTF-8")
	}
	if whole[0] != '{' {
		return patch{}, invalid(fieldProblem{"body", "must be a JSON object"})
	}
	var f form
	walk(whole, f.set)
	if len(f.wrong) > 0 {
		return patch{}, invalid(f.wrong...)
	}
	return f.patch, nil
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

// form gathers the fields and what is wrong with them.
type form struct {
	patch

	wrong   []fieldProblem
	unknown int
}

func (f *form) set(name string, value json.RawMessage) {
	switch name {
	case fieldUsers:
		users, err := strconv.Atoi(string(value))
		f.see(name, f.users != nil, err == nil, "must be an integer")
		f.users = &users
	case fieldScenario:
		var scenario *string
		err := json.Unmarshal(value, &scenario)
		f.see(name, f.scenario != nil, err == nil && scenario != nil, "must be a string")
		if scenario == nil {
			scenario = new(string)
		}
		f.scenario = scenario
	default:
		if len(name) > maxName {
			name = strings.ToValidUTF8(name[:maxName], "") + "…"
		}
		if f.unknown++; f.unknown <= maxUnknown {
			f.wrong = append(f.wrong, fieldProblem{name, "is not known"})
		}
	}
}

// see notes what is wrong with a field, if anything is.
func (f *form) see(name string, twice, fits bool, rule string) {
	switch {
	case twice:
		f.wrong = append(f.wrong, fieldProblem{name, "must be there only once"})
	case !fits:
		f.wrong = append(f.wrong, fieldProblem{name, rule})
	}
}
