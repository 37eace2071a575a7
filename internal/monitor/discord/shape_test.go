package discord_test

import (
	"context"
	"strings"
	"testing"

	"onsale/internal/monitor/discord"
)

// A webhook address as Discord creates it: the ID has 19 digits and the token 68
// characters.
const (
	wholeID    = "1234567890123456789"
	wholeToken = "SECRET-abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456"
	whole      = "https://discord.com/api/webhooks/" + wholeID + "/" + wholeToken
)

func TestAddressesThatAreNotWebhooksAreRejected(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		whole + "/slack":      "ends with /slack",
		whole + "/github":     "ends with /github",
		whole + "/slack/":     "ends with /slack",
		whole + "/messages/1": "has extra parts after the token",
		"https://discord.com/api/webhooks/" + wholeID:                                  "has no token",
		"https://discord.com/api/webhooks/" + wholeID + "/":                            "has no token",
		"https://discord.com/api/webhooks/" + wholeToken:                               "has no webhook ID",
		"https://discord.com/api/webhooks/":                                            "has neither",
		"https://discord.com/api/webhooks":                                             "has neither",
		"https://discord.com/api/webhooks/ID/TOKEN":                                    "placeholder",
		"https://discord.com/api/webhooks/id/token":                                    "placeholder",
		"https://discord.com/api/v10/webhooks/WEBHOOK_ID/WEBHOOK_TOKEN":                "placeholder",
		"https://discord.com/api/webhooks/<id>/<token>":                                "placeholder",
		"https://discord.com/api/webhooks/{webhook.id}/{webhook.token}":                "placeholder",
		"https://discord.com/api/webhooks/" + wholeID + "/your_token_here":             "placeholder",
		"https://discord.com/api/webhooks/" + wholeID + "/xxxxxxxxxxxx":                "placeholder",
		"https://discord.com/api/webhooks/" + wholeID + "/...":                         "placeholder",
		"https://discord.com/api/webhooks/$DISCORD_ID/$DISCORD_TOKEN":                  "placeholder",
		"https://discord.com/api/webhooks/" + wholeToken + "/" + wholeID:               "in the wrong order",
		"https://discord.com/api/webhooks/" + wholeID + "/SECRET token":                "characters that Discord does not use",
		"https://discord.com/channels/" + wholeID + "/" + wholeID:                      "address of a channel",
		"https://ptb.discord.com/channels/@me/" + wholeID:                              "address of a channel",
		"https://discord.gg/SECRET":                                                    "invitation",
		"https://discord.com/invite/SECRET":                                            "invitation",
		"https://discord.com/api/v10/channels/" + wholeID + "/messages":                "but not a webhook address",
		"https://discord.com/":                                                         "but not a webhook address",
		"https://discord.com/oauth2/authorize?client_id=" + wholeID + "&secret=SECRET": "but not a webhook address",
		"https://cdn.discordapp.com/attachments/1/2/SECRET":                            "does not accept messages",
		"https://www.discord.com/api/webhooks/" + wholeID + "/" + wholeToken:           "does not accept messages",
		"http://discord.com/api/webhooks/" + wholeID + "/" + wholeToken:                "https://",
		"discord.com/api/webhooks/" + wholeID + "/" + wholeToken:                       "https://",
		wholeID + "/" + wholeToken:                                                     "https://",
	} {
		_, err := discord.New(discord.Options{URL: discord.Secret(address)})
		if err == nil {
			t.Errorf("%s is accepted", address)
			continue
		}
		for _, part := range []string{"DISCORD_URL ", want, "Server Settings → Integrations → Webhooks → Copy Webhook URL"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: got the error %q, want %q in it", address, err, part)
			}
		}
		if strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), wholeID) {
			t.Errorf("%s: the error contains a secret: %v", address, err)
		}
	}
}

// An address that looks wrong but may be right causes a warning and no error. Other
// addresses cause no warning.
func TestAddressesThatCauseAWarning(t *testing.T) {
	t.Parallel()
	for address, doubt := range map[string]string{
		whole:                           "",
		whole + "/":                     "",
		whole + "\n":                    "",
		`"` + whole + `"` + "\r\n":      "",
		" '" + whole + "' ":             "",
		whole + "?thread_id=12345":      "",
		whole + "?wait=true":            "",
		whole + "?with_components=true": "",
		"https://discordapp.com/api/webhooks/" + wholeID + "/" + wholeToken:         "",
		"https://ptb.discord.com/api/webhooks/" + wholeID + "/" + wholeToken:        "",
		"https://canary.discord.com/api/v10/webhooks/" + wholeID + "/" + wholeToken: "",
		"http://127.0.0.1:9/hook":                                    "",
		"http://receiver:8080/SECRET":                                "",
		"https://192.168.1.7/SECRET":                                 "",
		"https://hooks.slack.com/services/T0/B0/SECRET":              "points to Slack",
		"https://contoso.webhook.office.com/webhookb2/SECRET":        "points to Microsoft Teams",
		"https://proxy.example.com/api/webhooks/1/SECRET":            "does not point to discord.com",
		"https://notdiscord.com/api/webhooks/" + wholeID + "/SECRET": "does not point to discord.com",
		"https://discord.com/api/webhooks/1234/" + wholeToken:        "an ID with an unusual number of digits",
		"https://discord.com/api/webhooks/" + wholeID + "/SECRET-a1": "shorter than usual",
	} {
		got, err := discord.CheckAddress(discord.Secret(address), "DISCORD_URL")
		if err != nil {
			t.Errorf("%s is rejected: %v", address, err)
			continue
		}
		if doubt == "" && got != "" || !strings.Contains(got, doubt) || strings.Contains(got, "SECRET") {
			t.Errorf("%s: got the warning %q, want %q", address, got, doubt)
		}
		logs, want := runAndStop(t, address), 0
		if doubt != "" {
			want = 1
		}
		if got := strings.Count(logs, "alerts may not arrive"); got != want || strings.Contains(logs, "SECRET") {
			t.Errorf("%s: the log has the warning %d times, want %d: %s", address, got, want, logs)
		}
	}
}

// runAndStop runs a notifier whose context has ended, and returns its log.
func runAndStop(t *testing.T, address string) string {
	t.Helper()
	l := &logs{}
	n, err := discord.New(discord.Options{URL: discord.Secret(address), Logger: l.logger()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return l.String()
}
