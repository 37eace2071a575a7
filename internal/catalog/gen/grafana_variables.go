package main

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"onsale/internal/catalog"
)

// windows are what rates may be taken over. The first fits a scrape every
// second, the last a day on the screen.
//
// The window is a choice of the reader's and not Grafana's $__rate_interval: a
// minute is what the alerts judge by, so that a line in a panel crosses its
// threshold when the alert's condition holds, whatever the panel's width.
const windows = "10s,30s,1m,5m,15m,1h"

// defaultWindow is the window of the alerts' rates.
const defaultWindow = "1m"

// variables are what the reader chooses at the top of a dashboard.
func variables() []dashboard.VariableModel {
	const jobs = "label_values(up, job)"
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
			Current: option(catalog.DefaultSettings().Job, catalog.DefaultSettings().Job),
			Refresh: new(dashboard.VariableRefreshOnTimeRangeChanged),
			Sort:    new(dashboard.VariableSortAlphabeticalAsc),
		},
		{
			Type: dashboard.VariableTypeInterval, Name: "window", Label: new("Window"),
			Description: new("What rates and quantiles are taken over. Choose a longer one for a longer time range."),
			Query:       &dashboard.StringOrMap{String: new(windows)},
			Options:     windowOptions(),
			Current:     option(defaultWindow, defaultWindow),
			Refresh:     new(dashboard.VariableRefreshOnTimeRangeChanged),
		},
	}
}

func windowOptions() []dashboard.VariableOption {
	var options []dashboard.VariableOption
	for w := range strings.SplitSeq(windows, ",") {
		o := option(w, w)
		o.Selected = new(w == defaultWindow)
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
