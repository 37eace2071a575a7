package export

import (
	"fmt"
	"strings"
	"time"

	"onsale/internal/catalog"
)

const (
	// grafanaInterval is how often Grafana evaluates rules. 10 s is its minimum.
	grafanaInterval = 10 * time.Second
	// lookBack is the time range of a query in Grafana. The queries return only the
	// newest value, so it only shows in the editor.
	lookBack = 10 * time.Minute
)

// The files in the format of Grafana's file provisioning.
type (
	provisioned struct {
		APIVersion    int            `yaml:"apiVersion"`
		Groups        []ruleGroup    `yaml:"groups,omitempty"`
		ContactPoints []contactPoint `yaml:"contactPoints,omitempty"`
		Policies      []policy       `yaml:"policies,omitempty"`
	}
	ruleGroup struct {
		OrgID    int         `yaml:"orgId"`
		Name     string      `yaml:"name"`
		Folder   string      `yaml:"folder"`
		Interval string      `yaml:"interval"`
		Rules    []alertRule `yaml:"rules"`
	}
	alertRule struct {
		UID           string            `yaml:"uid"`
		Title         string            `yaml:"title"`
		Condition     string            `yaml:"condition"`
		Data          []query           `yaml:"data"`
		NoDataState   string            `yaml:"noDataState"`
		ExecErrState  string            `yaml:"execErrState"`
		For           string            `yaml:"for"`
		KeepFiringFor string            `yaml:"keepFiringFor,omitempty"`
		MissingEvals  int               `yaml:"missing_series_evals_to_resolve"`
		Labels        map[string]string `yaml:"labels"`
		Annotations   map[string]string `yaml:"annotations"`
		IsPaused      bool              `yaml:"isPaused"`
	}
	query struct {
		RefID         string         `yaml:"refId"`
		Range         timeSpan       `yaml:"relativeTimeRange"`
		DatasourceUID string         `yaml:"datasourceUid"`
		Model         map[string]any `yaml:"model"`
	}
	timeSpan struct {
		From int `yaml:"from"`
		To   int `yaml:"to"`
	}
	contactPoint struct {
		OrgID     int         `yaml:"orgId"`
		Name      string      `yaml:"name"`
		Receivers []messenger `yaml:"receivers"`
	}
	messenger struct {
		UID      string         `yaml:"uid"`
		Type     string         `yaml:"type"`
		Settings map[string]any `yaml:"settings"`
	}
	policy struct {
		OrgID          int      `yaml:"orgId"`
		Receiver       string   `yaml:"receiver"`
		GroupBy        []string `yaml:"group_by"`
		GroupWait      string   `yaml:"group_wait"`
		GroupInterval  string   `yaml:"group_interval"`
		RepeatInterval string   `yaml:"repeat_interval"`
	}
)

// alerting returns the files that let Grafana alert by itself. The Prometheus that
// it reads must have the rule file, because some conditions read its recordings.
func (s *Set) alerting() ([]File, error) {
	var files []File
	point, to := discord(), "Where alerts are sent. Grafana reads DISCORD_URL and DISCORD_MENTION from its environment, and does not start without DISCORD_URL."
	if s.options.Receiver.URL != "" {
		point, to = s.options.Receiver.contactPoint(), "Where alerts are sent: to onsale receiver, which delivers them to Discord."
	}
	for _, f := range []struct {
		name, about string
		content     provisioned
	}{
		{
			"rules.yaml", "The alerts. Prometheus must have the rules that `onsale export rules` writes, because some conditions read their recordings.",
			provisioned{Groups: []ruleGroup{s.grafanaRules()}},
		},
		{
			"contact-points.yaml", to,
			provisioned{ContactPoints: []contactPoint{point}},
		},
		{"policies.yaml", "The routing of alerts: all go to one contact point.", provisioned{Policies: []policy{grouped(point.Name, s.options.Pace)}}},
	} {
		f.content.APIVersion = 1
		text, err := encode(f.content, header(f.about))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		files = append(files, File{"provisioning/alerting/" + f.name, text})
	}
	return files, nil
}

func (s *Set) grafanaRules() ruleGroup {
	group := ruleGroup{OrgID: 1, Name: "onsale", Folder: "Onsale", Interval: span(grafanaInterval)}
	for _, a := range s.alerts {
		rule := alertRule{
			UID: "onsale-" + strings.ToLower(a.Name), Title: a.Name, Condition: "C", Data: condition(a.Expr),
			// An empty result means that all is well in Prometheus. InstanceDown
			// and MetricsMissing detect missing series. If Prometheus does not
			// respond, only InstanceDown reports it, not every alert.
			NoDataState: "OK", ExecErrState: "OK",
			// As in Prometheus, a series that ends resolves its alert immediately.
			MissingEvals: 1,
			For:          span(a.For), Labels: a.AllLabels(), Annotations: make(map[string]string),
		}
		if a.Name == "InstanceDown" {
			rule.ExecErrState = "Error"
		}
		if a.KeepFiringFor > 0 {
			rule.KeepFiringFor = span(a.KeepFiringFor)
		}
		for name, value := range rule.Labels {
			rule.Labels[name] = literal(value)
		}
		for name, text := range a.Annotations(s.options.Settings) {
			// Grafana provides the value of each query under the query's name.
			rule.Annotations[name] = strings.ReplaceAll(text, "$value", "$values.A.Value")
		}
		group.Rules = append(group.Rules, rule)
	}
	return group
}

// condition makes Grafana fire for each result of the expression, whatever its
// value, as Prometheus does.
func condition(expr string) []query {
	window := timeSpan{From: int(lookBack.Seconds())}
	return []query{
		{RefID: "A", Range: window, DatasourceUID: dataSourceUID, Model: map[string]any{
			"refId": "A", "expr": expr, "instant": true, "range": false, "editorMode": "code",
		}},
		{RefID: "B", Range: window, DatasourceUID: "__expr__", Model: map[string]any{
			"refId": "B", "type": "math", "expression": "is_number($A) || is_nan($A) || is_inf($A)",
		}},
		{RefID: "C", Range: window, DatasourceUID: "__expr__", Model: map[string]any{
			"refId": "C", "type": "threshold", "expression": "B",
			"conditions": []map[string]any{{"evaluator": map[string]any{"type": "gt", "params": []int{0}}}},
		}},
	}
}

// discord returns the contact point for Discord. Grafana replaces the variables at
// its start, so the URL, which is a secret, is not in the file.
func discord() contactPoint {
	return contactPoint{OrgID: 1, Name: discordReceiver, Receivers: []messenger{{
		UID: "onsale-discord", Type: "discord",
		Settings: map[string]any{
			"url":                  "$DISCORD_URL",
			"use_discord_username": false,
			"message":              critical("$DISCORD_MENTION ") + `{{ template "default.message" . }}`,
		},
	}}}
}

// grouped returns the policy that sends everything to a contact point, grouped as
// Alertmanager groups it.
func grouped(to string, p catalog.Pace) policy {
	g := p.Grouping()
	return policy{
		OrgID: 1, Receiver: to, GroupBy: []string{"grafana_folder", "alertname"},
		GroupWait: span(g.Wait), GroupInterval: span(g.Interval), RepeatInterval: span(g.Repeat),
	}
}
