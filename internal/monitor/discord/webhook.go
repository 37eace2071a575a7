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

// Secret is a text that prints as a few stars wherever it is formatted,
// logged or marshalled. Whoever knows a webhook's URL can write to its channel.
type Secret string

// stars stand for a secret.
const stars = "***"

// Format writes stars, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, stars) }

// MarshalText returns stars.
func (Secret) MarshalText() ([]byte, error) { return []byte(stars), nil }

// LogValue returns stars.
func (Secret) LogValue() slog.Value { return slog.StringValue(stars) }

// webhook is where messages are sent.
type webhook struct {
	// name is what the operator knows the address by, such as DISCORD_URL.
	name string
	// post is the address with what Onsale adds to it.
	post Secret
	// plain says that it is sent without TLS.
	plain bool
	// doubt says why messages may never arrive; empty if there is no reason to doubt it.
	doubt string
	// secrets are all spellings of the address and of its telling parts, longest first.
	secrets []Secret
}

// parseWebhook reads an address. Errors name it and never repeat any of it.
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
	// Discord answers before it has stored the message unless it is told to wait.
	query := u.Query()
	query.Set("wait", "true")
	u.RawQuery, u.Fragment = query.Encode(), ""
	return &webhook{name: name, post: Secret(u.String()), plain: u.Scheme == "http", doubt: doubt, secrets: telling(secrets)}, nil
}

// unquoted leaves out the quotes around an address, which files for variables of the
// environment keep in some programs and not in others.
func unquoted(s string) string {
	if len(s) > 1 && s[0] == s[len(s)-1] && (s[0] == '"' || s[0] == '\'') {
		return strings.TrimSpace(s[1 : len(s)-1])
	}
	return s
}

// CheckAddress returns an error for an address that Discord takes no messages at. The
// error calls the address by the name, and neither it nor the doubt repeats any of it.
// doubt says why messages may not arrive at an address that is not refused; it is empty
// if there is no reason to doubt it.
func CheckAddress(address Secret, name string) (doubt string, err error) {
	w, err := parseWebhook(address, name)
	if err != nil {
		return "", err
	}
	return w.told(), nil
}

// LeadsToDiscord reports whether an address is one of Discord's API.
func LeadsToDiscord(address Secret) bool {
	u, err := url.Parse(strings.TrimSpace(string(address)))
	return err == nil && isDiscord(u.Hostname())
}

// told returns the doubt with the name of the address; nothing if there is none.
func (w *webhook) told() string {
	if w.doubt == "" {
		return ""
	}
	return w.name + " " + w.doubt
}

// exposed reports whether others could read the address on its way.
func (w *webhook) exposed() bool {
	u, err := url.Parse(string(w.post))
	return err == nil && w.plain && !nearby(u.Hostname())
}

// pinVersion makes an address of Discord's own name the version of the API
// that this package was written for. Without one Discord answers as version 6
// did, which says in milliseconds how long to wait. A slash at the end, which
// Discord does not know, is left out.
func pinVersion(u *url.URL) {
	if found := webhookPath.FindStringSubmatch(u.Path); found != nil && isDiscord(u.Hostname()) {
		u.Path, u.RawPath = "/api/v10/webhooks/"+strings.TrimSuffix(found[1], "/"), ""
	}
}

// nearby reports whether a host may be reached without crossing the internet:
// this machine, a private network, and names without a dot, as Compose and
// Kubernetes give them. Where a name really leads is seen when it is connected to.
func nearby(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return endpoint.IsNear(address)
	}
	return !strings.Contains(host, ".")
}

// errFar is why a message is not sent without TLS.
var errFar = errors.New("http:// is for hosts nearby")

// dialTimeout bounds the making of a connection.
const dialTimeout = 5 * time.Second

// transport returns what sends to the webhook: the usual transport, with the proxy
// of the environment. Without TLS it connects to loopback and private addresses
// alone, and to no proxy, which would send it on in clear. A nil resolver is the system's.
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

// telling returns the parts that would give the address away. Short ones and
// the words of every webhook's path are no secret, and hiding them would make
// messages unreadable.
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

// redact replaces what would give the address away.
func (w *webhook) redact(s string) string {
	for _, secret := range w.secrets {
		s = strings.ReplaceAll(s, string(secret), stars)
	}
	return s
}
