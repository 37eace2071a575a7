package scenariofile

import (
	"maps"
	"strings"

	"onsale/internal/stress"
	"onsale/internal/stress/jsonbody"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// Split is the reader of command lines.
var Split = split

// Find returns what stands at a path of a valid JSON text, as people read it.
func Find(path string, doc []byte) (text string, ok bool, err error) {
	p, err := parsePath(path)
	if err != nil {
		return "", false, err
	}
	body, _ := jsonbody.Parse(doc)
	found, ok := p.find(body, nil)
	return readable(found), ok, nil
}

// Fields returns the names that the decoder knows, by the mapping that has them.
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

// Preparer returns what renders the first request of the first task again and again, and what judges
// an answer to it, for one user.
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
