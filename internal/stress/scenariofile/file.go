package scenariofile

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"onsale/internal/stress/wire"
)

// fileFields are the fields at the top of a file.
const fileFields = "name summary host timeout redirects insecure cookie_jar headers variables env csv users " + kindOnlyFields

const (
	// maxRedirects is the limit of browsers.
	maxRedirects = 20
	// minTimeout is the shortest useful timeout over a network.
	minTimeout = time.Millisecond
)

// fileReader reads a whole file.
type fileReader struct {
	*decoder
	options Options
	// common are the header fields of all requests.
	common   []*commonHeader
	declared []declared
	warnings []string
}

// declared is a name that the file declares; a warning says if nothing uses it.
type declared struct {
	line       int
	what, name string
}

// definition reads the fields of the file. It reads declarations of names before the fields that can use them.
func (d *decoder) definition(root node, o Options) *Definition {
	f := &fileReader{decoder: d, options: o}
	fields := d.object(root, fileFields)
	base := filepath.Base(d.file)
	s := &Definition{Name: strings.TrimSuffix(base, filepath.Ext(base)), jar: true, options: o}
	f.settings(fields, s)

	sc := newScope()
	if n, ok := fields["variables"]; ok {
		f.variables(n, sc)
	}
	if n, ok := fields["env"]; ok {
		f.env(n, sc)
	}
	if n, ok := fields["csv"]; ok {
		f.tables(n, sc)
	}
	if n, ok := fields["headers"]; ok {
		f.readCommon(n)
	}
	s.kinds, s.tables = f.users(root, fields, sc), sc.tables
	f.checkCommon()
	s.Warnings = append(f.unused(sc), f.warnings...)
	if s.Summary == "" {
		s.Summary = summary(s.kinds)
	}
	return s
}

// settings reads the fields that apply to the whole run.
func (f *fileReader) settings(fields map[string]node, s *Definition) {
	if n, ok := fields["name"]; ok {
		s.Name = f.staticText(n, "is the same for every user")
	}
	if n, ok := fields["summary"]; ok {
		s.Summary = f.staticText(n, "is the same for every user")
	}
	if n, ok := fields["host"]; ok {
		s.Host = f.host(n)
	}
	if n, ok := fields["timeout"]; ok {
		s.Timeout = f.duration(n, minTimeout)
	}
	if n, ok := fields["redirects"]; ok {
		s.Redirects = f.whole(n, 0, maxRedirects)
	}
	if n, ok := fields["insecure"]; ok {
		s.Insecure = f.flag(n)
	}
	if n, ok := fields["cookie_jar"]; ok {
		s.jar = f.flag(n)
	}
}

// host reads the target. Reports show it, so that it takes no templates, whose values can be secret.
func (f *fileReader) host(n node) string {
	text := f.staticText(n, "is shown in reports; set it with --host")
	if text == "" {
		return ""
	}
	target, err := wire.ParseTarget(text)
	if err != nil {
		f.fail(n, "must be a URL such as http://127.0.0.1:8000")
		return ""
	}
	return target.String()
}

// staticText reads a text that takes no templates; why completes the sentence "because it …".
func (f *fileReader) staticText(n node, why string) string {
	text := f.text(n)
	switch {
	case strings.Contains(text, "{{"):
		f.fail(n, "cannot have {{…}}, because it %s", why)
		return ""
	case text == "" && n.scalar():
		f.fail(n, "must not be empty")
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }):
		f.fail(n, "must be one line without control characters")
	}
	return text
}

// variables reads the constants of the file.
func (f *fileReader) variables(n node, sc *scope) {
	for _, v := range f.pairs(n) {
		name := v.key.Value
		if why := reserved(name); why != "" {
			f.fail(node{Node: v.key, at: v.at}, "%s", why)
			continue
		}
		if !v.scalar() {
			f.fail(v.node, "must be a text, a number, true or false")
			continue
		}
		c, err := scalarConstant(v.follow().Node)
		switch {
		case err != nil:
			f.fail(v.node, "%s", err.Error())
		case strings.Contains(c.text, "{{"):
			f.fail(v.node, "is a constant and cannot have {{…}}: use the {{…}} where the variable is used")
		default:
			sc.variables[name] = c
			f.declare(v.key, "variable", name)
		}
	}
}

