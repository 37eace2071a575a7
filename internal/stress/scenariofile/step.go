package scenariofile

import (
	"slices"
	"strings"

	"onsale/internal/stress"
	"onsale/internal/stress/wire"
)

// step is one request of a task, or a pause.
type step struct {
	// plain is set for a request that is not from a file: its only secrets are those that it sends.
	plain bool
	// pause is set for a pause; the other fields are not used then.
	pause stress.Wait

	name, method string
	path         template
	// wholePath is set if a template provides the path, such as a Location of the target.
	wholePath bool
	// header are the constant fields, and changing the others.
	header   []wire.Field
	changing []pair
	cookies  []pair
	hasBody  bool
	// content is a constant body; otherwise body renders it.
	content  []byte
	body     template
	status   statuses
	checks   []check
	business []business
	captures []capture
	// carryOn continues with the next step after a failure.
	carryOn bool
}

// pair is a header field or a cookie.
type pair struct {
	name  string
	value template
}

func (st *step) hasCookie(name string) bool {
	return slices.ContainsFunc(st.cookies, func(p pair) bool { return p.name == name })
}

func (st *step) hasHeader(name string) bool {
	return slices.ContainsFunc(st.header, func(f wire.Field) bool { return strings.EqualFold(f.Name, name) }) ||
		slices.ContainsFunc(st.changing, func(p pair) bool { return strings.EqualFold(p.name, name) })
}

// Fields of a step.
const (
	stepFields  = "name method path headers cookies body json form capture check on_error"
	pauseFields = "pause"
)

// steps reads a list of steps.
func (f *fileReader) steps(n node, s *scope) []step {
	items := f.items(n)
	if n.list() && len(items) == 0 {
		f.fail(n, "needs at least one step")
	}
	steps := make([]step, 0, len(items))
	for _, item := range items {
		steps = append(steps, f.step(item, s))
	}
	return steps
}

// step reads a request or a pause.
func (f *fileReader) step(n node, s *scope) step {
	fields := f.pairs(n)
	if has(fields, "pause") {
		return step{pause: f.pause(f.known(fields, pauseFields)["pause"])}
	}
	return f.request(n, f.known(fields, stepFields+" "+pauseFields), s)
}

// request reads the fields of a request.
func (f *fileReader) request(n node, fields map[string]node, s *scope) step {
	st := step{status: success()}
	if p, ok := fields["path"]; ok {
		f.path(p, &st, s)
	} else if n.mapping() {
		f.fail(n, "needs path, such as /concerts")
	}
	if p, ok := fields["name"]; ok {
		st.name = f.staticText(p, "would add a line to the report for each value")
	}
	if p, ok := fields["headers"]; ok {
		f.stepHeaders(p, &st, s)
	}
	f.commonHeaders(&st, s)
	f.body(fields, &st, s)
	f.method(fields, &st)
	if p, ok := fields["cookies"]; ok {
		f.cookies(p, &st, s)
	}
	if p, ok := fields["check"]; ok {
		f.check(p, &st, s)
	}
	if p, ok := fields["on_error"]; ok {
		st.carryOn = f.choice(p, "stop", "continue") == "continue"
	}
	if p, ok := fields["capture"]; ok {
		f.captures(p, &st, s)
	}
	if st.hasHeader("Accept-Encoding") && st.readsBody() {
		f.warn(n, "has checks or captures of the body, but requests a compressed one (Accept-Encoding), which is not decompressed")
	}
	return st
}

// readsBody reports whether a check or a capture reads the body of the answer.
func (st *step) readsBody() bool {
	return slices.ContainsFunc(st.checks, func(c check) bool { return c.body }) ||
		slices.ContainsFunc(st.captures, func(c capture) bool { return c.body })
}
