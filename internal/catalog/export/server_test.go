package export_test

import (
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	alertmanager "github.com/prometheus/alertmanager/config"
	prometheus "github.com/prometheus/prometheus/config"

	"onsale/internal/catalog"
	"onsale/internal/catalog/export"
)

// TestAlertmanagerReadsItsConfiguration checks the default with the pinned library,
// and the configuration for 0.25 with Debian's amtool.
func TestAlertmanagerReadsItsConfiguration(t *testing.T) {
	t.Parallel()
	o := export.DefaultAlertmanager()
	o.DiscordURLFile, o.Mention = "secrets/it's here", "<@&123> @here"
	text, err := export.Alertmanager(o)
	if err != nil {
		t.Fatal(err)
	}
	config, err := alertmanager.Load(string(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	discord := config.Receivers[0].DiscordConfigs[0]
	if config.Route.Receiver != config.Receivers[0].Name || discord.WebhookURL != nil || discord.WebhookURLFile != o.DiscordURLFile ||
		!strings.Contains(discord.Content, "<@&123> @here{{ end }}") || !strings.Contains(discord.Content, `"critical"`) || !discord.SendResolved() {
		t.Errorf("the receiver is %+v", discord)
	}
	if len(config.InhibitRules) != 1 || !slices.Contains(config.InhibitRules[0].Equal, "job") {
		t.Errorf("inhibitions %+v", config.InhibitRules)
	}

	o.Mention, o.Version = "", export.Version{Minor: 25}
	if text, err = export.Alertmanager(o); err != nil {
		t.Fatal(err)
	}
	if out, ok := check(t, "alertmanager.yml", text, "amtool", "check-config"); !ok {
		t.Errorf("amtool: %s\n%s", out, text)
	}
	if _, err := alertmanager.Load(string(text)); err != nil {
		t.Errorf("the newest version: %v", err)
	}
}

// TestAlertmanagerGroupsAtThePace compares the grouping durations of both paces.
func TestAlertmanagerGroupsAtThePace(t *testing.T) {
	t.Parallel()
	for _, pace := range catalog.Paces() {
		o := export.DefaultAlertmanager()
		o.Pace = pace
		text, err := export.Alertmanager(o)
		if err != nil {
			t.Fatal(err)
		}
		config, err := alertmanager.Load(string(text))
		if err != nil {
			t.Fatal(err)
		}
		r := config.Route
		got := catalog.Grouping{Wait: time.Duration(*r.GroupWait), Interval: time.Duration(*r.GroupInterval), Repeat: time.Duration(*r.RepeatInterval)}
		if got != pace.Grouping() {
			t.Errorf("%s: %+v, want %+v", pace.Name, got, pace.Grouping())
		}
	}
}

// TestVersionsOfAlertmanager checks that versions with Discord support are
// accepted, and all others rejected.
func TestVersionsOfAlertmanager(t *testing.T) {
	t.Parallel()
	for text, placeholder := range map[string]bool{
		"0.25": true, "v0.26.0": true, "0.27.0+ds-1": true, "0.28": false, "0.28.1": false, "v0.34.2": false, "1.0": false,
	} {
		if v, err := export.ParseVersion(text); err != nil || v.NeedsPlaceholder() != placeholder {
			t.Errorf("%s: %v, %v", text, v, err)
		}
	}
	for _, text := range []string{"", "28", "0", "0.24", "new", "0.x", "-1.30", "0.-28"} {
		if v, err := export.ParseVersion(text); err == nil || !strings.Contains(err.Error(), "--alertmanager-version") {
			t.Errorf("%q is parsed as %v: %v", text, v, err)
		}
	}
	o := export.DefaultAlertmanager()
	o.Version, o.Mention = export.Version{Minor: 27}, "@here"
	if _, err := export.Alertmanager(o); err == nil || !strings.Contains(err.Error(), "DISCORD_MENTION") {
		t.Errorf("0.27 accepts a mention: %v", err)
	}
	o = export.DefaultAlertmanager()
	o.DiscordURLFile = ""
	if _, err := export.Alertmanager(o); err == nil || !strings.Contains(err.Error(), "--discord-url-file") {
		t.Errorf("without a file: %v", err)
	}
}

// TestPrometheusReadsItsConfiguration checks that Debian's promtool and the pinned
// library read the same targets.
func TestPrometheusReadsItsConfiguration(t *testing.T) {
	t.Parallel()
	var targets []*url.URL
	for _, text := range []string{"http://10.0.0.7:8000/metrics", "https://shop.example.com/admin/metrics/", "http://[::1]:5000/a%20b"} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		targets = append(targets, u)
	}
	rules, err := defaults(t).Rules()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "my rules.yml")
	if err := os.WriteFile(path, rules, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, pace := range catalog.Paces() {
		text, err := export.Prometheus(export.PrometheusOptions{
			Job: `shop: "api" # 1`, Pace: pace, Targets: targets, RuleFile: path, Alertmanager: "127.0.0.1:9093",
		})
		if err != nil {
			t.Fatal(err)
		}
		if out, ok := check(t, "prometheus.yml", text, "promtool", "check", "config"); !ok || !strings.Contains(out, "rules found") {
			t.Errorf("promtool: %s\n%s", out, text)
		}
		config, err := prometheus.Load(string(text), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		job := config.ScrapeConfigs[0]
		if job.JobName != `shop: "api" # 1` || config.GlobalConfig.ScrapeInterval.String() != pace.Scrape.String() ||
			len(config.AlertingConfig.AlertmanagerConfigs) != 1 {
			t.Errorf("%s: job %q, %+v", pace.Name, job.JobName, config.GlobalConfig)
		}
		for _, want := range []string{"shop.example.com", "__scheme__: https", "__metrics_path__: /admin/metrics/", "'[::1]:5000'", "__metrics_path__: /a%20b"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("no %s in\n%s", want, text)
			}
		}
	}
}
