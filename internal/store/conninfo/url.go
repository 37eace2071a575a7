package conninfo

import (
	"maps"
	"net/url"
	"os"
	"strings"
	"unicode"
)

// parts are the parts of a URL, not decoded.
type parts struct {
	user, password string
	hosts          string
	database       string
	query          string
	// queryAt is the index of the query; the URL's length if there is none.
	queryAt int
}

// readURL parses what follows the scheme. An '@' ends the user and the password, but a
// password can contain a raw '@'. So the URL is parsed once for each '@', and exactly one
// of the results must be valid. This also allows other raw characters in a password.
func readURL(rest string, jdbc bool) (settings, error) {
	var readings []parts
	for at := -1; at < len(rest); {
		if p, err := readAt(rest, at); err == nil {
			readings = append(readings, p)
		}
		next := strings.IndexByte(rest[at+1:], '@')
		if next < 0 {
			break
		}
		at += 1 + next
	}
	switch {
	case len(readings) == 0:
		_, err := readAt(rest, strings.LastIndexByte(rest, '@'))
		return nil, err
	case len(readings) > 1 && !readings[0].hasLater(rest):
		return nil, malformed("the user or the password has a raw '@', and the URL can be read in two ways: write '@' as %%40, and '/' as %%2F")
	}
	return readings[0].settings(jdbc)
}

// hasLater reports whether every '@' after the hosts is in the query, and all settings in
// the query are known. Then this reading of the URL is the right one.
func (p parts) hasLater(rest string) bool {
	if strings.Contains(p.database, "@") || p.queryAt == len(rest) {
		return false
	}
	for pair := range strings.SplitSeq(p.query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if _, known := keywords[name]; !known {
			return false
		}
	}
	return true
}

// readAt parses a URL whose user and password end before the '@' at the given index. The
// index is -1 for a URL without a user.
func readAt(rest string, at int) (p parts, err error) {
	if at >= 0 {
		p.user, p.password, _ = strings.Cut(rest[:at], ":")
	}
	behind := rest[at+1:]
	behind, p.query, _ = strings.Cut(behind, "?")
	p.queryAt = min(at+1+len(behind)+1, len(rest))
	p.hosts, p.database, _ = strings.Cut(behind, "/")
	if i := strings.IndexAny(p.user, "/?#"); i >= 0 {
		return p, malformed("the user has a raw '%c': write it as %%%02X", p.user[i], p.user[i])
	}
	for host := range strings.SplitSeq(p.hosts, ",") {
		if err := checkHost(host, at >= 0); err != nil {
			return p, err
		}
	}
	for _, raw := range `#/:[]"'<>\ ` {
		if strings.ContainsRune(p.database, raw) {
			return p, malformed("the database's name has a raw '%c': write it as %%%02X", raw, raw)
		}
	}
	if p.query != "" && !validQuery(p.query) {
		return p, malformed("a setting after the '?' is not written as NAME=VALUE")
	}
	return p, nil
}

// checkHost checks a host with its port.
func checkHost(host string, behindAt bool) error {
	name, port := host, ""
	if end := strings.LastIndexByte(host, ']'); strings.HasPrefix(host, "[") && end > 0 {
		name, port = host[1:end], host[end+1:]
		if strings.Trim(name, "0123456789abcdefABCDEF:.%") != "" && !strings.Contains(name, "%") {
			return malformed("the host in brackets is not an IPv6 address")
		}
	} else {
		if i := strings.IndexByte(host, ':'); i >= 0 {
			name, port = host[:i], host[i:]
		}
		if strings.ContainsFunc(name, isStrange) {
			return malformed("the host has a character that is not allowed in a host name")
		}
	}
	switch isPort := port == "" || port[0] == ':' && strings.Trim(port[1:], "0123456789") == ""; {
	case isPort:
		return nil
	case behindAt:
		return malformed("the port must be a number")
	}
	return malformed("the port must be a number, or the '@' between password and host is missing")
}

// isStrange reports whether a character is not allowed in a host name. '%' is allowed,
// because the directory of a socket is percent-encoded.
func isStrange(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-~%", r)
}

func validQuery(query string) bool {
	for pair := range strings.SplitSeq(query, "&") {
		name, _, found := strings.Cut(pair, "=")
		if pair != "" && (!found || !isName(name)) {
			return false
		}
	}
	return true
}

