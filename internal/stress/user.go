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
	// sent is set if any part of the last call may have reached the target.
	sent bool
}

// Call is one request and the way to judge its answer.
type Call struct {
	// Name is the name in the statistics, such as /buy/[id]; empty means the path
	// without its query.
	Name    string
	Request wire.Request
	// Judge returns the outcome of an answer. If it is nil, a status of 2xx is
	// [stats.OK] and any other a failure of kind [stats.KindStatus].
	Judge func(r *wire.Response) stats.Outcome
	// Private is set if answers may contain secrets that the request does not contain.
	// Reports do not quote them.
	Private bool
}

// Do sends a call, counts it, and returns its answer, which is valid until the user's
// next call. It returns nil if there is no answer or the outcome is a failure.
//
// If the context ends first, the call ends and does not count, unless the end of the
// run cuts it off: see [Options.StopTimeout].
func (u *User) Do(ctx context.Context, c *Call) *wire.Response {
	due := u.due
	u.due = time.Time{}
	// A call that begins after the end is not cut off by it.
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
		// The answer would have taken longer: the time so far is a lower bound.
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

// Sent reports whether the target may have received any part of the user's last call.
// It returns false if the call had no connection, could not be sent, or began after its
// context had ended.
func (u *User) Sent() bool { return u.sent }

// record counts a call. Its response time begins when the call was due.
func (u *User) record(due time.Time, entry *stats.Entry, s stats.Sample) {
	s.Response = s.Service
	if !due.IsZero() {
		s.Response = max(s.At.Sub(due), s.Service)
	}
	entry.Record(u.Index, s)
}

// example returns an excerpt of an answer, without the secrets of the request: a server
// may repeat them.
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

// shortestSecret is the length in bytes of the shortest header value that is removed
// from excerpts. A shorter one can be any word.
const shortestSecret = 7

// failed returns the service time and the outcome of a call without an answer.
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
	// Addresses are left out, because they differ from one call to the next.
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

// statuses are the details of [Unexpected], made once, so that a target that only
// returns errors costs no more than another.
var statuses = func() (details [600]string) {
	for status := range details {
		details[status] = "status " + strconv.Itoa(status)
	}
	return details
}()

// Unexpected returns the outcome of an unexpected status.
func Unexpected(status int) stats.Outcome {
	o := stats.Outcome{Class: stats.Failed, Kind: stats.KindStatus}
	if status >= 0 && status < len(statuses) {
		o.Detail = statuses[status]
	} else {
		o.Detail = fmt.Sprintf("status %d", status)
	}
	return o
}

// nobody is the connection of users that need none.
type nobody struct{}

var _ wire.Doer = nobody{}

func (nobody) Do(context.Context, *wire.Request) (*wire.Response, error) {
	return nil, &wire.Error{Kind: wire.Invalid, Err: errors.New("this scenario has no connection")}
}
func (nobody) Release()         {}
func (nobody) Close()           {}
func (nobody) Protocol() string { return "" }
