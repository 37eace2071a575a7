package fault

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// MaxIgnored limits the list of unknown fields of a plan. It is enough to find a
// typo, and does not flood a log.
const MaxIgnored = 32

// planReader converts decoded JSON to a plan. It keeps the first error, so the code
// that reads the fields needs no error checks.
type planReader struct {
	err     *PlanError
	ignored []string
}

// fail records that a field breaks a rule, unless there is an earlier error.
func (p *planReader) fail(field, rule string) {
	if p.err == nil {
		p.err = &PlanError{Field: field, Rule: rule}
	}
}

// object returns a JSON object to read from. For another type, it records an error
// and returns an empty object.
func (p *planReader) object(path string, value any) *object {
	members, ok := value.(map[string]any)
	if !ok {
		p.fail(path, "must be a JSON object")
	}
	return &object{reader: p, path: path, members: members, taken: make(map[string]bool)}
}

// object is a JSON object that remembers which members were read. A null member
// counts as missing.
type object struct {
	reader  *planReader
	path    string
	members map[string]any
	taken   map[string]bool
}

func (o *object) has(name string) bool { return o.members[name] != nil }

// names returns the names of all members, sorted.
func (o *object) names() []string { return slices.Sorted(maps.Keys(o.members)) }

// take returns a member, or nil if it is missing, and marks it as known.
func (o *object) take(name string) any {
	o.taken[name] = true
	return o.members[name]
}

// known reports whether a member was read.
func (o *object) known(name string) bool { return o.taken[name] }

// done reports the members that were not read as ignored.
func (o *object) done() {
	for _, name := range o.names() {
		if !o.taken[name] && len(o.reader.ignored) < MaxIgnored {
			o.reader.ignored = append(o.reader.ignored, member(o.path, name))
		}
	}
}

// fail records that a member breaks a rule.
func (o *object) fail(name, rule string) { o.reader.fail(member(o.path, name), rule) }

// object returns a member that is an object, or an empty object if it is missing.
func (o *object) object(name string) *object {
	value := o.take(name)
	if value == nil {
		value = map[string]any{}
	}
	return o.reader.object(member(o.path, name), value)
}

func (o *object) text(name string) string {
	value := o.take(name)
	text, ok := value.(string)
	if !ok && value != nil {
		o.fail(name, "must be a string")
	}
	return text
}

// flag returns a member that is true or false.
func (o *object) flag(name string, absent bool) bool {
	value := o.take(name)
	if value == nil {
		return absent
	}
	on, ok := value.(bool)
	if !ok {
		o.fail(name, "must be true or false")
	}
	return on
}

// number returns a member that is a number, as a float64.
func (o *object) number(name string) float64 {
	value := o.take(name)
	if value == nil {
		return 0
	}
	number, ok := value.(json.Number)
	if !ok {
		o.fail(name, "must be a number")
		return 0
	}
	n, err := number.Float64()
	if err != nil {
		o.fail(name, "must be a number in the range of a float64")
	}
	return n
}

// whole returns a member that is a whole number from 0 to most.
func (o *object) whole(name string, most uint64) uint64 {
	value := o.take(name)
	if value == nil {
		return 0
	}
	number, _ := value.(json.Number)
	n, err := strconv.ParseUint(number.String(), 10, 64)
	if err != nil || n > most {
		o.fail(name, "must be a whole number between 0 and "+strconv.FormatUint(most, 10))
	}
	return n
}

// duration returns a member that is a duration.
func (o *object) duration(name string) time.Duration {
	value := o.take(name)
	if value == nil {
		return 0
	}
	return o.reader.duration(member(o.path, name), value)
}

// lasts returns the member "for". It rejects 0, which would otherwise mean no end.
func (o *object) lasts() time.Duration {
	d := o.duration("for")
	if o.has("for") && d <= 0 {
		o.fail("for", forRule)
	}
	return d
}

// span returns a member that is a list of two durations.
func (o *object) span(name string) Range {
	value := o.take(name)
	if value == nil {
		return Range{}
	}
	path := member(o.path, name)
	list, ok := value.([]any)
	if !ok || len(list) != 2 {
		o.reader.fail(path, `must be a list of two durations, such as ["1s", "4s"]`)
		return Range{}
	}
	return Range{Min: o.reader.duration(path+"[0]", list[0]), Max: o.reader.duration(path+"[1]", list[1])}
}

// duration parses a string such as "1m30s".
func (p *planReader) duration(path string, value any) time.Duration {
	text, _ := value.(string)
	d, err := time.ParseDuration(text)
	if err != nil {
		p.fail(path, `must be a duration string such as "500ms" or "1m30s"`)
	}
	return d
}
