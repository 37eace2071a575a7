package session

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseRate reads a number of tasks a second: 500/s, 500, 30/m, 100/h.
func ParseRate(text string) (float64, error) {
	number, unit, hasUnit := strings.Cut(strings.TrimSpace(text), "/")
	rate, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	divisor, known := map[string]float64{"s": 1, "m": 60, "min": 60, "h": 3600}[strings.TrimSpace(unit)]
	if !hasUnit {
		divisor, known = 1, true
	}
	if err != nil || !known || !(rate > 0) || rate/divisor > MaxRate {
		return 0, fmt.Errorf("must be a number of tasks a second above 0 and at most %d, such as 500/s, not %q", MaxRate, text)
	}
	return rate / divisor, nil
}
