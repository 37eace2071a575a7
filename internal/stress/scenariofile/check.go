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

// statuses are those that a step takes: single ones, and classes such as 2xx.
type statuses struct {
	// source is how the file writes it, for messages.
	source string
	single []int
	class  [6]bool
}

// success is what a step takes that says nothing else.
func success() statuses { return statuses{source: "2xx", class: [6]bool{2: true}} }

func (s *statuses) take(status int) bool {
	return status >= 100 && status < 600 && s.class[status/100] || slices.Contains(s.single, status)
}

// unexpected is the outcome of a status that is not taken.
func (s *statuses) unexpected(status int) stats.Outcome {
	return stats.Outcome{Class: stats.Failed, Kind: stats.KindStatus, Detail: "want " + s.source + ", got " + strconv.Itoa(status)}
}

// check is one thing that an answer must have.
type check struct {
	// detail says what was wanted. It is made when the file is loaded, so that nothing of an answer is in it.
	detail string
	holds  func(a *virtualUser, r *wire.Response) bool
	// body says that it looks at the body.
	body bool
}

// business is an answer that is none of the target's faults.
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

// failed is the outcome of a check, or of a capture that found nothing.
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

// contains checks that a text stands in the body.
func contains(t template) check {
	return check{
		body: true, detail: "want a body that contains " + strconv.Quote(t.source),
		holds: func(a *virtualUser, r *wire.Response) bool {
			return bytes.Contains(r.Body, a.want(&t))
		},
	}
}

// headerHas checks that a field is there and has a text in its value.
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

// jsonThere checks that there is something at a path, null included.
func jsonThere(p jsonPath) check {
	return check{
		body: true, detail: "want something at " + p.source,
		holds: func(a *virtualUser, r *wire.Response) bool {
			_, ok := a.find(&p, r)
			return ok
		},
	}
}

// jsonIs checks that a JSON value is a certain one: a text, a number, true, false or null.
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

// jsonLike checks that a JSON value reads like a template.
func jsonLike(p jsonPath, t template) check {
	return check{
		body: true, detail: "want " + t.source + " at " + p.source,
		holds: func(a *virtualUser, r *wire.Response) bool {
			found, ok := a.find(&p, r)
			return ok && readable(found) == string(a.want(&t))
		},
	}
}
