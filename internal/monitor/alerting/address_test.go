package alerting_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onsale/internal/monitor/alerting"
)

// hooks is the start of every webhook address in these tests. The ID is built at run
// time so that no file of the repository contains a complete one.
var hooks = "https://discord.com/api/webhooks/" + strings.Repeat("1", 19) + "/"

// A webhook address in the user's file, or in a file that it names, is checked at
// start in the same way as DISCORD_URL.
func TestWebhookAddressesInFileAreChecked(t *testing.T) {
	t.Parallel()
	token := "SECRET-" + strings.Repeat("a", 60)
	for name, c := range map[string]struct{ hook, refusal, warning string }{
		"no token":        {hooks, "webhook_url has no token", ""},
		"slack":           {hooks + token + "/slack", "webhook_url ends with /slack", ""},
		"channel":         {"https://discord.com/channels/1/2?SECRET", "webhook_url is the address of a channel", ""},
		"good":            {hooks + token, "", ""},
		"cut off":         {hooks + "SECRET-a", "", "webhook_url has a token that is shorter"},
		"another's":       {"https://hooks.slack.com/services/SECRET", "", "webhook_url points to Slack"},
		"receiver nearby": {"http://127.0.0.1/SECRET", "", ""},
	} {
		for _, inFile := range []bool{false, true} {
			config := "discord_configs: [{webhook_url: '" + c.hook + "'}]"
			if inFile {
				path := filepath.Join(t.TempDir(), "hook")
				if err := os.WriteFile(path, []byte(c.hook+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				config = "discord_configs: [{webhook_url_file: '" + path + "'}]"
				c.refusal = strings.ReplaceAll(c.refusal, "webhook_url ", "webhook_url_file ")
				c.warning = strings.ReplaceAll(c.warning, "webhook_url ", "webhook_url_file ")
			}
			lines := &logged{}
			o := withFile(t, options(t, newListener()), "route: {receiver: a}\nreceivers:\n  - name: a\n    "+config+"\n")
			o.Logger = lines.logger(slog.LevelInfo)
			m, err := alerting.New(o)
			if c.refusal != "" {
				if err == nil || !strings.Contains(err.Error(), "alertmanager.yml:3: receivers: "+c.refusal) || strings.Contains(err.Error(), "SECRET") {
					t.Errorf("%s, in a file of its own %t: %v, want %q", name, inFile, err, c.refusal)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s, in a file of its own %t: %v", name, inFile, err)
				continue
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := m.Run(ctx); err != nil {
				t.Error(err)
			}
			logs := lines.String()
			if c.warning == "" && logs != "" || !strings.Contains(logs, c.warning) || strings.Contains(logs, "SECRET") {
				t.Errorf("%s, in a file of its own %t: logged %q, want %q", name, inFile, logs, c.warning)
			}
		}
	}
}

// Discord does not accept the message formats of other integrations.
func TestOtherIntegrationsThatPointToDiscordAreWarnedAbout(t *testing.T) {
	t.Parallel()
	hook := hooks + "SECRET"
	for config, want := range map[string]string{
		"webhook_configs: [{url: '" + hook + "'}]":                 "the url of webhook_configs points to Discord",
		"slack_configs: [{api_url: '" + hook + "', channel: c}]":   "the api_url of slack_configs points to Discord",
		"slack_configs: [{api_url: '" + hook + "/slack'}]":         "",
		"webhook_configs: [{url: 'https://proxy.example/SECRET'}]": "",
	} {
		lines := &logged{}
		o := withFile(t, options(t, newListener()), "route: {receiver: a}\nreceivers:\n  - name: a\n    "+config+"\n")
		o.Logger = lines.logger(slog.LevelInfo)
		m, err := alerting.New(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := m.Run(ctx); err != nil {
			t.Error(err)
		}
		logs := lines.String()
		if want == "" && logs != "" || !strings.Contains(logs, want) || strings.Contains(logs, "SECRET") {
			t.Errorf("%s: logged %q, want %q", config, logs, want)
		}
	}
}
