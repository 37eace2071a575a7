package export

import (
	"fmt"
	"strings"
	"time"

	"onsale/internal/catalog"
)

const (
	// grafanaInterval is how often Grafana evaluates: as often as it can.
	grafanaInterval = 10 * time.Second
	// lookBack is the range of time that Grafana names with a query. It asks for
	// the newest value alone, so that it only shows in its editor.
	lookBack = 10 * time.Minute
)

// The files, in the shape of Grafana's file provisioning.
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

// alerting are the files that make Grafana alert by itself, for those who run it
// beside a Prometheus that has the rule file: some of the conditions read what
// that records.
func (s *Set) alerting() ([]File, error) {
	var files []File
	point, to := discord(), "Where alerts go. Grafana takes DISCORD_URL and DISCORD_MENTION from its environment, and does not start without the first."
	if s.options.Receiver.URL != "" {
		point, to = s.options.Receiver.contactPoint(), "Where alerts go: to onsale receiver, which delivers to Discord."
	}
	for _, f := range []struct {
		name, about string
		content     provisioned
	}{
		{
			"rules.yaml", "The alerts. Prometheus must have the rules that `onsale export rules` writes: some conditions read what they record.",
			provisioned{Groups: []ruleGroup{s.grafanaRules()}},
		},
		{
			"contact-points.yaml", to,
			provisioned{ContactPoints: []contactPoint{point}},
		},
		{"policies.yaml", "Which alerts go there: all.", provisioned{Policies: []policy{grouped(point.Name, s.options.Pace)}}},
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
			// No result is how Prometheus says that all is well; what is gone,
			// InstanceDown and MetricsMissing look for. A Prometheus that cannot be
			// asked is told of once, by InstanceDown, and not by every alert.
			NoDataState: "OK", ExecErrState: "OK",
			// As in Prometheus, a series that is gone resolves its alert at once.
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
			// Grafana has the value of each query by the query's name.
			rule.Annotations[name] = strings.ReplaceAll(text, "$value", "$values.A.Value")
		}
		group.Rules = append(group.Rules, rule)
	}
	return group
}

// condition makes Grafana fire for each result that the expression has, whatever
// its value, as Prometheus does.
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

// discord is the contact point. Grafana fills in the variables at its start, so
// that the URL, which is a secret, is in no file.
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

// grouped sends everything to a contact point, grouped as Alertmanager does it.
func grouped(to string, p catalog.Pace) policy {
	g := p.Grouping()
	return policy{
		OrgID: 1, Receiver: to, GroupBy: []string{"grafana_folder", "alertname"},
		GroupWait: span(g.Wait), GroupInterval: span(g.Interval), RepeatInterval: span(g.Repeat),
	}
}
