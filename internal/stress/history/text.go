package history

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"onsale/internal/stress/format"
	"onsale/internal/stress/stats"
)

// The maximum width of a cell and of a line, in columns: a longer name would push the
// figures off the screen.
const (
	maxCell = 60
	maxLine = 500
)

// clean makes text of a file or the target safe for a terminal: nothing in it can move
// the cursor, change colours or reverse the line.
func clean(text string) string { return printable(text, maxCell) }

// cleanLine is clean for a sentence.
func cleanLine(text string) string { return printable(text, maxLine) }

func printable(text string, width int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, "?"))
	return format.Cut(text, width)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// number formats a number with at least three digits and without an exponent.
func number(v float64) string {
	decimals := 2
	switch v := math.Abs(v); {
	case v >= 100:
		decimals = 0
	case v >= 10:
		decimals = 1
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func inMillis(m stats.MS) float64 { return float64(m) / float64(time.Millisecond) }

func millis(m stats.MS) string { return number(inMillis(m)) + " ms" }
