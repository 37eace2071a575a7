package discord

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"onsale/internal/endpoint"
)

// Secret is a string that prints as stars when it is formatted, logged or marshalled.
// The URL of a webhook is secret because anyone who has it can post to the channel.
type Secret string

// stars replace a secret.
const stars = "***"

// Format writes stars for every verb.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, stars) }

// MarshalText returns stars.
func (Secret) MarshalText() ([]byte, error) { return []byte(stars), nil }

// LogValue returns stars.
func (Secret) LogValue() slog.Value { return slog.StringValue(stars) }

// webhook is the destination of messages.
type webhook struct {
	// name is the setting that contains the address, such as DISCORD_URL.
	name string
	// post is the address that messages are posted to, with the API version and query.
	post Secret
	// plain is true for http://, without TLS.
	plain bool
	// doubt is why messages may never arrive, or empty.
	doubt string
	// secrets are all spellings of the address and of its secret parts, longest first.
	secrets []Secret
}

// parseWebhook parses an address. Errors begin with name and contain no part of the
// address.
func parseWebhook(s Secret, name string) (*webhook, error) {
	raw := unquoted(strings.TrimSpace(string(s)))
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New(name + " is not a URL; " + copyFrom)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New(name + " must begin with https://; " + copyFrom)
	case u.Hostname() == "":
		return nil, errors.New(name + " must name a host; " + copyFrom)
	}
	if wrong := misshapen(u); wrong != "" {
		return nil, errors.New(name + " " + wrong + "; " + copyFrom)
	}
	path := u.EscapedPath()
	secrets := []string{raw, u.String(), u.RequestURI(), path, u.Path, u.RawQuery, u.Fragment}
	secrets = append(secrets, strings.Split(path, "/")...)
	secrets = append(secrets, strings.Split(u.Path, "/")...)
	if password, ok := u.User.Password(); ok {
		secrets = append(secrets, u.User.Username(), password)
	}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	doubt := doubtful(u)
	pinVersion(u)
	// Without wait=true, Discord answers before it has stored the message.
	query := u.Query()
	query.Set("wait", "true")
	u.RawQuery, u.Fragment = query.Encode(), ""
	return &webhook{name: name, post: Secret(u.String()), plain: u.Scheme == "http", doubt: doubt, secrets: telling(secrets)}, nil
}

// unquoted removes quotes around an address. Some programs that read files of
// environment variables keep the quotes.
func unquoted(s string) string {
	if len(s) > 1 && s[0] == s[len(s)-1] && (s[0] == '"' || s[0] == '\'') {
		return strings.TrimSpace(s[1 : len(s)-1])
	}
	return s
}

// CheckAddress returns an error if an address is not a webhook address. doubt is why
// messages may not arrive at a valid address, or empty. Both begin with name and contain
// no part of the address.
func CheckAddress(address Secret, name string) (doubt string, err error) {
	w, err := parseWebhook(address, name)
	if err != nil {
		return "", err
	}
	return w.warning(), nil
}

// LeadsToDiscord reports whether the host of an address serves Discord's API.
func LeadsToDiscord(address Secret) bool {
	u, err := url.Parse(strings.TrimSpace(string(address)))
	return err == nil && isDiscord(u.Hostname())
}

// warning returns the name of the address and the doubt, or an empty string.
func (w *webhook) warning() string {
	if w.doubt == "" {
		return ""
	}
	return w.name + " " + w.doubt
}

// exposed reports whether the address would cross the internet in plain text.
func (w *webhook) exposed() bool {
	u, err := url.Parse(string(w.post))
	return err == nil && w.plain && !nearby(u.Hostname())
}

// pinVersion changes an address of Discord to the API version that this package was
// written for. Without a version, Discord uses version 6, whose retry_after is in
// milliseconds. It also removes a slash at the end, which Discord does not accept.
func pinVersion(u *url.URL) {
	if found := webhookPath.FindStringSubmatch(u.Path); found != nil && isDiscord(u.Hostname()) {
		u.Path, u.RawPath = "/api/v10/webhooks/"+strings.TrimSuffix(found[1], "/"), ""
	}
}

// nearby reports whether a host is probably not on the internet: this machine, a private
// address, or a name without a dot, as in Compose and Kubernetes. The transport checks
// the resolved address when it connects.
func nearby(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return endpoint.IsNear(address)
	}
	return !strings.Contains(host, ".")
}

// errFar is returned for a connection without TLS to a public address.
var errFar = errors.New("http:// is allowed for loopback and private addresses only")

// dialTimeout limits the time to open a connection.
const dialTimeout = 5 * time.Second

// transport returns the transport for the webhook: a copy of the default one, which uses
// the proxy from the environment. Without TLS it connects only to loopback and private
// addresses. Then it uses no proxy, because a proxy would forward the message in plain
// text. A nil resolver means the system's.
func (w *webhook) transport(r *net.Resolver) http.RoundTripper {
	usual, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		usual = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	usual = usual.Clone()
	if w.plain {
		usual.Proxy = nil
		usual.DialContext = (&net.Dialer{Timeout: dialTimeout, Resolver: r, ControlContext: endpoint.Only(endpoint.IsNear, errFar)}).DialContext
	}
	return usual
}

// telling returns the secret parts of an address. Short parts and the words in the path
// of every webhook are not secret, and hiding them would make messages unreadable.
func telling(parts []string) []Secret {
	const short = 5
	slices.SortFunc(parts, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	var secrets []Secret
	for _, part := range slices.Compact(parts) {
		if len(part) >= short && part != "webhooks" {
			secrets = append(secrets, Secret(part))
		}
	}
	return secrets
}

// redact replaces the secret parts of the address with stars.
func (w *webhook) redact(s string) string {
	for _, secret := range w.secrets {
		s = strings.ReplaceAll(s, string(secret), stars)
	}
	return s
}
