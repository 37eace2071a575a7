package endpoint

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// hidden replaces what may be secret. A URL with it in the place of a user, a host or
// a query is still a URL.
const hidden = "***"

// Shown returns a URL as errors, logs and pages may show it: without user and
// password and without its query. The text may be malformed in any way. Where it
// is not certain which part is the host, no part is shown.
func Shown(text string) string {
	scheme, rest := "", text
	if before, after, ok := strings.Cut(text, "://"); ok && isWord(before) {
		rest = after
		if isKnownScheme(before) {
			scheme = before + "://"
		}
	}
	user := ""
	at, width := lastAt(rest)
	query := strings.IndexAny(rest, "?#")
	if at >= 0 {
		if query >= 0 && query < at {
			return scheme + hidden // a password with a question mark, or a query with an @
		}
		user, rest = hidden+"@", rest[at+width:]
	}
	rest, _, hasQuery := cutAny(strings.TrimLeft(rest, `/\`), "?#")
	authority, path, hasPath := cutAny(rest, `/\`)
	if !isAuthority(authority) {
		return scheme + hidden
	}
	shown := scheme + user + authority
	if hasPath {
		shown += "/" + path
	}
	if hasQuery {
		shown += "?" + hidden
	}
	return shown
}

// cutAny is [strings.Cut] at the first of several characters.
func cutAny(s, chars string) (before, after string, found bool) {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// lastAt finds the @ that ends a user and a password, also an escaped one, and
// how many bytes it takes; -1 without one.
func lastAt(s string) (at, width int) {
	plain, escaped := strings.LastIndex(s, "@"), strings.LastIndex(s, "%40")
	if escaped > plain {
		return escaped, len("%40")
	}
	return plain, len("@")
}

func isWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("+-.", r)
	})
}

// isKnownScheme reports whether what stands before :// is a scheme that people
// give, and so no part of a password.
func isKnownScheme(s string) bool {
	return slices.Contains([]string{"http", "https", "ws", "wss", "ftp", "tcp", "postgres", "postgresql"}, strings.ToLower(s))
}

// isAuthority reports whether a text is a host, or a host and a port of digits.
func isAuthority(s string) bool {
	var port string // with its colon
	if end := strings.LastIndex(s, "]"); strings.HasPrefix(s, "[") && end > 0 {
		if _, err := netip.ParseAddr(strings.ReplaceAll(s[1:end], "%25", "%")); err != nil {
			return false
		}
		port = s[end+1:]
	} else {
		host := s
		if i := strings.IndexByte(s, ':'); i >= 0 {
			host, port = s[:i], s[i:]
		}
		if !isWord(strings.ReplaceAll(host, "_", "")) {
			return false
		}
	}
	return port == "" || port[0] == ':' && len(port) <= len(":65535") && strings.Trim(port[1:], "0123456789") == ""
}

// What may be secret in a message.
var (
	// An address in quotes may have blanks, as a password may.
	quotedURL = regexp.MustCompile(`"[a-zA-Z][a-zA-Z0-9+.-]*://[^"]*"`)
	// Any other begins with a scheme and ends with a blank or a quote.
	inText = regexp.MustCompile("[a-zA-Z][a-zA-Z0-9+.-]*://[^\\s\"'`<>]+")
	// A user and a password may stand before a host without a scheme.
	loneUser = regexp.MustCompile("[^\\s\"'`/:@=({\\[]+:([^\\s\"'`/@][^\\s\"'`@]*)?@")
	// A query may follow a path without a host.
	loneQuery = regexp.MustCompile("\\?[^\\s\"'`=]+=[^\\s\"'`]*")
	// net/url quotes what it could not read.
	anyQuoted = regexp.MustCompile(`(ParseAddr\()?"[^"]*"\)?`)
	quoted    = regexp.MustCompile(`(invalid port|invalid URL escape|invalid host:|invalid character)[^"]*"[^"]*"\)?`)
)

// placeholder shows in messages where a user and a password belong.
const placeholder = "USER:PASSWORD@"

// Clean returns a message in which each URL is as [Shown] has it. The message
// may be anybody's: that of a library, say, which quotes the URL that it called.
// A user and a password that are USER:PASSWORD stay.
func Clean(message string) string {
	parts := strings.Split(message, placeholder)
	for i, part := range parts {
		parts[i] = clean(part)
	}
	return strings.Join(parts, placeholder)
}

func clean(message string) string {
	message = quoted.ReplaceAllString(message, "$1")
	message = quotedURL.ReplaceAllStringFunc(message, func(found string) string {
		return `"` + Shown(found[1:len(found)-1]) + `"`
	})
	message = inText.ReplaceAllStringFunc(message, func(found string) string {
		address := strings.TrimRight(found, ".,;:)}")
		if strings.HasSuffix(address, "://") {
			return found // a scheme alone, as in "must begin with https://"
		}
		return Shown(address) + found[len(address):]
	})
	message = loneUser.ReplaceAllString(message, hidden+"@")
	return loneQuery.ReplaceAllString(message, "?"+hidden)
}

// Reason returns why [url.Parse] could not read a URL, without the URL.
func Reason(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return strings.Join(strings.Fields(anyQuoted.ReplaceAllString(err.Error(), "")), " ")
}