// settings decodes the parts.
func (p parts) settings(jdbc bool) (settings, error) {
	found := make(settings)
	var err error
	for _, part := range []struct{ keyword, name, raw string }{
		{"user", "user", p.user},
		{"password", "password", p.password},
	} {
		if found[part.keyword], err = decodeSecret(part.name, part.raw); err != nil {
			return nil, err
		}
	}
	if found["dbname"], err = url.PathUnescape(p.database); err != nil {
		return nil, malformed("the database's name has a raw '%%': write it as %%25")
	}
	if err := found.addHosts(p.hosts); err != nil {
		return nil, err
	}
	if err := found.addQuery(p.query, jdbc); err != nil {
		return nil, err
	}
	for name, value := range found {
		if value == "" {
			delete(found, name)
		}
	}
	return found, found.checkPlace()
}

// checkPlace returns an error if the settings have no host. The host can also come from
// libpq's environment variables, which the driver reads.
func (s settings) checkPlace() error {
	inEnvironment := os.Getenv("PGHOST") + os.Getenv("PGSERVICE") //nolint:forbidigo // the driver reads them as well
	if strings.Trim(s["host"], ",")+s["hostaddr"]+s["service"]+inEnvironment == "" {
		return malformed("the host is missing")
	}
	return nil
}

// decodeSecret decodes a user or a password. If it contains no valid escape, a '%' is
// taken literally. A raw '%' together with escapes is an error.
func decodeSecret(name, raw string) (string, error) {
	if decoded, err := url.PathUnescape(raw); err == nil {
		return decoded, nil
	}
	for i := 0; i+2 < len(raw); i++ {
		if raw[i] != '%' {
			continue
		}
		if _, err := url.PathUnescape(raw[i : i+3]); err == nil {
			return "", malformed("the %s has a raw '%%': write it as %%25", name)
		}
	}
	return raw, nil
}

// addHosts adds the hosts and their ports, in libpq's format of lists.
func (s settings) addHosts(list string) error {
	var names, ports []string
	for host := range strings.SplitSeq(list, ",") {
		name, port, _ := strings.Cut(host, ":")
		if end := strings.LastIndexByte(host, ']'); strings.HasPrefix(host, "[") {
			name, port = host[1:end], strings.TrimPrefix(host[end+1:], ":")
		}
		decoded, err := url.PathUnescape(name)
		if err != nil {
			return malformed("the host has a raw '%%': write it as %%25")
		}
		names, ports = append(names, decoded), append(ports, port)
	}
	s["host"], s["port"] = strings.Join(names, ","), strings.Join(ports, ",")
	return nil
}

// addQuery adds the settings after the question mark. A host there replaces the host of
// the URL. It can be given more than once, for several hosts, as in SQLAlchemy.
func (s settings) addQuery(query string, jdbc bool) error {
	given := make(settings)
	var hosts []string
	for pair := range strings.SplitSeq(query, "&") {
		name, raw, _ := strings.Cut(pair, "=")
		if pair == "" {
			continue
		}
		value, err := url.PathUnescape(raw)
		if err != nil && (name == "password" || name == "user") {
			value, err = decodeSecret(name, raw)
		}
		if err != nil {
			return malformed("a setting after the '?' has a raw '%%': write it as %%25")
		}
		if name == "host" {
			hosts = append(hosts, value)
			continue
		}
		given.add(name, value, jdbc)
	}
	if len(hosts) > 0 {
		s.replaceHosts(hosts)
	}
	maps.Copy(s, given)
	return nil
}

// replaceHosts replaces the hosts by those of a query, which can have ports too.
func (s settings) replaceHosts(hosts []string) {
	ports := make([]string, len(hosts))
	for i, host := range hosts {
		if name, port, found := strings.Cut(host, ":"); found && port != "" && strings.Trim(port, "0123456789") == "" {
			hosts[i], ports[i] = name, port
		}
		hosts[i] = strings.Trim(hosts[i], "[]")
	}
	list := strings.Join(hosts, ",")
	if own := strings.Join(ports, ","); strings.Trim(own, ",") != "" {
		s["port"] = own
	} else if strings.Count(s["port"], ",") != strings.Count(list, ",") && strings.Contains(s["port"], ",") {
		delete(s, "port")
	}
	s["host"] = list
}
