package export

import (
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// windows are the windows for rates. The shortest suits a scrape every second, the
// longest a chart of a day.
//
// The reader chooses the window; it is not Grafana's $__rate_interval. Alerts use
// one minute. With the same window, a line in a panel crosses its threshold exactly
// when the alert's condition is true, whatever the panel's width.
const windows = "10s,30s,1m,5m,15m,1h"

// window returns the window of the alerts' rates.
func (s *Set) window() string { return span(s.options.Pace.Scale(time.Minute)) }

// choices returns the windows to choose from, in ascending order.
func (s *Set) choices() []string {
	choices := strings.Split(windows, ",")
	if !slices.Contains(choices, s.window()) { // the demo pace has a shorter one
		choices = append([]string{s.window()}, choices...)
	}
	return choices
}

// variables returns the drop-down lists at the top of a dashboard.
func (s *Set) variables() []dashboard.VariableModel {
	const jobs = "label_values(up, job)"
	job := s.options.Settings.Job
	return []dashboard.VariableModel{
		{
			Type: dashboard.VariableTypeDatasource, Name: "datasource", Label: new("Data source"),
			Description: new("The Prometheus to query."),
			Query:       &dashboard.StringOrMap{String: new("prometheus")},
			Regex:       new(""),
			Current:     option("Prometheus", dataSourceUID),
			Refresh:     new(dashboard.VariableRefreshOnDashboardLoad),
		},
		{
			Type: dashboard.VariableTypeQuery, Name: "job", Label: new("Job"),
			Description: new("The scrape job to show."),
			Datasource:  dataSource(),
			Definition:  new(jobs),
			Query: &dashboard.StringOrMap{Map: map[string]any{
				"qryType": 1, // label values
				"query":   jobs,
				"refId":   "PrometheusVariableQueryEditor-VariableQuery",
			}},
			Regex:   new(""),
			Current: option(job, job),
			Refresh: new(dashboard.VariableRefreshOnTimeRangeChanged),
			Sort:    new(dashboard.VariableSortAlphabeticalAsc),
		},
		{
			Type: dashboard.VariableTypeInterval, Name: "window", Label: new("Window"),
			Description: new("The window for rates and quantiles. Choose a longer window for a longer time range."),
			Query:       &dashboard.StringOrMap{String: new(strings.Join(s.choices(), ","))},
			Options:     s.windowOptions(),
			Current:     option(s.window(), s.window()),
			Refresh:     new(dashboard.VariableRefreshOnTimeRangeChanged),
		},
	}
}

func (s *Set) windowOptions() []dashboard.VariableOption {
	var options []dashboard.VariableOption
	for _, w := range s.choices() {
		o := option(w, w)
		o.Selected = new(w == s.window())
		options = append(options, *o)
	}
	return options
}

func option(text, value string) *dashboard.VariableOption {
	return &dashboard.VariableOption{
		Selected: new(true),
		Text:     dashboard.StringOrArrayOfString{String: &text},
		Value:    dashboard.StringOrArrayOfString{String: &value},
	}
}
