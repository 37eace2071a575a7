package endpoint

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// hidden replaces a possible secret. A URL with it as the user, the host or the query is
// still a URL.
const hidden = "***"

// Shown returns a URL that errors, logs and pages can show: without user, password and query.
// The text can be malformed in any way. If it is not certain which part is the host, Shown
// hides all parts.
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

// cutAny is like [strings.Cut], but cuts at the first of several characters.
func cutAny(s, chars string) (before, after string, found bool) {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// lastAt returns the position and width in bytes of the @ or %40 that ends a user and a
// password; the position is -1 if there is none.
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

// isKnownScheme reports whether the text before :// is a common scheme, and so cannot be part
// of a password.
func isKnownScheme(s string) bool {
	return slices.Contains([]string{"http", "https", "ws", "wss", "ftp", "tcp", "postgres", "postgresql"}, strings.ToLower(s))
}

// isAuthority reports whether a text is a host, with or without a numeric port.
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

// The parts of a message that can contain a secret.
var (
	// A URL in quotes can contain blanks, because a password can.
	quotedURL = regexp.MustCompile(`"[a-zA-Z][a-zA-Z0-9+.-]*://[^"]*"`)
	// Any other URL begins with a scheme and ends before a blank or a quote.
	inText = regexp.MustCompile("[a-zA-Z][a-zA-Z0-9+.-]*://[^\\s\"'`<>]+")
	// A user and a password can precede a host without a scheme.
	loneUser = regexp.MustCompile("[^\\s\"'`/:@=({\\[]+:([^\\s\"'`/@][^\\s\"'`@]*)?@")
	// A query can follow a path without a host.
	loneQuery = regexp.MustCompile("\\?[^\\s\"'`=]+=[^\\s\"'`]*")
	// net/url quotes what it could not parse.
	anyQuoted = regexp.MustCompile(`(ParseAddr\()?"[^"]*"\)?`)
	quoted    = regexp.MustCompile(`(invalid port|invalid URL escape|invalid host:|invalid character)[^"]*"[^"]*"\)?`)
)

// placeholder stands for a user and a password in messages, and is not a secret.
const placeholder = "USER:PASSWORD@"

// Clean replaces each URL in a message by its [Shown] form. The message can come from a
// library that quotes a URL. Clean keeps the placeholder USER:PASSWORD.
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

// Reason returns why [url.Parse] failed, without the URL.
func Reason(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return strings.Join(strings.Fields(anyQuoted.ReplaceAllString(err.Error(), "")), " ")
}
