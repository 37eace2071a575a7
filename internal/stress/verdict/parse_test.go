package verdict_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"onsale/internal/stress/stats"
	"onsale/internal/stress/verdict"
)

func TestParseErrorsSayWhatToWrite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		says []string
	}{
		{"", []string{"empty", "p95>500ms"}},
		{"p95>500", []string{"write 500ms"}},
		{"p95>0", []string{"write 0ms"}},
		{"p95>5%", []string{"is not a time", "p95>500ms"}},
		{"p95>-5ms", []string{"is not a time"}},
		{"p95>1e9h", []string{"is not a time"}},
		{"p95", []string{"with nothing", "'p95>500ms'", "shell"}},
		{"p95{/buy/[id]}", []string{"with nothing", "'p95{/buy/[id]}>500ms'"}},
		{"p95=500ms", []string{"operator must be >, >=, < or <="}},
		{"p95==500ms", []string{"operator must be >, >=, < or <="}},
		{"p95=>500ms", []string{"operator must be >, >=, < or <="}},
		{"p95>==500ms", []string{"operator must be >, >=, < or <="}},
		{"p95>>500ms", []string{"is not a time"}},
		{"p95>", []string{`"" is not a time`}},
		{"p95{/buy/[id]>500ms", []string{"the name has no closing brace"}},
		{"p95{}>500ms", []string{"the name is empty"}},
		{"p95{ }>500ms", []string{"the name is empty"}},
		{"p95{/a} 500ms", []string{"operator must be >, >=, < or <="}},
		{"p95{/a}x>500ms", []string{"operator must be >, >=, < or <="}},
		{"p59>500ms", []string{"did you mean p95?", "p99.9"}},
		{"p999>500ms", []string{"did you mean p99.9?"}},
		{"p(95)<500ms", []string{"did you mean p95?"}},
		{"median>500ms", []string{"did you mean p50?"}},
		{"servce.p95>500ms", []string{"did you mean service.p95?"}},
		{"failure>1%", []string{"did you mean failures?"}},
		{"falures>1%", []string{"did you mean failures?"}},
		{"errors>1%", []string{"did you mean failures?"}},
		{"soldout>1%", []string{"did you mean sold_out?"}},
		{"throughput<5", []string{"did you mean rps?"}},
		{"bananas>5", []string{"the metrics are p50, p66", "rps", "outcome.KIND"}},
		{">5", []string{`unknown metric ""`}},
		{"outcome.>5", []string{"unknown metric"}},
		{"outcome.a b>5", []string{"unknown metric"}},
		{"service.rps>5", []string{"unknown metric"}},
		{"rps<10%", []string{"rps cannot be a share", "rps<1000"}},
		{"requests<10%", []string{"requests cannot be a share"}},
		{"failures>1.5", []string{"not a whole number", "failures>1%"}},
		{"failures>101%", []string{"is too much"}},
		{"failures>1e3", []string{"is not a number"}},
		{"failures>0x10", []string{"is not a number"}},
		{"failures>nan", []string{"is not a number"}},
		{"failures>.", []string{"is not a number"}},
		{"failures>99999999999999999999", []string{"is not a number"}},
		{"failures>5/s", []string{"is not a number"}},
		{"not_sent{/buy}>5", []string{"not_sent has no name"}},
		{"p95>500ms,failures>1%", []string{"is not a time"}},
		{"p95{" + strings.Repeat("x", 1000) + "}>1s", []string{"longer than 1000 bytes"}},
		{"p95\n>oops\x1b", []string{`\n`, `\x1b`, "control character"}},
	} {
		_, err := verdict.Parse(c.text)
		if err == nil {
			t.Errorf("%q was accepted", c.text)
			continue
		}
		for _, want := range append(c.says, "threshold") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: the error is %q; want %q in it", c.text, err, want)
			}
		}
		if strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 500 {
			t.Errorf("%q: the error is not one clear line: %q", c.text, err)
		}
	}
}

func TestParseAll(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		texts []string
		want  []string
		says  string
	}{
		{nil, []string{"failures>0", "not_sent>1%"}, ""},
		{[]string{" None "}, nil, ""},
		{[]string{"none", "p95>1s"}, nil, "turns all thresholds off"},
		{[]string{"p95>1s", "none"}, nil, "turns all thresholds off"},
		{[]string{"none", "none"}, nil, "turns all thresholds off"},
		{[]string{" p95>1s", "p99>2s "}, []string{"p95>1s", "p99>2s"}, ""},
		{[]string{"p95>1s", "p95>1"}, nil, "has no unit"},
		{[]string{""}, nil, "empty"},
		{slices.Repeat([]string{"p95>1s"}, 2000), nil, "at most 1200"},
	} {
		list, err := verdict.ParseAll(c.texts)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%.80q: the error is %v; want %q", c.texts, err, c.says)
			}
			continue
		}
		var got []string
		for _, threshold := range list {
			got = append(got, threshold.String())
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q gave %q and %v; want %q", c.texts, got, err, c.want)
		}
	}
}

// The threshold finds the requests of its name and no others, whatever characters the
// name has.
func TestAnyNameIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.RuneFrom([]rune(`/aé{}[]<>=% .:"'$`)), 1, 20, 100).
			Filter(func(s string) bool { return strings.TrimSpace(s) == s }).Draw(t, "name")
		limit := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "limit"))
		measured := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "measured"))
		method := rapid.SampledFrom([]string{"", "PUT "}).Draw(t, "method")
		threshold, err := verdict.Parse(fmt.Sprintf("p99{%s%s} > %s", method, name, limit))
		if err != nil {
			t.Fatal(err)
		}
		s := stats.Snapshot{Total: stats.Summary{Requests: 2}, Entries: []stats.Summary{
			{Method: "PUT", Name: name, Requests: 1, Response: stats.Latency{P99: stats.MS(measured)}},
			{Method: "PUT", Name: name + "x", Requests: 1, Response: stats.Latency{P99: stats.MS(2 * time.Hour)}},
		}}
		v := verdict.Judge(s, stats.Self{}, []verdict.Threshold{threshold})
		if v.Checks[0].Crossed != (measured > limit) {
			t.Fatalf("%v against %v came to %+v", measured, limit, v)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, seed := range append([]string{"failures>0", "not_sent>1%"},
		"p95{POST /buy/[id]}>=1.5s", "service.p99.99{a{b}c} < 500ms", "rps<1000/s", "outcome.x-y>0.5%", "none", "p95{", "}{>", "é>1") {
		f.Add(seed)
	}
	s := sale()
	f.Fuzz(func(t *testing.T, text string) {
		threshold, err := verdict.Parse(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Errorf("the error of %q is more than a line: %q", text, err)
			}
			return
		}
		again, err := verdict.Parse(threshold.String())
		if err != nil || again != threshold {
			t.Fatalf("%q reads as %+v, and that as %+v, %v", text, threshold, again, err)
		}
		v := verdict.Judge(s, stats.Self{}, []verdict.Threshold{threshold})
		if len(v.Checks) != 1 || v.Checks[0].Value == "" || v.Checks[0].Crossed != (len(v.Reasons) == 1) {
			t.Errorf("%q came to %+v", text, v)
		}
	})
}
