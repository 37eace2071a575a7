package discord_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"

	"onsale/internal/monitor/discord"
	"onsale/internal/monitor/discord/discordtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// now is the time of the messages in these tests.
var now = time.Date(2026, time.March, 14, 15, 9, 26, 0, time.UTC)

// at returns an alert that has fired for a duration.
func at(name, severity string, since time.Duration) *alert.Alert {
	a := firing(name, severity)
	a.StartsAt = now.Add(-since)
	return a
}

// ended returns an alert that fired for a duration and resolved a second ago.
func ended(name, severity string, lasted time.Duration) *alert.Alert {
	a := firing(name, severity)
	a.EndsAt = now.Add(-time.Second)
	a.StartsAt = a.EndsAt.Add(-lasted)
	return a
}

// mention parses a mention.
func mention(t *testing.T, s string) discord.Mention {
	t.Helper()
	m, err := discord.ParseMention(s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sent encodes a message and returns it as Discord decodes it.
func sent(t *testing.T, p discord.Payload) (body discordtest.Body, raw []byte) {
	t.Helper()
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	body, err = discordtest.Decode(raw)
	if err != nil {
		t.Fatalf("Discord would reject the message: %v\n%s", err, raw)
	}
	return body, raw
}

func TestMessagesMatchGoldenFiles(t *testing.T) {
	t.Parallel()
	other := at("InstanceDown", "critical", 5*time.Minute)
	other.Labels["instance"] = "10.0.0.2:8000"
	other.Annotations["summary"] = "10.0.0.2:8000 does not answer"
	forged := at("HighFailureRate", "warning", time.Hour)
	forged.Labels["user"] = "**@everyone** [free tickets](https://example.com) `x` <@123>\n# hi"
	forged.Annotations["runbook_url"] = "docs/runbooks/HighFailureRate.md"
	forged.GeneratorURL = "javascript:alert(1)"
	for name, alerts := range map[string][]*alert.Alert{
		"firing":   {at("HighFailureRate", "critical", 90*time.Second)},
		"resolved": {ended("HighFailureRate", "critical", 200*time.Second)},
		"mixed":    {ended("InstanceDown", "critical", time.Hour), at("InstanceDown", "critical", time.Minute), other},
		"forged":   {forged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, raw := sent(t, discord.Message(now, mention(t, "<@&42>"), alerts...))
			var got bytes.Buffer
			if err := json.Indent(&got, raw, "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			file := filepath.Join("testdata", name+".golden.json")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("got\n%s\nwant\n%s", got.Bytes(), want)
			}
		})
	}
}

func TestOnlyCriticalFiringMentions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		alerts []*alert.Alert
		want   bool
	}{
		{"critical", []*alert.Alert{at("A", "critical", time.Minute)}, true},
		{"critical among others", []*alert.Alert{at("A", "info", time.Minute), at("A", "critical", time.Minute)}, true},
		{"warning", []*alert.Alert{at("A", "warning", time.Minute)}, false},
		{"info", []*alert.Alert{at("A", "info", time.Minute)}, false},
		{"no severity", []*alert.Alert{at("A", "", time.Minute)}, false},
		{"resolved", []*alert.Alert{ended("A", "critical", time.Minute)}, false},
		{"warning, critical resolved", []*alert.Alert{at("A", "warning", time.Minute), ended("A", "critical", time.Minute)}, false},
	} {
		body, _ := sent(t, discord.Message(now, mention(t, "@here <@7>"), c.alerts...))
		allowed := body.AllowedMentions
		if got := strings.HasPrefix(body.Content, "@here <@7> ["); got != c.want || (body.Content == "") == c.want {
			t.Errorf("%s: content is %q", c.name, body.Content)
		}
		if got := fmt.Sprint(allowed.Parse, allowed.Users); c.want && got != "[everyone] [7]" || !c.want && got != "[] []" {
			t.Errorf("%s: allows %s", c.name, got)
		}
		body, _ = sent(t, discord.Message(now, discord.Mention{}, c.alerts...))
		if body.Content != "" || len(body.AllowedMentions.Parse) > 0 {
			t.Errorf("%s: content is %q without DISCORD_MENTION", c.name, body.Content)
		}
	}
}

func TestColourIsThatOfTheHighestSeverity(t *testing.T) {
	t.Parallel()
	info, warning, critical := at("A", "info", 0), at("A", "warning", 0), at("A", "critical", 0)
	for want, alerts := range map[int][]*alert.Alert{
		0xE74C3C: {info, critical, warning},
		0xE67E22: {info, warning},
		0x3498DB: {info},
		0x95A5A6: {at("A", "sev1", 0)},
		0x2ECC71: {ended("A", "critical", time.Minute)},
	} {
		if body, _ := sent(t, discord.Message(now, discord.Mention{}, alerts...)); body.Embeds[0].Color != want {
			t.Errorf("%v has colour %06x, want %06x", alerts[0].Labels, body.Embeds[0].Color, want)
		}
	}
}

func TestMoreAlertsThanFitAreCounted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		alerts, text, least int
	}{
		{17, 10, 10},
		{17, 5000, 4},
		{1, 5000, 1},
	} {
		var alerts []*alert.Alert
		for i := range c.alerts {
			for _, a := range []*alert.Alert{at("A", "warning", time.Minute), ended("A", "warning", time.Minute)} {
				a.Labels["instance"] = model.LabelValue(fmt.Sprint(i, strings.Repeat("x", c.text)))
				a.Annotations["description"] = model.LabelValue(strings.Repeat("🎫", c.text))
				alerts = append(alerts, a)
			}
		}
		body, _ := sent(t, discord.Message(now, discord.Mention{}, alerts...))
		if len(body.Embeds) != 2 {
			t.Fatalf("%d embeds", len(body.Embeds))
		}
		for _, e := range body.Embeds {
			shown := len(e.Fields)
			note := fmt.Sprintf("and %d more", c.alerts-shown)
			if shown < min(c.least, c.alerts)/2 || shown == 0 || (shown < c.alerts) != strings.HasSuffix(e.Footer.Text, note) {
				t.Errorf("%d alerts of %d characters: %d shown, the note is %q", c.alerts, c.text, shown, e.Footer.Text)
			}
		}
	}
}

func TestParseMention(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                         `{"parse":[]}`,
		"@here":                    `{"parse":["everyone"]}`,
		" @everyone ":              `{"parse":["everyone"]}`,
		"@here @everyone":          `{"parse":["everyone"]}`,
		"<@12> <@!12>":             `{"parse":[],"users":["12"]}`,
		"<@&34>\n":                 `{"parse":[],"roles":["34"]}`,
		"<@12> <@&34> <@56> @here": `{"parse":["everyone"],"users":["12","56"],"roles":["34"]}`,
	} {
		body := discord.Message(now, mention(t, s), at("A", "critical", 0))
		if got, _ := json.Marshal(body.AllowedMentions); string(got) != want {
			t.Errorf("%q allows %s, want %s", s, got, want)
		}
	}
	for _, s := range []string{"here", "@someone", "<@>", "<@abc>", "<#12>", "@here!", "<@&34", strings.Repeat("@here ", 11)} {
		if _, err := discord.ParseMention(s); err == nil || !strings.HasPrefix(err.Error(), "DISCORD_MENTION must ") {
			t.Errorf("%q is accepted: %v", s, err)
		}
	}
}
