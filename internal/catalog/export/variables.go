package export

import (
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// windows are what rates may be taken over. The first fits a scrape every
// second, the last a day on the screen.
//
// The window is a choice of the reader's and not Grafana's $__rate_interval: a
// minute is what the alerts judge by, so that a line in a panel crosses its
// threshold when the alert's condition holds, whatever the panel's width.
const windows = "10s,30s,1m,5m,15m,1h"

// window is the window of the alerts' rates.
func (s *Set) window() string { return span(s.options.Pace.Scale(time.Minute)) }

// choices are the windows that may be chosen, in rising order.
func (s *Set) choices() []string {
	choices := strings.Split(windows, ",")
	if !slices.Contains(choices, s.window()) { // the demo pace has the shortest
		choices = append([]string{s.window()}, choices...)
	}
	return choices
}

// variables are what the reader chooses at the top of a dashboard.
func (s *Set) variables() []dashboard.VariableModel {
	const jobs = "label_values(up, job)"
	job := s.options.Settings.Job
	return []dashboard.VariableModel{
		{
			Type: dashboard.VariableTypeDatasource, Name: "datasource", Label: new("Data source"),
			Description: new("The Prometheus that is asked."),
			Query:       &dashboard.StringOrMap{String: new("prometheus")},
			Regex:       new(""),
			Current:     option("Prometheus", dataSourceUID),
			Refresh:     new(dashboard.VariableRefreshOnDashboardLoad),
		},
		{
			Type: dashboard.VariableTypeQuery, Name: "job", Label: new("Job"),
			Description: new("The scrape job whose targets are shown."),
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
			Description: new("What rates and quantiles are taken over. Choose a longer one for a longer time range."),
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
