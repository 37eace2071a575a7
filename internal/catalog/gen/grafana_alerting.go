package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"onsale/internal/catalog"
)

const (
	// alertingFiles is where Grafana looks for what it provisions at its start.
	alertingFiles = "deploy/grafana/provisioning/alerting/"
	// grafanaInterval is how often Grafana evaluates: as often as it can.
	grafanaInterval = 10 * time.Second
	// lookBack is the range of time that Grafana names with a query. It asks for
	// the newest value alone, so that it only shows in its editor.
	lookBack = 10 * time.Minute
	receiver = "discord"
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

// writeGrafanaAlerting writes what makes Grafana alert by itself, for those who
// run it beside a Prometheus that has the rule file: some of the conditions read
// what that records.
func writeGrafanaAlerting(root string) error {
	settings, pace := catalog.DefaultSettings(), catalog.Real()
	for _, f := range []struct {
		name, about string
		content     provisioned
	}{
		{
			"rules.yaml", "The alerts. Prometheus must have the rules of deploy/prometheus/rules.yml: some conditions read what they record.",
			provisioned{Groups: []ruleGroup{grafanaRules(settings, pace)}},
		},
		{
			"contact-points.yaml", "Where alerts go. Grafana takes DISCORD_URL and DISCORD_MENTION from its environment, and does not start without the first.",
			provisioned{ContactPoints: []contactPoint{discord()}},
		},
		{"policies.yaml", "Which alerts go there: all.", provisioned{Policies: []policy{grouped(pace)}}},
	} {
		f.content.APIVersion = 1
		var out bytes.Buffer
		fmt.Fprintf(&out, "# %s\n# %s\n", catalog.Generated, f.about)
		enc := yaml.NewEncoder(&out)
		enc.SetIndent(2)
		if err := enc.Encode(f.content); err != nil {
			return fmt.Errorf("write %s: %w", f.name, err)
		}
		if err := writeFile(root, alertingFiles+f.name, out.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func grafanaRules(s catalog.Settings, p catalog.Pace) ruleGroup {
	group := ruleGroup{OrgID: 1, Name: "onsale", Folder: "Onsale", Interval: span(grafanaInterval)}
	for _, a := range catalog.Alerts(s, p) {
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
		for name, text := range a.Annotations(s) {
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
	return contactPoint{OrgID: 1, Name: receiver, Receivers: []messenger{{
		UID: "onsale-discord", Type: "discord",
		Settings: map[string]any{
			"url":                  "$DISCORD_URL",
			"use_discord_username": false,
			"message": `{{ if and (eq .Status "firing") (eq .CommonLabels.severity "critical") }}$DISCORD_MENTION {{ end }}` +
				`{{ template "default.message" . }}`,
		},
	}}}
}

// grouped sends everything there, grouped as Alertmanager does it.
func grouped(p catalog.Pace) policy {
	g := p.Grouping()
	return policy{
		OrgID: 1, Receiver: receiver, GroupBy: []string{"grafana_folder", "alertname"},
		GroupWait: span(g.Wait), GroupInterval: span(g.Interval), RepeatInterval: span(g.Repeat),
	}
}

// span writes a time as Grafana reads it.
func span(d time.Duration) string { return model.Duration(d).String() }
