package scenariofile

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tidwall/gjson"

	"onsale/internal/stress"
	"onsale/internal/stress/jsonbody"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// errStart is returned if a step of start fails. The statistics have the failure.
var errStart = errors.New("a step of start failed")

// sharedState is the state that the users of one scenario share.
type sharedState struct {
	tables  []*table
	cursors []cursor
	jar     bool
	target  address
	options Options
	now     func() time.Time
}

func newSharedState(s *Definition, target *wire.Target) *sharedState {
	return &sharedState{
		tables: s.tables, cursors: make([]cursor, len(s.tables)),
		jar: s.jar, target: newAddress(target), options: s.options, now: s.options.Now,
	}
}

// virtualUser is one user of a scenario, with its captured values, rows and cookies.
type virtualUser struct {
	shared *sharedState
	kind   *kind
	user   *stress.User
	index  int
	random *rand.Rand

	values    []value
	rows      []int
	iteration int64
	cookies   jar

	// The request in progress.
	step *step
	call stress.Call
	good bool
	// document is the JSON value of the answer once parsed; it does not exist if the body is not JSON.
	document gjson.Result
	parsed   bool
	// Buffers that are reused for the next request.
	body, text, wanted []byte
	ends               []int
}

func newVirtualUser(s *sharedState, k *kind, u *stress.User) *virtualUser {
	a := &virtualUser{
		shared: s, kind: k, user: u, index: u.Index, random: u.Rand,
		values: make([]value, k.slots), rows: make([]int, len(s.tables)),
	}
	for i, t := range s.tables {
		a.rows[i] = t.first(a.index, a.random)
	}
	a.call.Judge = a.judge
	return a
}

// part returns the tasks of the user for the engine.
func (a *virtualUser) part() stress.Part {
	var p stress.Part
	if len(a.kind.start) > 0 {
		p.Start = a.start
	}
	for i := range a.kind.tasks {
		t := &a.kind.tasks[i]
		p.Tasks = append(p.Tasks, stress.Task{Weight: t.weight, Do: func(ctx context.Context) { a.do(ctx, t) }})
	}
	return p
}

// start runs the steps of start, without the cookies of an earlier start.
func (a *virtualUser) start(ctx context.Context) error {
	a.cookies = jar{}
	if a.steps(ctx, a.kind.start) {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errStart
}

// do runs a task once.
func (a *virtualUser) do(ctx context.Context, t *task) {
	for i, table := range a.shared.tables {
		if table.perTask {
			a.rows[i] = table.next(&a.shared.cursors[i], a.random, a.shared.options)
		}
	}
	a.steps(ctx, t.steps)
	a.iteration++
}

// steps runs steps in sequence. It returns false if one failed or the context ended.
func (a *virtualUser) steps(ctx context.Context, steps []step) bool {
	for i := range steps {
		s := &steps[i]
		if s.pause != nil {
			if !a.pause(ctx, s.pause) {
				return false
			}
			continue
		}
		if !a.request(ctx, s) && !s.carryOn || ctx.Err() != nil {
			return false
		}
	}
	return true
}

// pause waits. It returns false if the context ended.
func (a *virtualUser) pause(ctx context.Context, wait stress.Wait) bool {
	now := time.Now()
	next, _ := wait(a.random, now, now)
	timer := time.NewTimer(next.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// request sends the request of a step. It returns false unless the answer passed all checks.
func (a *virtualUser) request(ctx context.Context, s *step) bool {
	a.step, a.good = s, false
	for i := range s.captures {
		if s.captures[i].hasFallback {
			s.captures[i].forget(a)
		}
	}
	a.prepare(s)
	a.user.Do(ctx, &a.call)
	return a.good
}

// prepare renders a step into the call.
func (a *virtualUser) prepare(s *step) {
	r := &a.call.Request
	a.call.Name, r.Method = s.name, s.method
	// Any answer can contain values that are captured, or read from a file or the environment.
	a.call.Private = !s.plain
	var constant bool
	if r.Path, constant = s.path.constant(); !constant {
		a.text = s.path.append(a.text[:0], a)
		r.Path = string(a.text)
	}
	if s.wholePath {
		r.Path = a.shared.target.below(r.Path, a.from(&s.path))
	}
	a.prepareHeader(s)
	if r.Body = s.content; s.content == nil && s.hasBody {
		a.body = s.body.append(a.body[:0], a)
		r.Body = a.body
	}
}

// from returns the path of the request whose answer a path was captured from; empty if it was not captured.
func (a *virtualUser) from(path *template) string {
	if len(path.parts) > 0 && path.parts[0].op == captured {
		return a.values[path.parts[0].slot].from
	}
	return ""
}

// prepareHeader renders the header fields. The values that change from call to call are substrings of one string,
// which is one allocation for all.
func (a *virtualUser) prepareHeader(s *step) {
	r := &a.call.Request
	r.Header = append(r.Header[:0], s.header...)
	a.text, a.ends = a.text[:0], a.ends[:0]
	for i := range s.changing {
		a.text = s.changing[i].value.append(a.text, a)
		a.ends = append(a.ends, len(a.text))
	}
	a.text = a.appendCookies(a.text, s, r.Path)
	text, from := string(a.text), 0
	for i, end := range a.ends {
		r.Header = append(r.Header, wire.Field{Name: s.changing[i].name, Value: text[from:end]})
		from = end
	}
	if from < len(text) {
		r.Header = append(r.Header, wire.Field{Name: "Cookie", Value: text[from:]})
	}
}

// want renders the text that a check compares an answer with.
func (a *virtualUser) want(t *template) []byte {
	a.wanted = t.append(a.wanted[:0], a)
	return a.wanted
}

// find returns the JSON value at a path of an answer. The body is parsed once, and only if a step needs it.
func (a *virtualUser) find(p *jsonPath, r *wire.Response) (gjson.Result, bool) {
	if !a.parsed {
		a.parsed = true
		a.document, _ = jsonbody.Parse(r.Body)
	}
	if !a.document.Exists() {
		return gjson.Result{}, false
	}
	return p.find(a.document, a.random)
}

// judge returns the outcome of an answer, and keeps what the step captures from it.
func (a *virtualUser) judge(r *wire.Response) stats.Outcome {
	s := a.step
	a.parsed = false
	if a.shared.jar {
		a.cookies.take(a.shared.target, a.call.Request.Path, r)
	}
	for i := range s.business {
		if b := &s.business[i]; b.is(a, r) {
			return stats.Outcome{Class: stats.Business, Kind: b.name}
		}
	}
	if !s.status.take(r.Status) {
		return s.status.unexpected(r.Status)
	}
	for i := range s.checks {
		if c := &s.checks[i]; !c.holds(a, r) {
			return failed(whole(c.detail, c.body, r))
		}
	}
	for i := range s.captures {
		if c := &s.captures[i]; !c.keep(a, r) {
			return failed(whole(c.detail, c.body, r))
		}
	}
	a.good = true
	return stats.Outcome{}
}

// whole adds to the detail of a failure that only the beginning of the body was kept.
func whole(detail string, body bool, r *wire.Response) string {
	if body && r.Size > int64(len(r.Body)) {
		return detail + ", in the part of the body that is kept"
	}
	return detail
}
