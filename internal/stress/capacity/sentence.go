package capacity

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// Sentence describes the result of a search, given its error: the latencies at the
// highest load that held, what broke above it, and what is unknown.
func Sentence(c result.Capacity, err error) string {
	var parts []string
	switch {
	case c.Highest > 0:
		parts = append(parts, fmt.Sprintf("at %s, the highest load that held, %s", load(c, c.Highest), latencies(c)))
	case c.Broken > 0 && err == nil:
		parts = append(parts, "no load held")
	default:
		parts = append(parts, "no load held so far")
	}
	switch {
	case c.Broken > 0:
		parts = append(parts, fmt.Sprintf("at %s it broke%s", load(c, c.Broken), broke(c)))
	case err == nil && c.Highest > 0:
		parts = append(parts, "no higher load was tried, so the capacity is above that")
	}
	switch {
	case errors.Is(err, ErrTester):
		parts = append(parts, fmt.Sprintf("at %s the load tester could not keep up, so "+
			"the capacity of the target above that is unknown", load(c, tester(c))))
	case errors.Is(err, ErrSteps):
		parts = append(parts, "the measurements contradicted each other, so the figure is rough: try longer steps")
	case err != nil:
		parts = append(parts, "the search ended early")
	}
	return strings.Join(parts, "; ")
}

func load(c result.Capacity, v float64) string {
	switch {
	case c.Unit != "users":
		return strconv.FormatFloat(v, 'f', decimals(v), 64) + c.Unit
	case v == 1:
		return "1 user"
	default:
		return strconv.FormatFloat(v, 'f', 0, 64) + " users"
	}
}

// decimals returns enough decimals for three digits.
func decimals(v float64) int {
	switch {
	case v >= 100:
		return 0
	case v >= 10:
		return 1
	default:
		return 2
	}
}

// latencies returns the latencies of the last measurement of the highest load that
// held.
func latencies(c result.Capacity) string {
	var text string
	for _, p := range c.Points {
		if p.Load == c.Highest && p.Held {
			text = fmt.Sprintf("p50 was %s, p95 %s, p99 %s", ms(p.P50), ms(p.P95), ms(p.P99))
		}
	}
	return text
}

func ms(m stats.MS) string {
	v := float64(m) / float64(time.Millisecond)
	return strconv.FormatFloat(v, 'f', decimals(v), 64) + " ms"
}

// broke returns what broke at the lowest load that did not hold.
func broke(c result.Capacity) string {
	for _, p := range c.Points {
		if p.Load == c.Broken && p.Broke != "" {
			return ": " + p.Broke
		}
	}
	return ""
}

// tester returns the load at which the load tester could not keep up.
func tester(c result.Capacity) float64 {
	var load float64
	for _, p := range c.Points {
		switch {
		case p.Tester:
			load = p.Load
		case p.Held && p.Load == load:
			load = 0
		}
	}
	return load
}
