// Package export generates files from the catalogue for monitoring servers that
// people run themselves: Prometheus rules and configuration, Alertmanager
// configuration, Grafana dashboards and alert rules, and the runbooks.
//
// `onsale export` and `make generate` write the same bytes: the committed files
// under deploy/ and docs/runbooks are the output for [DefaultOptions].
package export

import (
	"maps"
	"slices"
	"strings"

	"onsale/internal/catalog"
)

// Options adapt the output to the user's environment.
type Options struct {
	// Settings contain the scrape job, the thresholds and the address of the
	// runbooks.
	Settings catalog.Settings
	// Pace is how often the user's Prometheus scrapes and evaluates.
	Pace catalog.Pace
	// Labels are added to all alerts.
	Labels map[string]string
	// Severities override the catalogue's severities, by alert name.
	Severities map[string]catalog.Severity
	// Metrics are the series that the service exports. Alerts and panels that need
	// other series are left out. nil: nothing is left out.
	Metrics *Metrics
	// Receiver is where Grafana sends alerts. The zero value means Discord.
	Receiver Receiver
	// Editable lets people save the dashboards in Grafana's page. What they save is in Grafana's
	// database alone, until the file of the dashboard changes.
	Editable bool
}

// DefaultOptions returns the options of the committed files.
func DefaultOptions() Options {
	return Options{Settings: catalog.DefaultSettings(), Pace: catalog.Real()}
}

// File is a file to write.
type File struct {
	// Name is the path below the user's directory, with slashes.
	Name    string
	Content []byte
}

// LeftOut is an alert, rule or panel that was left out because the service lacks
// its series.
type LeftOut struct {
	// What describes the alert, recording rule or panel.
	What string
	// Missing are the series that it needs and the service lacks.
	Missing []string
}

func (l LeftOut) String() string { return l.What + ": no " + strings.Join(l.Missing, ", no ") }

// Set is the exported part of the catalogue: everything that the service has series
// for, with the user's labels and severities.
type Set struct {
	// LeftOutRules and LeftOutPanels are the rest.
	LeftOutRules, LeftOutPanels []LeftOut

	options    Options
	recordings []catalog.Recording
	alerts     []catalog.Alert
	dashboards []catalog.Dashboard
}

// New returns the set for the options. The error for an invalid option names the
// flag that sets it.
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

// labelsOf adds the user's labels to an alert's labels. Prometheus expands label
// values as templates, so it escapes them.
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

// Rules returns the Prometheus rule file.
func (s *Set) Rules() ([]byte, error) {
	return catalog.EncodeRules(s.recordings, s.alerts, s.options.Settings, s.options.Pace)
}

// Runbooks returns a Markdown page for each alert and an index, README.md.
func (s *Set) Runbooks() []File {
	files := []File{{"README.md", catalog.RunbookIndex(s.alerts)}}
	for _, a := range s.alerts {
		files = append(files, File{a.Name + ".md", catalog.Runbook(a)})
	}
	return files
}

// Ours reports whether this package wrote an existing file, so that it may be
// overwritten.
func Ours(content []byte) bool {
	text := string(content[:min(len(content), headLength)])
	if strings.Contains(text, catalog.Generated) {
		return true
	}
	return isDashboard(content)
}

// headLength is how many bytes Ours searches for the generator's mark.
const headLength = 200

// names lists the keys of a map for an error message.
func names[V any](m map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}

// header returns the first lines of a YAML file: the generator's mark and a
// description.
func header(about ...string) string {
	return "# " + strings.Join(append([]string{catalog.Generated}, about...), "\n# ") + "\n"
}
