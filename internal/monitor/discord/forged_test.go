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

// What the message itself has of markdown, and what an escape looks like.
var (
	head    = regexp.MustCompile(`^\[(FIRING|RESOLVED)(:\d+)?\] ?`)
	link    = regexp.MustCompile(`(?m)^\[(Runbook|Source)\]\(https?://[A-Za-z0-9.:_\[\]-]+([-A-Za-z0-9._:/?#&=%+,;!$']*)\)$`)
	escapes = regexp.MustCompile(`\\[[:punct:]]`)
	// live is what Discord would take for more than letters.
	live = regexp.MustCompile("[*_~`|<>\\[\\]\\\\]|://|:[A-Za-z_+-]+:|@[^\u200b]|@$|(?m)^ *([#+-]|[0-9]+[.)] )")
)

// plain returns an error text if a text is not shown letter by letter.
func plain(s string) string {
	s = link.ReplaceAllString(head.ReplaceAllString(s, ""), "")
	// Something takes the escape's place, so that what is around it stays apart.
	s = escapes.ReplaceAllString(s, "¤")
	if found := live.FindString(s); found != "" {
		return found
	}
	return ""
}

// checkForged makes a message of what somebody forged and looks for life in it.
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

// judge fails for a message that Discord would refuse, or that does anything.
func judge(t fataler, p discord.Payload) {
	raw := marshal(t, p)
	body, err := discordtest.Decode(raw)
	if err != nil {
		t.Fatal("Discord would refuse it:", err, string(raw))
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
			t.Fatal(fmt.Sprintf("%q is live in %q", found, s))
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

// The net above must have no holes: it catches each of these when nothing is escaped.
func TestLiveTextIsRecognised(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"*a*", "_a_", "~~a~~", "`a`", "||a||", "<@1>", "> a", "[a](https://example.com)", "https://example.com", ":tada:",
		"@everyone", "a @here", "# a", "-# a", "- a", "+ a", "1. a", "x\n2) a", `\`, `\\*`, "[Runbook](https://example.com/*a*)",
	} {
		if plain(s) == "" {
			t.Errorf("%q passes for plain", s)
		}
	}
	for _, s := range []string{`\*a\*`, "https\\://example.com", "@\u200beveryone", "[FIRING:1] A", "[Source](https://example.com/a?b=c%28)", "4.2 % at 127.0.0.1:8000"} {
		if found := plain(s); found != "" {
			t.Errorf("%q passes for live, because of %q", s, found)
		}
	}
}
