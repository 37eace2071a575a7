package problem

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// RetryAfter returns the wait that the Retry-After header of an answer requests, between 0
// and most. It returns 0 if the header is absent or malformed. The header contains seconds
// or a date (RFC 9110, 10.2.3). Fractions of a second are accepted because Discord sends
// them.
func RetryAfter(header http.Header, now time.Time, most time.Duration) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		if seconds > math.MaxUint32 { // too large to be meant
			return 0
		}
		return Seconds(seconds, most)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), most)
}

// Seconds returns a number of seconds as a duration between 0 and most.
func Seconds(seconds float64, most time.Duration) time.Duration {
	if math.IsNaN(seconds) || seconds <= 0 {
		return 0
	}
	return time.Duration(min(seconds, most.Seconds()) * float64(time.Second))
}
