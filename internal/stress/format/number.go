// Package format formats figures and texts for people, in a terminal or a table.
package format

import (
	"math"
	"strconv"
	"strings"
	"time"

	"onsale/internal/stress/stats"
)

// Millis formats a time in milliseconds for a column of a table. It is a whole number
// from 10 on. Below, it has three digits, so that a target that answers in less than a
// millisecond does not show 0.
func Millis(m stats.MS) string {
	return Digits(float64(m) / float64(time.Millisecond))
}

// Digits formats a number, with decimals only if it is small.
func Digits(v float64) string {
	switch size := math.Abs(v); {
	case size == 0:
		return "0"
	case size < 0.00995:
		return TrimZero(v, 3)
	case size < 0.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case size < 9.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
}

// TrimZero formats a number with at most the given decimals.
func TrimZero(v float64, decimals int) string {
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// Duration formats a time for a sentence: "0.42 ms", "12 ms", "1.24 s".
func Duration(m stats.MS) string {
	d := time.Duration(m)
	if size := d.Abs(); size < 999500*time.Microsecond {
		return Millis(m) + " ms"
	}
	return Span(d)
}

// Span formats a duration of a second or more: "1.24 s", "48 s", "2 m 05 s", "3 h 20
// m".
func Span(d time.Duration) string {
	s := d.Seconds()
	switch {
	case s < 9.995:
		return TrimZero(s, 2) + " s"
	case s < 59.95:
		return TrimZero(s, 1) + " s"
	}
	d = d.Round(time.Second)
	minutes, seconds := int(d/time.Minute), int(d%time.Minute/time.Second)
	if minutes < 60 {
		return strconv.Itoa(minutes) + " m " + Pad2(seconds) + " s"
	}
	return strconv.Itoa(minutes/60) + " h " + Pad2(minutes%60) + " m"
}

// Clock formats an elapsed or remaining time, as short as possible: "12s", "2m05s",
// "1h20m".
func Clock(d time.Duration) string {
	s := int(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return strconv.Itoa(s) + "s"
	case s < 3600:
		return strconv.Itoa(s/60) + "m" + Pad2(s%60) + "s"
	default:
		return strconv.Itoa(s/3600) + "h" + Pad2(s/60%60) + "m"
	}
}

// Pad2 formats a number with at least two digits.
func Pad2(n int) string {
	if n < 10 {
		return "0" + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}

// Count formats a whole number with thousands separators: 1,234,567.
func Count(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	var out strings.Builder
	for i, digit := range text {
		if i > 0 && (len(text)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(digit)
	}
	return sign + out.String()
}

// Rate formats a rate per second, as a whole number from 100 on.
func Rate(perSecond float64) string {
	switch size := math.Abs(perSecond); {
	case size == 0:
		return "0"
	case size < 9.995:
		return strconv.FormatFloat(perSecond, 'f', 2, 64)
	case size < 99.95:
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	default:
		return Count(int64(math.Round(perSecond)))
	}
}

// Amount formats a load, or any number that is usually whole.
func Amount(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return Count(int64(v))
	}
	return Rate(v)
}

// Share formats a part of a whole in percent. Rounding never makes it none or all: one
// in a million is "<0.01%", and one short of all ">99.99%".
func Share(part, whole int64) string {
	switch {
	case whole <= 0 || part <= 0:
		return "0%"
	case part >= whole:
		return "100%"
	}
	return Portion(float64(part) / float64(whole))
}

// Portion is [Share] for a part of 1.
func Portion(p float64) string {
	percent := 100 * p
	switch {
	case percent <= 0:
		return "0%"
	case percent >= 100:
		return "100%"
	case percent < 0.01:
		return "<0.01%"
	case percent > 99.99:
		return ">99.99%"
	default:
		return TrimZero(percent, 2) + "%"
	}
}

// Bytes formats a size in decimal units (1 kB is 1,000 B).
func Bytes(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	v, unit := float64(n), 0
	for v >= 999.5 && unit < len(units)-1 {
		v /= 1000
		unit++
	}
	if unit == 0 {
		return strconv.FormatInt(n, 10) + " B"
	}
	return strconv.FormatFloat(v, 'f', decimalsOf(v), 64) + " " + units[unit]
}

func decimalsOf(v float64) int {
	switch {
	case v < 9.995:
		return 2
	case v < 99.95:
		return 1
	default:
		return 0
	}
}
