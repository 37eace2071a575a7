package guard

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// subquery is a pair of brackets with a colon inside. All times are in milliseconds.
type subquery struct {
	length, step int64
	// around is the total length of the subqueries around this one. outerStep is their
	// shortest step, or 0 if there are none.
	around, outerStep int64
}

// seconds matches a duration without a unit. Prometheus accepts more forms, such as 0x10,
// 1e3 and the octal 010, which nobody needs.
var seconds = regexp.MustCompile(`^(?:[1-9][0-9]{0,9}|0)(?:\.[0-9]{1,9})?$`)

// readBracket reads a range or a subquery and returns its length, including the brackets.
func (s *scan) readBracket(text string) (int, error) {
	if s.ranges++; s.ranges > maxRanges {
		return 0, tooMany(s.ranges, "ranges in brackets", maxRanges)
	}
	content, width, err := contentOf(text)
	if err != nil {
		return 0, err
	}
	before, after, isSubquery := strings.Cut(content, ":")
	length, err := parseDuration(before)
	if err != nil {
		return 0, err
	}
	if !isSubquery {
		return width, nil
	}
	step := s.defaultStep
	if after = trim(after); after != "" {
		if step, err = parseDuration(after); err != nil {
			return 0, err
		}
	}
	if s.subqueries++; s.subqueries > maxSubqueries {
		return 0, tooMany(s.subqueries, "subqueries", maxSubqueries)
	}
	added := subquery{length: length.Milliseconds(), step: max(1, step.Milliseconds())}
	// The subquery applies to the expression before it, which is in this level. All
	// other subqueries of the level are counted as enclosed too. That can only make the
	// estimate larger.
	top := &s.levels[len(s.levels)-1]
	for i := range top.subqueries {
		inner := &top.subqueries[i]
		if inner.around += added.length; inner.outerStep == 0 {
			inner.outerStep = added.step
		}
		inner.outerStep = min(inner.outerStep, added.step)
	}
	top.subqueries = append(top.subqueries, added)
	return width, nil
}

// contentOf returns the text between the brackets at the start of a text, without
// comments, and the length including the brackets.
func contentOf(text string) (content string, width int, err error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; c {
		case ']':
			return b.String(), i + 1, nil
		case '#':
			i += len(lineOf(text[i:])) - 1
			b.WriteByte(' ')
		case '[', '"', '\'', '`':
			return "", 0, fmt.Errorf("the query has a %q in brackets; write a duration like [5m] or [1h:1m]", c)
		default:
			b.WriteByte(c)
		}
	}
	return "", 0, errors.New("a bracket of the query is not closed")
}

// parseDuration parses a duration as the parser of PromQL does. It returns an error for a
// form that it does not support.
func parseDuration(text string) (time.Duration, error) {
	text = trim(text)
	var d time.Duration
	if seconds.MatchString(text) {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f > (1<<63-1)/float64(time.Second) {
			return 0, fmt.Errorf("the duration %.40q in brackets is too long", text)
		}
		d = time.Duration(f * float64(time.Second))
	} else {
		parsed, err := model.ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("%.40q in brackets is not a duration; write it like 5m or 1h30m", text)
		}
		d = time.Duration(parsed)
	}
	if d < time.Millisecond {
		return 0, fmt.Errorf("the duration %.40q in brackets must be at least 1ms", text)
	}
	return d, nil
}

func trim(text string) string { return strings.Trim(text, " \t\r\n") }

// checkPoints checks the points of the query and of its subqueries against the limits.
func (q Query) checkPoints(subqueries []subquery) error {
	span, step := q.Span.Milliseconds(), max(1, q.Step.Milliseconds())
	if points := span / step; points > MaxPoints {
		return fmt.Errorf("the time from start to end has %d steps; at most %d are allowed", points, MaxPoints)
	}
	reads := int64(0)
	for _, s := range subqueries {
		points := (span+s.around+s.length)/s.step + 1
		if points > MaxPoints {
			return fmt.Errorf("a subquery of %s in steps of %s is evaluated at %d points in time; at most %d are allowed",
				text(s.length), text(s.step), points, MaxPoints)
		}
		outerStep := step
		if s.outerStep > 0 && (span == 0 || s.outerStep < step) {
			outerStep = s.outerStep
		}
		outer := int64(1)
		if span+s.around > 0 {
			outer += (span + s.around) / outerStep
		}
		// Each product is below 2^60, so the sum cannot overflow before the comparison.
		if reads += outer * (s.length/s.step + 1); reads > MaxReads {
			return fmt.Errorf("the subqueries read %d points for each series; at most %d are allowed", reads, MaxReads)
		}
	}
	return nil
}

func text(milliseconds int64) string {
	return model.Duration(time.Duration(milliseconds) * time.Millisecond).String()
}
