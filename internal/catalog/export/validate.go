package export

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"onsale/internal/catalog"
)

const (
	// maxLabels limits the labels set on all alerts. maxText limits a label value
	// and the address of the runbooks, in bytes.
	maxLabels = 30
	maxText   = 1024
)

// labelName matches label names that all versions of Prometheus and Alertmanager
// accept.
var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// takenLabels distinguish alerts of different instances, routes and concerts. If
// all alerts had the same value, Prometheus could not evaluate the rules.
var takenLabels = []string{"alertname", "alertstate", "concert", "endpoint", "grafana_folder", "instance", "job", "series", "slo"}

// validate returns an error for the first invalid option. It names the flag that
// sets it.
func (o Options) validate() error {
	if err := o.Settings.Validate(); err != nil {
		return err
	}
	if err := checkRunbooks(o.Settings.Runbooks); err != nil {
		return err
	}
	if err := checkLabels(o.Labels); err != nil {
		return err
	}
	if err := o.Receiver.validate(); err != nil {
		return err
	}
	return checkSeverities(o)
}

func checkRunbooks(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return errors.New("--runbook-url must be a URL or a path")
	case u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https":
		return errors.New("--runbook-url must be a path, or a URL with http or https, because messages contain it as a link")
	case u.User != nil:
		return errors.New("--runbook-url must not contain a user or password, because messages contain it")
	case len(address) > maxText:
		return fmt.Errorf("--runbook-url must be at most %d bytes long, not %d", maxText, len(address))
	case !isText(address), strings.Contains(address, "{{"):
		return errors.New("--runbook-url must be UTF-8 without control characters and without {{, because alerts expand templates in it")
	}
	return nil
}

func checkLabels(labels map[string]string) error {
	if len(labels) > maxLabels {
		return fmt.Errorf("--label may be given at most %d times, not %d times", maxLabels, len(labels))
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		value := labels[name]
		switch {
		case !labelName.MatchString(name):
			return fmt.Errorf("--label: the name of a label must consist of letters, digits and _, not %q", name)
		case strings.HasPrefix(name, "__"):
			return fmt.Errorf("--label: names that start with __, such as %s, are reserved for Prometheus", name)
		case name == "severity":
			return errors.New("--label must not set severity: use --severity ALERT=SEVERITY for each alert")
		case slices.Contains(takenLabels, name):
			return fmt.Errorf("--label must not set %s, because it distinguishes alerts; reserved labels are %s", name, strings.Join(takenLabels, ", "))
		case value == "":
			return fmt.Errorf("--label: %s must have a value", name)
		case len(value) > maxText:
			return fmt.Errorf("--label: the value of %s must be at most %d bytes long, not %d", name, maxText, len(value))
		case !isText(value):
			return fmt.Errorf("--label: the value of %s must be UTF-8 without control characters", name)
		}
	}
	return nil
}

func checkSeverities(o Options) error {
	known := make(map[string]bool)
	for _, a := range catalog.Alerts(o.Settings, o.Pace) {
		known[a.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(o.Severities)) {
		if !known[name] {
			return fmt.Errorf("--severity: unknown alert %q; the alerts are %s", name, names(known))
		}
		switch severity := o.Severities[name]; severity {
		case catalog.Critical, catalog.Warning, catalog.Info:
		default:
			return fmt.Errorf("--severity: %s must be critical, warning or info, not %q", name, severity)
		}
	}
	return nil
}

// isText reports whether a text is valid in a label or an annotation.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) }
