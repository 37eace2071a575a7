package discord_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"onsale/internal/monitor/discord"
	"onsale/internal/monitor/discord/discordtest"
)

// The markdown of the message itself, and an escape.
var (
	head    = regexp.MustCompile(`^\[(FIRING|RESOLVED)(:\d+)?\] ?`)
	link    = regexp.MustCompile(`(?m)^\[(Runbook|Source)\]\(https?://[A-Za-z0-9.:_\[\]-]+([-A-Za-z0-9._:/?#&=%+,;!$']*)\)$`)
	escapes = regexp.MustCompile(`\\[[:punct:]]`)
	// live matches text that Discord would not show literally.
	live = regexp.MustCompile("[*_~`|<>\\[\\]\\\\]|://|:[A-Za-z_+-]+:|@[^\u200b]|@$|(?m)^ *([#+-]|[0-9]+[.)] )")
)

// plain returns the first part of a text that Discord would not show literally, or an
// empty string.
func plain(s string) string {
	s = link.ReplaceAllString(head.ReplaceAllString(s, ""), "")
	// A placeholder replaces each escape, so that the characters around it stay apart.
	s = escapes.ReplaceAllString(s, "¤")
	if found := live.FindString(s); found != "" {
		return found
	}
	return ""
}

// checkForged makes a message from forged labels and annotations and checks that Discord
// shows them literally.
func checkForged(t *rapid.T) {
	text := rapid.OneOf(
		rapid.String(),
		rapid.StringOf(rapid.SampledFrom([]rune("@here<>&!#*_~`|[](){}\\/:.-+=1 \n\r\t\u200b\u202e\x00🎫é"))),
		rapid.SampledFrom([]string{
			"@everyone", "<@123>", "<@&123>", "</cmd:1>", "https://example.com", "[a](https://example.com)", "```x```", "> quote", "-# small", "1. one",
			":tada:", "||x||", strings.Repeat("🎫", 5000), strings.Repeat("*", 5000), "\xff\xfe", "@\u200beveryone", `\`, `\*`,
		}),
	)
	count := rapid.IntRange(1, 30).Draw(t, "count")
	alerts := make([]*alert.Alert, count)
	for i := range alerts {
		a := &alert.Alert{Alert: model.Alert{Labels: model.LabelSet{}, Annotations: model.LabelSet{}}}
		for _, name := range []model.LabelName{"alertname", "user", "instance"} {
			a.Labels[name] = model.LabelValue(text.Draw(t, string(name)))
		}
		a.Labels[model.LabelName(text.Draw(t, "name"))] = "x"
		a.Labels["severity"] = model.LabelValue(rapid.SampledFrom([]string{"critical", "warning", "info", "", "@here"}).Draw(t, "severity"))
		for _, name := range []model.LabelName{"summary", "description"} {
			a.Annotations[name] = model.LabelValue(text.Draw(t, string(name)))
		}
		address := rapid.OneOf(text, rapid.Map(text, func(s string) string { return "https://example.com/" + s }))
		a.Annotations["runbook_url"] = model.LabelValue(address.Draw(t, "runbook"))
		a.GeneratorURL = address.Draw(t, "source")
		a.StartsAt = now.Add(-time.Hour)
		if rapid.Bool().Draw(t, "resolved") {
			a.EndsAt = now
		}
		alerts[i] = a
	}
	m, err := discord.ParseMention(rapid.SampledFrom([]string{"", "@here", "<@&1> <@2>"}).Draw(t, "mention"))
	if err != nil {
		t.Fatal(err)
	}
	judge(t, discord.Message(now, m, alerts...))
}

// judge fails the test if Discord would reject a message or not show its text literally.
func judge(t fataler, p discord.Payload) {
	raw := marshal(t, p)
	body, err := discordtest.Decode(raw)
	if err != nil {
		t.Fatal("Discord would reject the message:", err, string(raw))
	}
	content := strings.TrimPrefix(strings.TrimPrefix(body.Content, "@here "), "<@&1> <@2> ")
	texts := []string{content}
	for _, e := range body.Embeds {
		texts = append(texts, e.Title, e.Description)
		for _, f := range e.Fields {
			texts = append(texts, f.Name, f.Value)
		}
	}
	for _, s := range texts {
		if found := plain(s); found != "" {
			t.Fatal(fmt.Sprintf("%q in %q would not be shown literally", found, s))
		}
	}
}

func TestForgedTextStaysText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, checkForged)
}

func FuzzMessage(f *testing.F) {
	f.Add("HighFailureRate", "user", "**@everyone**", "[a](https://example.com)", "1. `x`\n# <@1>", "https://example.com/a(b)", uint8(3))
	f.Fuzz(func(t *testing.T, name, label, value, summary, description, address string, count uint8) {
		var alerts []*alert.Alert
		for i := range int(count%30) + 1 {
			a := at(name, "critical", time.Hour)
			a.Labels[model.LabelName(label)] = model.LabelValue(value)
			a.Annotations = model.LabelSet{
				"summary": model.LabelValue(summary), "description": model.LabelValue(description), "runbook_url": model.LabelValue(address),
			}
			a.GeneratorURL = address
			if i%3 == 1 {
				a.EndsAt = now
			}
			alerts = append(alerts, a)
		}
		judge(t, discord.Message(now, mention(t, "@here"), alerts...))
	})
}

// Negative control: plain finds each of these unescaped texts.
func TestUnescapedTextIsFound(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"*a*", "_a_", "~~a~~", "`a`", "||a||", "<@1>", "> a", "[a](https://example.com)", "https://example.com", ":tada:",
		"@everyone", "a @here", "# a", "-# a", "- a", "+ a", "1. a", "x\n2) a", `\`, `\\*`, "[Runbook](https://example.com/*a*)",
	} {
		if plain(s) == "" {
			t.Errorf("nothing was found in %q", s)
		}
	}
	for _, s := range []string{`\*a\*`, "https\\://example.com", "@\u200beveryone", "[FIRING:1] A", "[Source](https://example.com/a?b=c%28)", "4.2 % at 127.0.0.1:8000"} {
		if found := plain(s); found != "" {
			t.Errorf("%q is literal, but %q was found in it", s, found)
		}
	}
}
