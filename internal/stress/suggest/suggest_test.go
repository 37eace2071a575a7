package suggest_test

import (
	"strings"
	"testing"

	"onsale/internal/stress/suggest"
)

func TestClosest(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64)
	for _, c := range []struct {
		name  string
		known string
		want  string
	}{
		{"capture", "check capture", "capture"},
		{"CAPTRUE", "check capture", "capture"},
		{"Method", "METHOD", "METHOD"},
		{"p59", "p50 p95", "p95"}, // swapped letters are nearer than another letter
		{"p5", "p50 p95", "p50"},
		{"xhexk", "check", ""}, // two wrong letters in a short word
		{"falures", "failures", "failures"},
		{"failuress", "failures", "failures"},
		{"fialurse", "failures", "failures"},
		{"bananas", "failures rps", ""},
		{"cadefg", "abcdefg", ""}, // swapped letters stay neighbours
		{"größe", "grüße", "grüße"},
		{"", "check", ""},
		{"rps", "", ""},
		{long, long + " a", long},
		{long + "x", long, ""},
		{long, long + "x", ""},
	} {
		if got := suggest.Closest(c.name, strings.Fields(c.known)); got != c.want {
			t.Errorf("%.70q among %.70q is %q, want %q", c.name, c.known, got, c.want)
		}
	}
}

func TestAmong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, known, want string }{
		{"wieght", "name weight", "; did you mean weight?"},
		{"bananas", "name weight", "; known are name, weight"},
		{"bananas", "", ""},
	} {
		if got := suggest.Among(c.name, strings.Fields(c.known)); got != c.want {
			t.Errorf("%s among %s: %q, want %q", c.name, c.known, got, c.want)
		}
	}
}
