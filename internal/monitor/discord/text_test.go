package discord_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/prometheus/common/model"

	"onsale/internal/monitor/discord"
)

// fataler is implemented by [testing.T] and by rapid's T.
type fataler interface{ Fatal(args ...any) }

func marshal(t fataler, v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// shown returns a description as the message has it.
func shown(description string) string {
	a := at("A", "info", 0)
	a.Annotations = model.LabelSet{"description": model.LabelValue(description)}
	a.GeneratorURL = ""
	value := discord.Message(now, discord.Mention{}, a).Embeds[0].Fields[0].Value
	return strings.TrimSuffix(value, "\nSince 2026-03-14 15:09:26 UTC")
}

func TestTextIsEscaped(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"p95 of /buy.* is 5.2 s (limit 5 s), 4.2 %": `p95 of /buy.\* is 5.2 s (limit 5 s), 4.2 %`,
		"up{job=\"ticket_system\"} at 127.0.0.1:80": `up{job="ticket\_system"} at 127.0.0.1:80`,
		"see https://example.com":                   `see https\://example.com`,
		"- a\n -# b\n+ c\n# d\n1. e\n2) f\n3.5 s":   "\\- a\n\\-# b\n\\+ c\n\\# d\n1\\. e\n2\\) f\n3.5 s",
		"a - b + c # d 1. e":                        "a - b + c # d 1. e",
		"a\r\n\r\n\tb \x00 c\x7fd":                  "a\nb c d",
		"right\u202eleft\u200bnone\xff":             "rightleftnone\ufffd",
		"mail joe@example.com":                      "mail joe@\u200bexample.com",
		`back\slash`:                                `back\\slash`,
	} {
		if got := shown(s); got != want {
			t.Errorf("%q is written\n%q, want\n%q", s, got, want)
		}
	}
}

func TestLongTextIsCutBetweenEscapes(t *testing.T) {
	t.Parallel()
	for _, letter := range []string{"a", "*", "🎫", "@", "é"} {
		for pad := range 4 {
			got := shown(strings.Repeat("a", pad) + strings.Repeat(letter, 3000))
			whole := strings.TrimSuffix(got, "…")
			if whole == got || strings.Count(whole, `\`) != strings.Count(whole, "*") || strings.ContainsRune(whole, '\ufffd') {
				t.Errorf("%q after %d is cut at %q", letter, pad, got[len(got)-8:])
			}
		}
	}
}

func TestLinksAreSafe(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://example.com/graph?g0.expr=up%7Bjob%3D%22a%22%7D&g0.tab=1": "[Source](https://example.com/graph?g0.expr=up%7Bjob%3D%22a%22%7D&g0.tab=1)",
		"http://[::1]:8000/a":                             "[Source](http://[::1]:8000/a)",
		"https://example.com/a(b)c d*e":                   "[Source](https://example.com/a%28b%29c%20d%2Ae)",
		"https://example.com/@everyone":                   "[Source](https://example.com/%40everyone)",
		"https://discord.com@evil.test":                   "",
		"https://evil.test](x":                            "",
		"javascript:alert(1)":                             "",
		"/graph":                                          "",
		"https://example.com/" + strings.Repeat("a", 600): "",
	} {
		a := at("A", "info", 0)
		a.Annotations = nil
		a.GeneratorURL = address
		value := discord.Message(now, discord.Mention{}, a).Embeds[0].Fields[0].Value
		if got := strings.TrimPrefix(strings.TrimPrefix(value, "Since 2026-03-14 15:09:26 UTC"), "\n"); got != want {
			t.Errorf("%s is linked as %q, want %q", address, got, want)
		}
	}
}
