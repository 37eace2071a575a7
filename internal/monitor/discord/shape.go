package discord

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// copyFrom explains where to find the address of a webhook.
const copyFrom = "copy it in Discord: Server Settings → Integrations → Webhooks → Copy Webhook URL"

// Today Discord's IDs have 17 to 20 digits and its tokens 68 characters. Values far from
// that cause a warning and no error, because Discord may change either.
const (
	fewestDigits, mostDigits = 15, 22
	shortestToken            = 50
)

var (
	webhookPath = regexp.MustCompile(`^/api(?:/v\d+)?/webhooks(?:/(.*))?$`)
	digits      = regexp.MustCompile(`^\d+$`)
	tokenText   = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	// placeholder matches the placeholders of examples: TOKEN, your_webhook_token,
	// <token>, {webhook.token}, $TOKEN, xxxx.
	placeholder = regexp.MustCompile(`^(?:[^A-Za-z0-9_.-].*|[A-Z]+(?:[_-][A-Z]+)*|(?i:(?:your|my|the|webhook|discord)?[_-]?(?:webhook)?[_-]?(?:id|token)(?:[_-]?here)?)|(?i:x{3,})|\.{2,})$`)
)

// isDiscord reports whether a host serves Discord's API.
func isDiscord(host string) bool {
	return slices.Contains([]string{
		"discord.com", "ptb.discord.com", "canary.discord.com",
		"discordapp.com", "ptb.discordapp.com", "canary.discordapp.com",
	}, canonical(host))
}

// isDiscords reports whether a host belongs to Discord, such as the host of invitations.
func isDiscords(host string) bool {
	host = canonical(host)
	return slices.ContainsFunc([]string{"discord.com", "discordapp.com", "discord.gg", "discord.new", "discord.gift", "discordapp.net", "discordstatus.com"},
		func(domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) })
}

func canonical(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

// misshapen returns why a Discord address is not a webhook address. It returns an empty
// string if it is one, or if the host is not Discord's. The result contains no part of
// the address.
func misshapen(u *url.URL) string {
	host := u.Hostname()
	switch {
	case !isDiscords(host):
		return ""
	case canonical(host) == "discord.gg" || strings.HasPrefix(u.Path, "/invite/"):
		return "is an invitation to a server, not a webhook address"
	case !isDiscord(host):
		return "names a Discord host that does not accept messages"
	case strings.HasPrefix(u.Path, "/channels/"):
		return "is the address of a channel, not a webhook address"
	case u.Scheme != "https":
		return "must begin with https://, because http:// would expose the webhook"
	}
	found := webhookPath.FindStringSubmatch(u.Path)
	if found == nil {
		return "is a Discord address, but not a webhook address"
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
		return "has a placeholder in place of the ID or the token"
	case !digits.MatchString(id) && digits.MatchString(token):
		return "has the ID and the token of the webhook in the wrong order"
	case !digits.MatchString(id):
		return "has no webhook ID, which is a number"
	case token == "":
		return "has no token: it ends after the ID of the webhook"
	case !tokenText.MatchString(token):
		return "has a token with characters that Discord does not use in tokens"
	case len(parts) == 3 && (parts[2] == "slack" || parts[2] == "github"):
		return "ends with /" + parts[2] + ", which accepts only messages in that service's format: remove /" + parts[2]
	case len(parts) > 2:
		return "has extra parts after the token of the webhook"
	}
	return ""
}

// services are other services with webhooks that people may confuse with Discord's.
var services = []struct{ domain, name string }{
	{"slack.com", "Slack"},
	{"office.com", "Microsoft Teams"},
	{"logic.azure.com", "Microsoft Teams"},
	{"powerplatform.com", "Microsoft Teams"},
	{"googleapis.com", "Google Chat"},
	{"telegram.org", "Telegram"},
	{"pagerduty.com", "PagerDuty"},
}

// doubtful returns why messages may never arrive at a valid address, or an empty string.
// It accepts every receiver on a private network.
func doubtful(u *url.URL) string {
	host := u.Hostname()
	if !isDiscord(host) {
		if nearby(host) {
			return ""
		}
		for _, s := range services {
			if h := canonical(host); h == s.domain || strings.HasSuffix(h, "."+s.domain) {
				return "points to " + s.name + ", which does not accept messages in Discord's format; for Discord, " + copyFrom
			}
		}
		return "does not point to discord.com; the receiver must accept messages in Discord's format; for Discord itself, " + copyFrom
	}
	parts := strings.Split(strings.TrimSuffix(u.Path, "/"), "/")
	id, token := parts[len(parts)-2], parts[len(parts)-1]
	switch {
	case len(id) < fewestDigits || len(id) > mostDigits:
		return "has an ID with an unusual number of digits, and may be cut off; " + copyFrom
	case len(token) < shortestToken:
		return "has a token that is shorter than usual, and may be cut off; " + copyFrom
	}
	return ""
}
