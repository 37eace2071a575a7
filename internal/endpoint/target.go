package endpoint

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxTargets limits the number of servers in --target, because their metrics share one
// database. More servers need file_sd_configs in a prometheus.yml.
const maxTargets = 1000

// ParseTargets turns the values of --target into URLs. A value can have several targets,
// separated by commas. A comma in a query separates only if a URL with a scheme follows.
func ParseTargets(values []string) ([]string, error) {
	var targets, same []string
	for _, value := range values {
		for _, text := range splitTargets(value) {
			u, err := parseTarget(text)
			if err != nil {
				return nil, err
			}
			key := sameTarget(u)
			if slices.Contains(same, key) {
				return nil, fmt.Errorf("--target names %s twice", Shown(u.String()))
			}
			targets, same = append(targets, u.String()), append(same, key)
		}
	}
	if len(targets) > maxTargets {
		return nil, fmt.Errorf("--target must name at most %d servers, not %d", maxTargets, len(targets))
	}
	return targets, nil
}

func splitTargets(value string) []string {
	var targets []string
	for part := range strings.SplitSeq(value, ",") {
		last := len(targets) - 1
		if last >= 0 && strings.Contains(targets[last], "?") && !strings.Contains(part, "://") {
			targets[last] += "," + part
			continue
		}
		targets = append(targets, part)
	}
	return targets
}

// sameTarget returns a key that is equal for all spellings of a target.
func sameTarget(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return fmt.Sprintf("%s %s %s %s %s", u.Scheme, strings.ToLower(u.Hostname()), port, MetricsPath(u), u.Query().Encode())
}

// MetricsPath returns the path of a target, /metrics if it has none.
func MetricsPath(u *url.URL) string {
	if u.Path == "" || u.Path == "/" {
		return "/metrics"
	}
	return u.Path
}

// likeTarget describes a target, for errors.
const likeTarget = "HOST:PORT, like 127.0.0.1:8000, or a URL, like https://shop.example/metrics"

// parseTarget parses one target: HOST:PORT with or without a path, or a URL. Its errors do not
// show a user, password or query.
func parseTarget(text string) (*url.URL, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, errors.New("--target must not have an empty element; each must be " + likeTarget)
	}
	base, query, hasQuery := strings.Cut(text, "?")
	hasScheme := strings.Contains(base, "://")
	if !hasScheme {
		base = "http://" + base
	}
	u, ok := ParseWebURL(base)
	switch {
	case strings.Contains(query, "@"):
		return nil, errors.New("--target must have no @ after its question mark, because a password could precede it: write %40")
	case !ok || !isHost(u):
		return nil, fmt.Errorf("--target must be %s, not %q", likeTarget, Shown(text))
	case u.User != nil:
		return nil, errors.New("--target must have neither a user nor a password, because pages show the target: use --target-username and --target-password-file of onsale monitor")
	case !isPort(u.Port()) && (u.Port() != "" || !hasScheme || strings.HasSuffix(u.Host, ":")):
		return nil, fmt.Errorf("--target must be %s, with a port between 1 and 65535, not %q", likeTarget, Shown(text))
	case u.Fragment != "" || strings.Contains(query, "#"):
		return nil, fmt.Errorf("--target must have no fragment, but %q has one", Shown(text))
	case u.RawPath != "":
		return nil, fmt.Errorf("--target must have no escaped characters like %%2F in its path, because Prometheus unescapes them, but %q has one", Shown(text))
	}
	if _, err := url.ParseQuery(query); err != nil {
		return nil, fmt.Errorf("--target must have a query like ?module=a&target=b, but that of %q is malformed", Shown(text))
	}
	if hasQuery {
		u.RawQuery = query
	}
	return u, nil
}

// isHost reports whether the host of a URL is valid: url.Parse also accepts a:b:80.
func isHost(u *url.URL) bool {
	isAddress := strings.HasPrefix(u.Host, "[")
	return isAddress || !strings.ContainsAny(u.Hostname(), ":\"'<>\\^`{|}*")
}

// isPort reports whether a text is a port number from 1 to 65535.
func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}
