package scenariofile

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Fields of a check, of a business answer and of a capture.
const (
	checkFields    = "status json contains header max_time business"
	businessFields = "status json name"
	captureFields  = "json header regex cookie default"
)

// check reads what an answer must have. Checks run in the order of this function, and the first that
// fails is reported.
func (f *fileReader) check(n node, st *step, s *scope) {
	fields := f.object(n, checkFields)
	if v, ok := fields["business"]; ok {
		f.businesses(v, st, s)
	}
	if v, ok := fields["status"]; ok {
		st.status = f.statuses(v)
	}
	if v, ok := fields["max_time"]; ok {
		st.checks = append(st.checks, within(f.duration(v, time.Millisecond)))
	}
	if v, ok := fields["header"]; ok {
		for _, h := range f.pairs(v) {
			if !isToken(h.key.Value) {
				f.fail(node{Node: h.key, at: h.at}, "is not a valid header name")
				continue
			}
			st.checks = append(st.checks, headerHas(h.key.Value, f.template(h.node, f.line(h.node), plainText, s)))
		}
	}
	if v, ok := fields["json"]; ok {
		st.checks = append(st.checks, f.jsonChecks(v, s)...)
	}
	if v, ok := fields["contains"]; ok {
		for _, item := range f.oneOrMore(v) {
			st.checks = append(st.checks, contains(f.template(item, f.text(item), plainText, s)))
		}
	}
}

// statuses reads one status, a class such as 2xx, or a list of them.
func (f *fileReader) statuses(n node) statuses {
	var all statuses
	for _, item := range f.oneOrMore(n) {
		text := f.text(item)
		if all.source != "" {
			all.source += " or "
		}
		all.source += text
		status, err := strconv.Atoi(text)
		switch {
		case text == "":
		case len(text) == 3 && text[1:] == "xx" && '1' <= text[0] && text[0] <= '5':
			all.class[text[0]-'0'] = true
		case err == nil && 100 <= status && status <= 599:
			all.single = append(all.single, status)
		default:
			f.fail(item, "must be a status such as 200, or a class such as 2xx")
		}
	}
	return all
}

// jsonChecks reads paths with the values that they must have, or a list of paths that must exist.
func (f *fileReader) jsonChecks(n node, s *scope) []check {
	var checks []check
	if !n.mapping() {
		for _, item := range f.oneOrMore(n) {
			if p, ok := f.jsonPath(item, f.text(item)); ok {
				checks = append(checks, jsonExists(p))
			}
		}
		return checks
	}
	for _, v := range f.pairs(n) {
		p, ok := f.jsonPath(node{Node: v.key, at: v.at}, v.key.Value)
		switch {
		case !ok:
		case v.follow().Kind != yaml.ScalarNode:
			f.fail(v.node, "must be a text, a number, true, false or null")
		case strings.Contains(v.follow().Value, "{{"):
			checks = append(checks, jsonLike(p, f.template(v.node, v.follow().Value, plainText, s)))
		default:
			c, err := scalarConstant(v.follow().Node)
			if err != nil {
				f.fail(v.node, "%s", err.Error())
				continue
			}
			checks = append(checks, jsonIs(p, c.text, !c.json))
		}
	}
	return checks
}

// jsonPath reads the JSON path of a check, which cannot have [*].
func (f *fileReader) jsonPath(n node, text string) (jsonPath, bool) {
	if text == "" {
		return jsonPath{}, false
	}
	p, err := parsePath(text)
	switch {
	case err != nil:
		f.fail(n, "%s", err.Error())
	case p.any():
		f.fail(n, "has [*], which only captures can have: a check tests one value")
	}
	return p, err == nil && !p.any()
}

// businesses reads answers that are not failures: a mapping from statuses to names, or a list, which can have several
// names for one status.
func (f *fileReader) businesses(n node, st *step, s *scope) {
	if n.mapping() {
		for _, v := range f.pairs(n) {
			b := business{status: f.statuses(node{Node: v.key, at: v.at}), name: f.businessName(v.node)}
			st.business = append(st.business, b)
		}
		return
	}
	for _, item := range f.items(n) {
		fields := f.object(item, businessFields)
		var b business
		for _, name := range []string{"status", "name"} {
			if _, ok := fields[name]; !ok && item.mapping() {
				f.fail(item, "needs %s", name)
			}
		}
		if v, ok := fields["status"]; ok {
			b.status = f.statuses(v)
		}
		if v, ok := fields["name"]; ok {
			b.name = f.businessName(v)
		}
		if v, ok := fields["json"]; ok {
			b.checks = f.jsonChecks(v, s)
		}
		st.business = append(st.business, b)
	}
}

// businessName reads the name of a business answer, such as sold_out.
func (f *fileReader) businessName(n node) string {
	text := f.text(n)
	if text != "" && !isName(text) {
		f.fail(n, "must be a name of letters, digits and _, such as sold_out")
	}
	return text
}

// captures reads which parts of its answer a step captures.
func (f *fileReader) captures(n node, st *step, s *scope) {
	for _, v := range f.pairs(n) {
		name := v.key.Value
		why := reserved(name)
		if _, taken := s.variables[name]; taken {
			why = "is the name of a variable; choose another name"
		}
		if why != "" {
			f.fail(node{Node: v.key, at: v.at}, "%s", why)
			continue
		}
		c := f.capture(v, st.carryOn)
		c.slot = s.capture(name)
		c.detail = "capture " + name + ": " + c.detail
		st.captures = append(st.captures, c)
	}
}

// capture reads one capture: a JSON path, or a source with a default.
func (f *fileReader) capture(v field, carryOn bool) (c capture) {
	if v.scalar() {
		if carryOn {
			f.fail(v.node, "needs a default, because later steps also run after a failure: {json: …, default: …}")
		}
		c.body = true
		c.from, c.detail = f.source("json", v.node)
		return c
	}
	fields := f.object(v.node, captureFields)
	if n, ok := fields["default"]; ok {
		if c.hasFallback = true; !n.scalar() {
			f.fail(n, "must be a text")
		}
		c.fallback = n.follow().Value
	} else if carryOn && v.mapping() {
		f.fail(v.node, "needs default, because later steps also run after a failure")
	}
	sources := 0
	for _, name := range []string{"json", "header", "regex", "cookie"} {
		if n, ok := fields[name]; ok {
			sources++
			c.body = name == "json" || name == "regex"
			c.from, c.detail = f.source(name, n)
		}
	}
	if sources != 1 && v.mapping() {
		f.fail(v.node, "needs one of json, header, regex and cookie")
	}
	return c
}

// source reads the source of a capture. The detail is that of a failure to find it.
func (f *fileReader) source(kind string, n node) (from source, detail string) {
	text := f.text(n)
	if text == "" {
		if n.scalar() {
			f.fail(n, "must not be empty")
		}
		return nil, ""
	}
	switch kind {
	case "header":
		if !isToken(text) {
			f.fail(n, "is not a valid header name")
		}
		return headerSource(text), "no header " + text
	case "cookie":
		return cookieSource(text), "no cookie " + text
	case "regex":
		expression, err := regexp.Compile(text)
		if err != nil {
			f.fail(n, "is not a valid regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		return &regexSource{expression}, "nothing matches its regex"
	}
	p, err := parsePath(text)
	if err != nil {
		f.fail(n, "%s", err.Error())
	}
	return &jsonSource{p}, "nothing at " + text
}
