package format_test

import (
	"testing"
	"time"

	"onsale/internal/stress/format"
	"onsale/internal/stress/stats"
)

func ms(v float64) stats.MS { return stats.MS(v * float64(time.Millisecond)) }

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ what, got, want string }{
		{"nothing", format.Millis(0), "0"},
		{"a microsecond", format.Millis(ms(0.001)), "0.001"},
		{"nine microseconds", format.Millis(ms(0.0099)), "0.01"},
		{"less than a millisecond", format.Millis(ms(0.4211)), "0.42"},
		{"nearly one", format.Millis(ms(0.996)), "1.0"},
		{"a few", format.Millis(ms(4.249)), "4.2"},
		{"nearly ten", format.Millis(ms(9.96)), "10"},
		{"many", format.Millis(ms(12345.6)), "12346"},
		{"below 0", format.Millis(ms(-3)), "-3.0"},

		{"a time in milliseconds", format.Duration(ms(12.4)), "12 ms"},
		{"nearly a second", format.Duration(ms(999.6)), "1 s"},
		{"seconds", format.Duration(ms(1239)), "1.24 s"},
		{"many seconds", format.Duration(ms(48040)), "48 s"},
		{"nearly a minute", format.Duration(ms(59_960)), "1 m 00 s"},
		{"minutes", format.Duration(ms(125_000)), "2 m 05 s"},
		{"hours", format.Duration(ms(12_000_000)), "3 h 20 m"},
		{"seconds of a clock", format.Clock(12400 * time.Millisecond), "12s"},
		{"minutes of a clock", format.Clock(125 * time.Second), "2m05s"},
		{"hours of a clock", format.Clock(80 * time.Minute), "1h20m"},

		{"a count", format.Count(1234567), "1,234,567"},
		{"a small count", format.Count(999), "999"},
		{"a count below 0", format.Count(-1234), "-1,234"},
		{"no rate", format.Rate(0), "0"},
		{"a small rate", format.Rate(0.125), "0.12"},
		{"a rate", format.Rate(12.34), "12.3"},
		{"a large rate", format.Rate(12345.6), "12,346"},

		{"a part of nothing", format.Share(1, 0), "0%"},
		{"nothing of it", format.Share(0, 10), "0%"},
		{"all of it", format.Share(10, 10), "100%"},
		{"a third", format.Share(1, 3), "33.33%"},
		{"a tenth", format.Share(1, 10), "10%"},
		{"one in a million", format.Share(1, 1_000_000), "<0.01%"},
		{"all but one in a million", format.Share(999_999, 1_000_000), ">99.99%"},

		{"bytes", format.Bytes(999), "999 B"},
		{"kilobytes", format.Bytes(1234), "1.23 kB"},
		{"nearly a megabyte", format.Bytes(999_900), "1.00 MB"},
		{"petabytes", format.Bytes(1 << 62), "4612 PB"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %q, want %q", c.what, c.got, c.want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 5, "short"},
		{"longer", 5, "long…"},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"e\u0301te\u0301", 3, "e\u0301te\u0301"},
		{"x", 0, ""},
	} {
		if got := format.Cut(c.text, c.limit); got != c.want || format.Width(got) > max(c.limit, 0) {
			t.Errorf("%q cut to %d is %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/buy/[id]":                 "/buy/[id]",
		"two\nlines\tand more":      "two lines and more",
		"\x1b[31mred\x1b[0m":        "�[31mred�[0m",
		"\u202eright to left\u2066": "right to left",
		"\u009b2J\x7f":              "�2J�",
		"bad \xff UTF-8":            "bad � UTF-8",
		" blanks ":                  "blanks",
	} {
		if got := format.Line(text); got != want {
			t.Errorf("%q is formatted as %q, want %q", text, got, want)
		}
	}
}
