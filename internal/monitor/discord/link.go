package discord

import (
	"net/url"
	"regexp"
	"strings"
)

// maxLink is the longest address that is linked, in UTF-16 code units. Longer
// ones, as those of long expressions are, would push out what must be read.
const maxLink = 512

// plainHost is a name or an address, with or without a port.
var plainHost = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$`)

// linked returns the markdown of a link, or nothing where the address is not
// one that a person should follow from a message: absolute, http or https, and
// without a user name, behind which the true host hides.
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

// escapeLink writes every byte as %XX that could end the link, or mean
// something to Discord if the link were not read as one.
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
