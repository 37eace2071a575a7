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

// dockerHost is the name by which containers of Docker Desktop reach the machine
// they run on. The domain .internal is not in the public DNS.
const dockerHost = "host.docker.internal"

// hostRule decides which Host a request may name.
//
// A page of evil.example can let DNS answer 127.0.0.1 for its own name from some
// moment on. To the browser a request to this server is then one to the page's own
// origin, so that the page may send and read whatever it likes. The Host gives it
// away, since it names evil.example. Where no token protects the server, only those
// Hosts pass for which nobody can put an answer into the public DNS.
type hostRule struct {
	off   bool            // a token protects the server, so that the Host does not matter
	names map[string]bool // what the operator allows, in lower case
}

func newHostRule(protected bool, allowed []string) hostRule {
	rule := hostRule{off: protected, names: make(map[string]bool, len(allowed))}
	for _, name := range allowed {
		rule.names[canonicalName(name)] = true
	}
	return rule
}

// canonicalName returns the form in which names are compared. A name with dots is the
// same with another one at its end, which stands for the root of DNS.
func canonicalName(name string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), "."))
}

// allows reports whether a request with this Host may be answered.
func (h hostRule) allows(host string) bool {
	if h.off || host == "" { // browsers always send one; probes in HTTP/1.0 may not
		return true
	}
	name, ok := hostName(host)
	if !ok {
		return false
	}
	// Other spellings of an address do not count: a browser that is given 0x7f.1 or
	// 2130706433 sends 127.0.0.1.
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
		// localhost, api, the machine's own name: nobody can register such a domain.
		// With a dot at its end it is a top-level domain, which can have an address.
		return true
	}
	return h.names[canonicalName(name)]
}

// hostName returns the name or address in a Host, without port and brackets. It
// reports false for a Host that is malformed.
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

// isHostName reports whether the text is a name as browsers send it: letters,
// digits, hyphens and underscores between dots, and maybe a dot at the end. Names
// in other scripts are sent in Punycode.
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

// CheckAllowedHosts returns an error if the list is not one of host names, without
// scheme, port and path, or has more than 100. Spaces around a name do not matter.
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
