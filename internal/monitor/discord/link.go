package discord

import (
	"net/url"
	"regexp"
	"strings"
)

// maxLink is the longest address that is linked, in UTF-16 code units. Links to long
// expressions are longer and would leave no space for the text.
const maxLink = 512

// plainHost matches a host name or address, with or without a port.
var plainHost = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$`)

// linked returns a markdown link, or an empty string if the address is not safe to
// follow. A safe address is absolute, uses http or https, and has no user name, which
// could disguise the real host.
func linked(text, address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || !plainHost.MatchString(u.Host) {
		return ""
	}
	scheme, host := u.Scheme, u.Host
	u.Scheme, u.Host = "", ""
	written := scheme + "://" + host + escapeLink(u.String())
	if length(written) > maxLink {
		return ""
	}
	return "[" + text + "](" + written + ")"
}

// escapeLink encodes as %XX every byte that could end the link, or that is markup for
// Discord outside a link.
func escapeLink(address string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(address) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._:/?#&=%+,;!$'", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString("%" + string(digits[c>>4]) + string(digits[c&0xf]))
		}
	}
	return b.String()
}
