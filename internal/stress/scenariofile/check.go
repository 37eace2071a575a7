package scenariofile

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// statuses are the statuses that a step accepts: single ones, and classes such as 2xx.
type statuses struct {
	// source is what the file has, for messages.
	source string
	single []int
	class  [6]bool
}

// success returns the statuses that a step accepts by default.
func success() statuses { return statuses{source: "2xx", class: [6]bool{2: true}} }

func (s *statuses) take(status int) bool {
	return status >= 100 && status < 600 && s.class[status/100] || slices.Contains(s.single, status)
}

// unexpected returns the outcome of a status that is not accepted.
func (s *statuses) unexpected(status int) stats.Outcome {
	return stats.Outcome{Class: stats.Failed, Kind: stats.KindStatus, Detail: "want " + s.source + ", got " + strconv.Itoa(status)}
}

// check is one condition that an answer must meet.
type check struct {
	// detail describes the condition. It is made when the file is loaded, so that it contains nothing of an answer.
	detail string
	holds  func(a *virtualUser, r *wire.Response) bool
	// body is set if the check reads the body.
	body bool
}

// business is an answer that is not a failure of the target, such as "sold out".
type business struct {
	status statuses
	checks []check
	name   string
}

func (b *business) is(a *virtualUser, r *wire.Response) bool {
	if !b.status.take(r.Status) {
		return false
	}
	for i := range b.checks {
		if !b.checks[i].holds(a, r) {
			return false
		}
	}
	return true
}

// failed returns the outcome of a check that failed, or of a capture that found nothing.
func failed(detail string) stats.Outcome {
	return stats.Outcome{Class: stats.Failed, Kind: stats.KindCheck, Detail: detail}
}

// within checks the service time.
func within(most time.Duration) check {
	return check{
		detail: "want an answer within " + short(most),
		holds:  func(_ *virtualUser, r *wire.Response) bool { return r.Took <= most },
	}
}

// contains checks that the body contains a text.
func contains(t template) check {
	return check{
		body: true, detail: "want a body that contains " + strconv.Quote(t.source),
		holds: func(a *virtualUser, r *wire.Response) bool {
			return bytes.Contains(r.Body, a.want(&t))
		},
	}
}

// headerHas checks that the answer has a header field whose value contains a text.
func headerHas(name string, t template) check {
	detail := fmt.Sprintf("want header %s to contain %q", name, t.source)
	if t.source == "" {
		detail = "want header " + name
	}
	return check{
		detail: detail,
		holds: func(a *virtualUser, r *wire.Response) bool {
			v := r.Header(name)
			return v != "" && strings.Contains(v, string(a.want(&t)))
		},
	}
}

// jsonExists checks that there is a value at a path; it can be null.
func jsonExists(p jsonPath) check {
	return check{
		body: true, detail: "want a value at " + p.source,
		holds: func(a *virtualUser, r *wire.Response) bool {
			_, ok := a.find(&p, r)
			return ok
		},
	}
}

// jsonIs checks that a JSON value equals a text, a number, true, false or null.
func jsonIs(p jsonPath, want string, isText bool) check {
	number, err := strconv.ParseFloat(want, 64)
	source := want
	if isText {
		source = strconv.Quote(want)
	}
	return check{
		body: true, detail: "want " + source + " at " + p.source,
		holds: func(a *virtualUser, r *wire.Response) bool {
			found, ok := a.find(&p, r)
			switch {
			case !ok || (found.Type == gjson.String) != isText:
				return false
			case err == nil && found.Type == gjson.Number:
				got, err := strconv.ParseFloat(found.Raw, 64)
				return err == nil && got == number
			}
			return readable(found) == want
		},
	}
}

// jsonLike checks that a JSON value, without quotes, equals a rendered template.
func jsonLike(p jsonPath, t template) check {
	return check{
		body: true, detail: "want " + t.source + " at " + p.source,
		holds: func(a *virtualUser, r *wire.Response) bool {
			found, ok := a.find(&p, r)
			return ok && readable(found) == string(a.want(&t))
		},
	}
}
