package report_test

import (
	"testing"
	"time"

	"onsale/internal/stress/report"
)

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ what, got, want string }{
		{"nothing", report.Millis(0), "0"},
		{"a microsecond", report.Millis(ms(0.001)), "0.001"},
		{"nine microseconds", report.Millis(ms(0.0099)), "0.01"},
		{"less than a millisecond", report.Millis(ms(0.4211)), "0.42"},
		{"nearly one", report.Millis(ms(0.996)), "1.0"},
		{"a few", report.Millis(ms(4.249)), "4.2"},
		{"nearly ten", report.Millis(ms(9.96)), "10"},
		{"many", report.Millis(ms(12345.6)), "12346"},
		{"below 0", report.Millis(ms(-3)), "-3.0"},

		{"a time in milliseconds", report.Duration(ms(12.4)), "12 ms"},
		{"nearly a second", report.Duration(ms(999.6)), "1 s"},
		{"seconds", report.Duration(ms(1239)), "1.24 s"},
		{"many seconds", report.Duration(ms(48040)), "48 s"},
		{"nearly a minute", report.Duration(ms(59_960)), "1 m 00 s"},
		{"minutes", report.Duration(ms(125_000)), "2 m 05 s"},
		{"hours", report.Duration(ms(12_000_000)), "3 h 20 m"},
		{"seconds of a clock", report.Clock(12400 * time.Millisecond), "12s"},
		{"minutes of a clock", report.Clock(125 * time.Second), "2m05s"},
		{"hours of a clock", report.Clock(80 * time.Minute), "1h20m"},

		{"a count", report.Count(1234567), "1,234,567"},
		{"a small count", report.Count(999), "999"},
		{"a count below 0", report.Count(-1234), "-1,234"},
		{"no rate", report.Rate(0), "0"},
		{"a small rate", report.Rate(0.125), "0.12"},
		{"a rate", report.Rate(12.34), "12.3"},
		{"a large rate", report.Rate(12345.6), "12,346"},

		{"a part of nothing", report.Share(1, 0), "0%"},
		{"nothing of it", report.Share(0, 10), "0%"},
		{"all of it", report.Share(10, 10), "100%"},
		{"a third", report.Share(1, 3), "33.33%"},
		{"a tenth", report.Share(1, 10), "10%"},
		{"one in a million", report.Share(1, 1_000_000), "<0.01%"},
		{"all but one in a million", report.Share(999_999, 1_000_000), ">99.99%"},

		{"bytes", report.Bytes(999), "999 B"},
		{"kilobytes", report.Bytes(1234), "1.23 kB"},
		{"nearly a megabyte", report.Bytes(999_900), "1.00 MB"},
		{"petabytes", report.Bytes(1 << 62), "4612 PB"},
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
		if got := report.Cut(c.text, c.limit); got != c.want || report.Width(got) > max(c.limit, 0) {
			t.Errorf("%q cut to %d is %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

func TestPlain(t *testing.T) {
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
		if got := report.Plain(text); got != want {
			t.Errorf("%q is told as %q, want %q", text, got, want)
		}
	}
}
