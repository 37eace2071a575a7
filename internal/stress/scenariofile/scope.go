package scenariofile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"onsale/internal/stress/suggest"
)

// constant is a variable of the file. json is set if its text is a JSON value: a number, true or false.
type constant struct {
	text string
	json bool
}

// scope has the names that templates can use at one place of a file.
type scope struct {
	// Shared by the whole file.
	variables map[string]constant
	env       map[string]string
	tables    []*table
	used      map[string]bool
	// slots are the slots of the captured values of one kind of users, by name.
	slots map[string]int
	// seen has the names that are captured before this place.
	seen map[string]bool
}

// newScope returns a scope without names.
func newScope() *scope {
	return &scope{
		variables: make(map[string]constant), env: make(map[string]string), used: make(map[string]bool),
		slots: make(map[string]int), seen: make(map[string]bool),
	}
}

// kind returns the scope of a kind of users, without captured values.
func (s *scope) kind() *scope {
	k := *s
	k.slots, k.seen = make(map[string]int), make(map[string]bool)
	return &k
}

// task returns the scope of a task: its captured values are not visible in other tasks.
func (s *scope) task() *scope {
	t := *s
	t.seen = maps.Clone(s.seen)
	return &t
}

// capture adds the name of a captured value, and returns its slot.
func (s *scope) capture(name string) int {
	slot, ok := s.slots[name]
	if !ok {
		slot = len(s.slots)
		s.slots[name] = slot
	}
	s.seen[name] = true
	return slot
}

// name adds the value of a name to a template.
func (s *scope) name(t *template, name string, m mode, asNumber bool) error {
	if group, member, dotted := strings.Cut(name, "."); dotted {
		return s.member(t, group, member, m, asNumber)
	}
	if v, ok := s.variables[name]; ok {
		s.used[name] = true
		if v.json && m == asJSON || asNumber && m == asJSON && isNumber([]byte(v.text)) {
			t.add(part{text: v.text})
			return nil
		}
		t.text(v.text, m)
		return nil
	}
	if s.seen[name] {
		s.used[name] = true
		t.add(part{op: captured, mode: m, slot: s.slots[name], asNumber: asNumber})
		return nil
	}
	if _, ok := s.slots[name]; ok {
		return fmt.Errorf("uses {{%s}} before it is captured: capture it in start, or earlier in the same task", name)
	}
	known := slices.Concat(slices.Sorted(maps.Keys(s.variables)), slices.Sorted(maps.Keys(s.seen)), strings.Fields(functions))
	for _, t := range s.tables {
		known = append(known, t.name+".")
	}
	return fmt.Errorf("has {{%s}}, which is not a known name%s", name, suggest.Among(name, known))
}

// member adds the value of env.NAME, or of a column of a CSV file.
func (s *scope) member(t *template, group, member string, m mode, asNumber bool) error {
	if group == envGroup {
		value, ok := s.env[member]
		if !ok {
			return fmt.Errorf("has {{env.%s}}, but env does not list %s%s", member, member, suggest.Among(member, slices.Sorted(maps.Keys(s.env))))
		}
		s.used[envGroup+"."+member] = true
		t.secret(value, m, asNumber)
		return nil
	}
	groups := []string{envGroup}
	for i, table := range s.tables {
		if table.name != group {
			groups = append(groups, table.name)
			continue
		}
		at := slices.Index(table.columns, member)
		if at < 0 {
			return fmt.Errorf("has {{%s.%s}}, but %s has no such column%s", group, member, table.file, suggest.Among(member, table.columns))
		}
		s.used[group] = true
		t.add(part{op: column, mode: m, slot: i, number: int64(at), asNumber: asNumber})
		return nil
	}
	return fmt.Errorf("has {{%s.%s}}, but %s is not a known name%s", group, member, group, suggest.Among(group, groups))
}

// secret adds the value of an environment variable, which is a text unless a number is requested.
func (t *template) secret(value string, m mode, asNumber bool) {
	if asNumber && m == asJSON && isNumber([]byte(value)) {
		t.add(part{text: value})
		return
	}
	t.text(value, m)
}

// envGroup is the prefix of environment variables in templates: {{env.NAME}}.
const envGroup = "env"

// reserved returns why a variable, a capture or a CSV file cannot have a name; empty if it can.
func reserved(name string) string {
	switch {
	case !isName(name):
		return "must be a name of letters, digits and _"
	case name == envGroup || isFunction(name):
		return "is a reserved name, because {{" + name + "}} has a meaning already"
	}
	return ""
}

// isName reports whether a text is a name: letters, digits and _, not beginning with a digit.
func isName(text string) bool {
	for i, c := range []byte(text) {
		letter := c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return text != ""
}
