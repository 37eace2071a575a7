package export_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	alertmanager "github.com/prometheus/alertmanager/config"

	"onsale/internal/catalog/export"
)

// TestAlertmanagerSendsToAReceiver checks the receiver's address with the pinned
// library and Debian's 0.25.
func TestAlertmanagerSendsToAReceiver(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, tokenFile, want string }{
		{"http://127.0.0.1:9095", "", "http://127.0.0.1:9095/alertmanager"},
		{"https://h.example/onsale/", "/run/secrets/it's here", "https://h.example/onsale/alertmanager"},
	} {
		o := export.DefaultAlertmanager()
		o.Receiver, o.Mention = export.Receiver{URL: c.url, TokenFile: c.tokenFile}, "@here"
		o.Version = export.Version{Minor: 25} // it cannot mention anyone: the receiver does
		text, err := export.Alertmanager(o)
		if err != nil {
			t.Fatal(err)
		}
		if out, ok := check(t, "alertmanager.yml", text, "amtool", "check-config"); !ok {
			t.Errorf("amtool: %s\n%s", out, text)
		}
		config, err := alertmanager.Load(string(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		to := config.Receivers[0]
		if len(config.Receivers) != 1 || len(to.DiscordConfigs) != 0 || len(to.WebhookConfigs) != 1 || config.Route.Receiver != to.Name {
			t.Fatalf("receivers %+v", config.Receivers)
		}
		hook := to.WebhookConfigs[0]
		if string(hook.URL) != c.want || !hook.SendResolved() || hook.MaxAlerts == 0 {
			t.Errorf("the receiver is %+v", hook)
		}
		file := ""
		if a := hook.HTTPConfig.Authorization; a != nil {
			file = a.CredentialsFile
		}
		if file != c.tokenFile {
			t.Errorf("the token is in %q, want %q", file, c.tokenFile)
		}
		if strings.Contains(string(text), "discord_url") || strings.Contains(string(text), "@here") {
			t.Errorf("the configuration contains settings of the receiver:\n%s", text)
		}
	}
}

// TestGrafanaSendsToAReceiver checks that one option changes the contact point and
// the policy.
func TestGrafanaSendsToAReceiver(t *testing.T) {
	t.Parallel()
	o := export.DefaultOptions()
	o.Receiver = export.Receiver{URL: "http://receiver:9095", TokenFile: "/run/secrets/token"}
	set, err := export.New(o)
	if err != nil {
		t.Fatal(err)
	}
	points, policies := readAlerting(t, set, "contact-points.yaml").ContactPoints, readAlerting(t, set, "policies.yaml").Policies
	if len(points) != 1 || len(points[0].Receivers) != 1 || len(policies) != 1 || policies[0].Receiver != points[0].Name {
		t.Fatalf("contact points %v, policies %v", points, policies)
	}
	to := points[0].Receivers[0]
	if to.Type != "webhook" || to.Settings["url"] != "http://receiver:9095/grafana" || to.Settings["authorization_scheme"] != "Bearer" ||
		to.Settings["authorization_credentials"] != "$__file{/run/secrets/token}" {
		t.Errorf("receiver %v", to)
	}
	// The other files are the same as without a receiver.
	with, err := set.Grafana(export.DefaultPrometheusURL)
	if err != nil {
		t.Fatal(err)
	}
	without, err := defaults(t).Grafana(export.DefaultPrometheusURL)
	if err != nil {
		t.Fatal(err)
	}
	var differ []string
	for i, f := range with {
		if !bytes.Equal(f.Content, without[i].Content) {
			differ = append(differ, f.Name)
		}
	}
	if !slices.Equal(differ, []string{"provisioning/alerting/contact-points.yaml", "provisioning/alerting/policies.yaml"}) {
		t.Errorf("other files differ: %v", differ)
	}
}

func TestInvalidReceiversAreRejected(t *testing.T) {
	t.Parallel()
	for _, r := range []export.Receiver{
		{TokenFile: "/run/secrets/token"},
		{URL: "receiver:9095"},
		{URL: "127.0.0.1:9095"},
		{URL: "ftp://h"},
		{URL: "http://"},
		{URL: "http://u:p@h"},
		{URL: "http://h?a=b"},
		{URL: "http://h/{{ .x }}"},
		{URL: "http://h/$HOME"},
		{URL: "http://h/#a"},
		{URL: "http://h\nb"},
		{URL: "https://discord.com/api/webhooks/1/abc"},
		{URL: "http://h", TokenFile: "http://h/token"},
		{URL: "http://h", TokenFile: "/run/${A}"},
		{URL: "http://h", TokenFile: "a\nb"},
	} {
		o, a := export.DefaultOptions(), export.DefaultAlertmanager()
		o.Receiver, a.Receiver = r, r
		_, err1 := export.New(o)
		_, err2 := export.Alertmanager(a)
		for _, err := range []error{err1, err2} {
			if err == nil || !strings.HasPrefix(err.Error(), "--receiver") || strings.Contains(err.Error(), "u:p") || strings.Contains(err.Error(), "abc") {
				t.Errorf("%+v: %v", r, err)
			}
		}
	}
}
