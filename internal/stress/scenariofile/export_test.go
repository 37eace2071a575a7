package scenariofile

import (
	"maps"
	"strings"

	"onsale/internal/stress"
	"onsale/internal/stress/jsonbody"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// Split splits command lines.
var Split = split

// Find returns the value at a path of a valid JSON document, a string without its quotes.
func Find(path string, doc []byte) (text string, ok bool, err error) {
	p, err := parsePath(path)
	if err != nil {
		return "", false, err
	}
	body, _ := jsonbody.Parse(doc)
	found, ok := p.find(body, nil)
	return readable(found), ok, nil
}

// Fields returns the field names that the decoder accepts, by the mapping that has them.
func Fields() map[string][]string {
	fields := make(map[string][]string)
	for name, known := range map[string]string{
		"": fileFields, "kind": kindFields, "task": taskFields, "request": stepFields, "pause": pauseFields, "wait": waitFields,
		"table": tableFields, "check": checkFields, "business": businessFields, "capture": captureFields,
	} {
		fields[name] = strings.Fields(known)
	}
	return maps.Clone(fields)
}

// Preparer returns, for one user, a function that renders the first request of the first task, and one that judges
// an answer to it.
func Preparer(s *Definition, target *wire.Target, u *stress.User) (prepare func() *wire.Request, judge func(*wire.Response) stats.Outcome) {
	a := newVirtualUser(newSharedState(s, target), &s.kinds[0], u)
	first := &s.kinds[0].tasks[0].steps[0]
	return func() *wire.Request {
		a.step = first
		a.prepare(first)
		a.iteration++
		return &a.call.Request
	}, a.judge
}