// env reads which environment variables templates can use: a list of names, or names with defaults.
func (f *fileReader) env(n node, sc *scope) {
	if n.mapping() {
		for _, v := range f.pairs(n) {
			f.lookUp(node{Node: v.key, at: n.at}, v.key.Value, v.node, sc)
		}
		return
	}
	for _, item := range f.items(n) {
		f.lookUp(item, f.text(item), node{}, sc)
	}
}

// lookUp reads one environment variable. No error contains its value.
func (f *fileReader) lookUp(n node, name string, fallback node, sc *scope) {
	if name == "" {
		return
	}
	value, ok := f.options.Env(name)
	switch {
	case !isName(name):
		f.fail(n, "must be a name of letters, digits and _")
		return
	case !ok && fallback.Node != nil && !fallback.null():
		value = f.text(fallback)
	case !ok:
		f.fail(n, "needs the environment variable %s, which is not set and has no default here", name)
	}
	sc.env[name] = value
	f.declare(n.Node, "environment variable", envGroup+"."+name)
}

// tables reads the CSV files: one, or a list of them.
func (f *fileReader) tables(n node, sc *scope) {
	for _, item := range f.oneOrMore(n) {
		t := f.table(item, f.options)
		if slices.ContainsFunc(sc.tables, func(other *table) bool { return other.name == t.name }) {
			f.fail(item, "has the name %s, which another CSV file has: set another name with as", t.name)
			continue
		}
		if _, taken := sc.variables[t.name]; taken {
			f.fail(item, "has the name %s, which a variable has: set another name with as", t.name)
			continue
		}
		sc.tables = append(sc.tables, t)
		f.declare(item.Node, "CSV file", t.name)
	}
}

// declare records a name, to warn if nothing uses it.
func (f *fileReader) declare(n *yaml.Node, what, name string) {
	f.declared = append(f.declared, declared{line: n.Line, what: what, name: name})
}

// warn records a warning about something valid that is probably a mistake.
func (f *fileReader) warn(n node, text string) {
	f.warnings = append(f.warnings, fmt.Sprintf("%s:%d: %s %s", f.file, n.Line, n.at, text))
}

// unused returns a warning for each name that nothing uses.
func (f *fileReader) unused(sc *scope) (warnings []string) {
	for _, d := range f.declared {
		if !sc.used[d.name] {
			warnings = append(warnings, fmt.Sprintf("%s:%d: the %s %s is never used", f.file, d.line, d.what, d.name))
		}
	}
	return warnings
}

// summary returns the summary of a file that has none itself.
func summary(kinds []kind) string {
	requests, tasks := 0, 0
	for _, k := range kinds {
		for _, t := range k.tasks {
			tasks++
			requests += len(t.steps)
		}
	}
	return fmt.Sprintf("%d kinds of users, %d tasks, %d steps", len(kinds), tasks, requests)
}

// template compiles a text.
func (f *fileReader) template(n node, text string, m mode, s *scope) template {
	t, err := s.compile(text, m)
	f.wrongTemplate(n, text, err)
	return t
}

// wrongTemplate records the problem of a template, if err is one.
func (f *fileReader) wrongTemplate(n node, text string, err error) {
	var wrong *templateError
	if !errors.As(err, &wrong) {
		return
	}
	line := n.Line
	if n.follow().Style == yaml.LiteralStyle {
		// The text of a block begins on the next line; count the lines to the template.
		line = n.follow().Line + 1 + strings.Count(text[:wrong.offset], "\n")
	}
	f.problems = append(f.problems, Problem{File: f.file, Line: line, Field: n.at, Message: wrong.message})
}
