package stress

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"onsale/internal/client"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// User is one simulated user. It does one task at a time, and only its own
// tasks use it.
type User struct {
	// Index counts users from 0, over all workers.
	Index int
	// Rand is the user's random generator. The same seed repeats the same numbers.
	Rand *rand.Rand

	run  *Run
	conn wire.Doer
	// due is the moment from which the next call is measured; zero if that is
	// when it is sent.
	due time.Time
	// unconnected is set if a call of the task had no connection.
	unconnected bool
	// sent says that something of the last call may have reached the target.
	sent bool
}

// Call is one request and what is expected of its answer.
type Call struct {
	// Name is what statistics call it, /buy/[id] say; the path without its query by default.
	Name    string
	Request wire.Request
	// Judge says what an answer is; nil takes a status of 2xx for [stats.OK], and any
	// other for a failure of kind [stats.KindStatus].
	Judge func(r *wire.Response) stats.Outcome
	// Private says that answers may have secrets in them that cannot be told from the
	// request: no report quotes them.
	Private bool
}

// Do makes a call, counts it, and returns its answer, which is valid until the user's next call; nil if there is none or
// the outcome is a failure. It ends with the context, and is not counted then, unless it is the end of the run that
// cuts it off: see [Options.StopTimeout].
func (u *User) Do(ctx context.Context, c *Call) *wire.Response {
	due := u.due
	u.due = time.Time{}
	// What begins after the end is no request that it cuts off.
	over := ctx.Err() != nil
	u.sent = !over
	began := time.Now()
	answer, err := u.conn.Do(ctx, &c.Request)
	s := stats.Sample{At: time.Now()}
	switch {
	case err != nil && wire.KindOf(err) == wire.Canceled:
		if over || !errors.Is(context.Cause(ctx), errOutOfTime) {
			return nil
		}
		// The answer would have taken longer: this age is the least that it took.
		answer, s.Service = nil, s.At.Sub(began)
		s.Outcome = stats.Outcome{Class: stats.Failed, Kind: stats.KindCutOff, Detail: "no answer when the run ended"}
	case err != nil:
		answer = nil
		s.Service, s.Outcome = u.failed(err, s.At.Sub(began))
	default:
		s.Service, s.Bytes, s.Outcome = answer.Took, answer.Size, c.judge(answer)
		if u.run.protocol.Load() == nil {
			protocol := u.conn.Protocol()
			u.run.protocol.Store(&protocol)
		}
	}
	entry := u.run.options.Stats.Entry(c.Request.Method, c.name())
	if isError := answer != nil && answer.Status >= 400; isError && !c.Private && s.Outcome.Class == stats.Failed && entry.WantsExample(s.Outcome.Kind, s.Outcome.Detail) {
		s.Outcome.Example = c.example(answer)
	}
	u.record(due, entry, s)
	if s.Outcome.Class == stats.Failed {
		return nil
	}
	return answer
}

// Sent reports whether the target may have seen anything of the user's last call: false where the call had no
// connection, could not be sent at all, or began after its context had ended.
func (u *User) Sent() bool { return u.sent }

// record counts a call. Its response time goes back to when it was due.
func (u *User) record(due time.Time, entry *stats.Entry, s stats.Sample) {
	s.Response = s.Service
	if !due.IsZero() {
		s.Response = max(s.At.Sub(due), s.Service)
	}
	entry.Record(u.Index, s)
}

// example returns what an answer says, without the secrets that were sent: a server may
// repeat them.
func (c *Call) example(answer *wire.Response) string {
	said := client.Excerpt(answer.Body)
	if _, query, _ := strings.Cut(c.Request.Path, "?"); query != "" {
		said = strings.ReplaceAll(said, query, "***")
		for part := range strings.SplitSeq(query, "&") {
			if _, value, _ := strings.Cut(part, "="); len(value) >= shortestSecret {
				said = strings.ReplaceAll(said, value, "***")
			}
		}
	}
	for _, f := range c.Request.Header {
		switch strings.ToLower(f.Name) {
		case "accept", "accept-encoding", "accept-language", "content-type", "host", "user-agent":
			continue
		}
		for part := range strings.FieldsSeq(f.Value) { // such as the token after Bearer
			if len(part) >= shortestSecret {
				said = strings.ReplaceAll(said, part, "***")
			}
		}
	}
	return said
}

// shortestSecret is the length of the shortest value of a header that is looked for in
// answers, in bytes: a shorter one may be any word.
const shortestSecret = 7

// failed returns the service time and the outcome of a call that has no answer.
func (u *User) failed(err error, took time.Duration) (time.Duration, stats.Outcome) {
	kind := wire.KindOf(err)
	switch kind {
	case wire.Tester:
		u.run.self.errors.Add(1)
		u.unconnected, u.sent = true, false
	case wire.Refused, wire.Resolve, wire.Unreachable, wire.ConnectTimeout, wire.Handshake:
		u.unconnected, u.sent = true, false
	case wire.Invalid:
		u.sent = false
	default: // something was sent
	}
	if e, ok := errors.AsType[*wire.Error](err); ok {
		took, err = e.Took, e.Err
	}
	// The addresses of a connection differ from one call to the next.
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return took, stats.Outcome{Class: stats.Failed, Kind: string(kind), Detail: err.Error()}
}

func (c *Call) name() string {
	if c.Name != "" {
		return c.Name
	}
	path, _, _ := strings.Cut(c.Request.Path, "?")
	return path
}

func (c *Call) judge(r *wire.Response) stats.Outcome {
	switch {
	case c.Judge != nil:
		return c.Judge(r)
	case r.Status >= 200 && r.Status <= 299:
		return stats.Outcome{}
	default:
		return Unexpected(r.Status)
	}
}

// statuses are the details of [Unexpected], made once: a target that only
// answers errors must not cost more than one that does not.
var statuses = func() (details [600]string) {
	for status := range details {
		details[status] = "status " + strconv.Itoa(status)
	}
	return details
}()

// Unexpected is the outcome of a status that was not expected.
func Unexpected(status int) stats.Outcome {
	o := stats.Outcome{Class: stats.Failed, Kind: stats.KindStatus}
	if status >= 0 && status < len(statuses) {
		o.Detail = statuses[status]
	} else {
		o.Detail = fmt.Sprintf("status %d", status)
	}
	return o
}

// nobody is the connection of users who need none.
type nobody struct{}

var _ wire.Doer = nobody{}

func (nobody) Do(context.Context, *wire.Request) (*wire.Response, error) {
	return nil, &wire.Error{Kind: wire.Invalid, Err: errors.New("this scenario has no connection")}
}
func (nobody) Release()         {}
func (nobody) Close()           {}
func (nobody) Protocol() string { return "" }
