package server

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Limits of [CheckAllowedHosts].
const (
	maxAllowedHosts = 100
	maxHostName     = 253 // characters, as in DNS
	maxHostLabel    = 63  // characters between two dots, as in DNS
)

// dockerHost is the name by which containers of Docker Desktop reach their host. The
// domain .internal is not in the public DNS.
const dockerHost = "host.docker.internal"

// hostRule decides which Host values are accepted, as a protection against DNS
// rebinding.
//
// The owner of evil.example can change its DNS record to 127.0.0.1 after a browser has
// loaded a page from it. To the browser, this server then belongs to the page's own
// origin, so the page can send any request and read the answer. The Host of these
// requests is still evil.example. Without a token, the server therefore accepts only
// Hosts that nobody can register in the public DNS.
type hostRule struct {
	off   bool            // a token protects the server, so any Host is accepted
	names map[string]bool // the names that the operator allows, in lower case
}

func newHostRule(protected bool, allowed []string) hostRule {
	rule := hostRule{off: protected, names: make(map[string]bool, len(allowed))}
	for _, name := range allowed {
		rule.names[canonicalName(name)] = true
	}
	return rule
}

// canonicalName returns the form in which names are compared: in lower case and without
// the final dot of a fully qualified name.
func canonicalName(name string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
}

// allows reports whether a request with this Host is accepted.
func (h hostRule) allows(host string) bool {
	if h.off || host == "" { // browsers always send a Host; probes over HTTP/1.0 need not
		return true
	}
	name, ok := hostName(host)
	if !ok {
		return false
	}
	// Other spellings of an address, such as 0x7f.1 or 2130706433, need no case here:
	// browsers send them as 127.0.0.1.
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	if !isHostName(name) {
		return false
	}
	name = strings.ToLower(name)
	switch {
	case name == dockerHost, strings.HasSuffix(name, ".localhost"):
		return true
	case !strings.Contains(name, "."):
		// Such as localhost, api or the machine's own name: nobody can register such a
		// domain. With a final dot it is a top-level domain, which can have an address.
		return true
	}
	return h.names[canonicalName(name)]
}

// hostName returns the name or address in a Host, without port and brackets; ok is false
// for a malformed Host.
func hostName(host string) (name string, ok bool) {
	name, port := host, ""
	switch {
	case strings.HasPrefix(host, "["):
		inside, rest, closed := strings.Cut(host[1:], "]")
		addr, err := netip.ParseAddr(inside)
		if !closed || err != nil || !addr.Is6() || rest != "" && rest[0] != ':' {
			return "", false
		}
		name, port = inside, strings.TrimPrefix(rest, ":")
	case strings.Count(host, ":") == 1:
		name, port, _ = strings.Cut(host, ":")
	}
	if port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return "", false
		}
	}
	return name, true
}

// isHostName reports whether the text is a name as browsers send it: labels of letters,
// digits, hyphens and underscores, separated by dots, with an optional final dot.
// Browsers send names in other scripts in Punycode.
func isHostName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > maxHostName {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxHostLabel || strings.ContainsFunc(label, notInLabel) {
			return false
		}
	}
	return true
}

func notInLabel(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// CheckAllowedHosts returns an error unless the list has at most 100 entries and each is
// a host name without scheme, port and path. Spaces around a name are ignored.
func CheckAllowedHosts(names []string) error {
	if len(names) > maxAllowedHosts {
		return fmt.Errorf("must have at most %d names, not %d", maxAllowedHosts, len(names))
	}
	for _, name := range names {
		if !isHostName(strings.TrimSpace(name)) {
			return fmt.Errorf("must have host names like onsale.example.com, without scheme, port or *, not %q", name)
		}
	}
	return nil
}
