package discord

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// copyFrom says where Discord shows the address of a webhook.
const copyFrom = "copy it in Discord: Server Settings → Integrations → Webhooks → Copy Webhook URL"

// What Discord gives out today: an ID of 17 to 20 digits, and a token of 68
// characters. Values far from that are doubted and not refused, because Discord
// has promised neither.
const (
	fewestDigits, mostDigits = 15, 22
	shortestToken            = 50
)

var (
	webhookPath = regexp.MustCompile(`^/api(?:/v\d+)?/webhooks(?:/(.*))?$`)
	digits      = regexp.MustCompile(`^\d+$`)
	tokenText   = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	// placeholder matches what examples have in the place of a value: TOKEN,
	// your_webhook_token, <token>, {webhook.token}, $TOKEN, xxxx.
	placeholder = regexp.MustCompile(`^(?:[^A-Za-z0-9_.-].*|[A-Z]+(?:[_-][A-Z]+)*|(?i:(?:your|my|the|webhook|discord)?[_-]?(?:webhook)?[_-]?(?:id|token)(?:[_-]?here)?)|(?i:x{3,})|\.{2,})$`)
)

// isDiscord reports whether a host is one of those that serve Discord's API, and
// isDiscords whether it is any other one of Discord's, such as that of invites.
func isDiscord(host string) bool {
	return slices.Contains([]string{
		"discord.com", "ptb.discord.com", "canary.discord.com",
		"discordapp.com", "ptb.discordapp.com", "canary.discordapp.com",
	}, canonical(host))
}

func isDiscords(host string) bool {
	host = canonical(host)
	return slices.ContainsFunc([]string{"discord.com", "discordapp.com", "discord.gg", "discord.new", "discord.gift", "discordapp.net", "discordstatus.com"},
		func(domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) })
}

func canonical(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

// misshapen says what is wrong with an address of Discord's that is not the address
// of a webhook; nothing if it is one, or if the host is not Discord's. It repeats
// nothing of the address.
func misshapen(u *url.URL) string {
	host := u.Hostname()
	switch {
	case !isDiscords(host):
		return ""
	case canonical(host) == "discord.gg" || strings.HasPrefix(u.Path, "/invite/"):
		return "is an invitation to a server, not the address of a webhook"
	case !isDiscord(host):
		return "has a host of Discord's that takes no messages"
	case strings.HasPrefix(u.Path, "/channels/"):
		return "is the address of a channel, not that of a webhook"
	case u.Scheme != "https":
		return "must begin with https://, so that nobody on the way reads it"
	}
	found := webhookPath.FindStringSubmatch(u.Path)
	if found == nil {
		return "is an address of Discord's, but not that of a webhook"
	}
	parts := strings.Split(strings.TrimSuffix(found[1], "/"), "/")
	id, token := parts[0], ""
	if len(parts) > 1 {
		token = parts[1]
	}
	switch {
	case id == "":
		return "has neither the ID nor the token of a webhook"
	case placeholder.MatchString(id), placeholder.MatchString(token):
		return "has a placeholder of an example where the ID or the token belongs"
	case !digits.MatchString(id) && digits.MatchString(token):
		return "has the ID and the token of the webhook in each other's place"
	case !digits.MatchString(id):
		return "has no ID of a webhook, which is a number"
	case token == "":
		return "has no token: it ends after the ID of the webhook"
	case !tokenText.MatchString(token):
		return "has a token with characters that no token has"
	case len(parts) == 3 && (parts[2] == "slack" || parts[2] == "github"):
		return "ends with /" + parts[2] + ", which takes messages of that service and not Onsale's: leave /" + parts[2] + " out"
	case len(parts) > 2:
		return "goes on after the token of the webhook"
	}
	return ""
}

// services are the hosts of services whose webhooks people take for Discord's.
var services = []struct{ domain, name string }{
	{"slack.com", "Slack"},
	{"office.com", "Microsoft Teams"},
	{"logic.azure.com", "Microsoft Teams"},
	{"powerplatform.com", "Microsoft Teams"},
	{"googleapis.com", "Google Chat"},
	{"telegram.org", "Telegram"},
	{"pagerduty.com", "PagerDuty"},
}

// doubtful says why messages may never arrive at an address that is not refused;
// nothing if there is no reason to doubt it. A receiver nearby may be anything.
func doubtful(u *url.URL) string {
	host := u.Hostname()
	if !isDiscord(host) {
		if nearby(host) {
			return ""
		}
		for _, s := range services {
			if h := canonical(host); h == s.domain || strings.HasSuffix(h, "."+s.domain) {
				return "leads to " + s.name + ", which does not take messages of Discord's form; for Discord, " + copyFrom
			}
		}
		return "does not lead to discord.com, and only what takes messages of Discord's form will take Onsale's; for Discord itself, " + copyFrom
	}
	parts := strings.Split(strings.TrimSuffix(u.Path, "/"), "/")
	id, token := parts[len(parts)-2], parts[len(parts)-1]
	switch {
	case len(id) < fewestDigits || len(id) > mostDigits:
		return "has an ID of another length than Discord's, as if it were cut off; " + copyFrom
	case len(token) < shortestToken:
		return "has a token that is shorter than Discord's, as if it were cut off; " + copyFrom
	}
	return ""
}
