// Package export writes what the catalogue holds for servers that people run
// themselves: rules and a configuration of Prometheus, a configuration of
// Alertmanager, dashboards and alert rules of Grafana, and the runbooks.
//
// `onsale export` and `make generate` write the same bytes: what is committed
// under deploy/ and docs/runbooks is the set of [DefaultOptions].
package export

import (
	"maps"
	"slices"
	"strings"

	"onsale/internal/catalog"
)

// Options say for whom the catalogue is written.
type Options struct {
	// Settings are the scrape job, the thresholds and the address of the runbooks.
	Settings catalog.Settings
	// Pace is how often the user's Prometheus scrapes and evaluates.
	Pace catalog.Pace
	// Labels are set on all alerts, beside those that they have.
	Labels map[string]string
	// Severities replace those of the catalogue, by the name of the alert.
	Severities map[string]catalog.Severity
	// Metrics is what the service exports. What needs other series is left out. nil:
	// nothing is.
	Metrics *Metrics
	// Receiver is where a Grafana sends alerts to. Its zero value is Discord.
	Receiver Receiver
	// Editable lets people save the dashboards in Grafana's page. What they save is in Grafana's
	// database alone, until the file of the dashboard changes.
	Editable bool
}

// DefaultOptions are those of what is committed.
func DefaultOptions() Options {
	return Options{Settings: catalog.DefaultSettings(), Pace: catalog.Real()}
}

// File is a file to write.
type File struct {
	// Name is its path below the directory that the user chose, with slashes.
	Name    string
	Content []byte
}

// LeftOut is something that the service has no series for.
type LeftOut struct {
	// What is an alert, a recording rule or a panel, in words.
	What string
	// Missing are the series that it would need.
	Missing []string
}

func (l LeftOut) String() string { return l.What + ": no " + strings.Join(l.Missing, ", no ") }

// Set is what is exported: the part of the catalogue that the service has series
// for, with the user's labels and severities.
type Set struct {
	// LeftOutRules and LeftOutPanels are the other part.
	LeftOutRules, LeftOutPanels []LeftOut

	options    Options
	recordings []catalog.Recording
	alerts     []catalog.Alert
	dashboards []catalog.Dashboard
}

// New returns what there is to export. An error names the option that makes no
// sense, by the flag that sets it.
func New(o Options) (*Set, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Set{
		options:    o,
		recordings: catalog.Recordings(o.Settings, o.Pace),
		alerts:     catalog.Alerts(o.Settings, o.Pace),
		dashboards: catalog.DashboardsOf(o.Settings),
	}
	if o.Metrics != nil {
		if err := s.judge(); err != nil {
			return nil, err
		}
	}
	for i := range s.alerts {
		a := &s.alerts[i]
		if severity, ok := o.Severities[a.Name]; ok {
			a.Severity = severity
		}
		a.Labels = labelsOf(*a, o.Labels)
	}
	return s, nil
}

// labelsOf adds the user's labels to an alert's. Prometheus reads them as
// templates, which they are not.
func labelsOf(a catalog.Alert, labels map[string]string) map[string]string {
	all := maps.Clone(a.Labels)
	if all == nil {
		all = make(map[string]string)
	}
	for name, value := range labels {
		all[name] = strings.ReplaceAll(value, "{{", `{{"{{"}}`)
	}
	return all
}

// Rules returns the rule file of Prometheus.
func (s *Set) Rules() ([]byte, error) {
	return catalog.EncodeRules(s.recordings, s.alerts, s.options.Settings, s.options.Pace)
}

// Runbooks returns a page for each alert and their index, README.md, in Markdown.
func (s *Set) Runbooks() []File {
	files := []File{{"README.md", catalog.RunbookIndex(s.alerts)}}
	for _, a := range s.alerts {
		files = append(files, File{a.Name + ".md", catalog.Runbook(a)})
	}
	return files
}

// Ours reports whether a file that exists was written by this package, so that it
// may be overwritten.
func Ours(content []byte) bool {
	text := string(content[:min(len(content), headLength)])
	if strings.Contains(text, catalog.Generated) {
		return true
	}
	return isDashboard(content)
}

// headLength is where a file says at the latest by what it was generated, in bytes.
const headLength = 200

// names lists the names of a map for an error.
func names[V any](m map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// header is the first lines of a YAML file: what generated it, and what it is.
func header(about ...string) string {
	return "# " + strings.Join(append([]string{catalog.Generated}, about...), "\n# ") + "\n"
}
