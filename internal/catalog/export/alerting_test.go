package export_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"onsale/internal/catalog"
	"onsale/internal/catalog/export"
)

// alerting is a file of Grafana's alerting, with the fields that the tests check.
type alerting struct {
	APIVersion int `yaml:"apiVersion"`
	Groups     []struct {
		Folder string
		Rules  []struct {
			UID, Title, Condition, For string
			NoDataState                string `yaml:"noDataState"`
			ExecErrState               string `yaml:"execErrState"`
			Labels, Annotations        map[string]string
			Data                       []struct {
				RefID         string `yaml:"refId"`
				DatasourceUID string `yaml:"datasourceUid"`
				Model         map[string]any
			}
		}
	}
	ContactPoints []struct {
		Name      string
		Receivers []struct {
			Type     string
			Settings map[string]any
		}
	} `yaml:"contactPoints"`
	Policies []struct {
		Receiver       string
		GroupBy        []string `yaml:"group_by"`
		GroupWait      string   `yaml:"group_wait"`
		GroupInterval  string   `yaml:"group_interval"`
		RepeatInterval string   `yaml:"repeat_interval"`
	}
}

// readAlerting reads a file of a set.
func readAlerting(t *testing.T, set *export.Set, name string) (file alerting) {
	t.Helper()
	files, err := set.Grafana(export.DefaultPrometheusURL)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(files, func(f export.File) bool { return f.Name == "provisioning/alerting/"+name })
	if i < 0 {
		t.Fatalf("%s is missing", name)
	}
	if err := yaml.Unmarshal(files[i].Content, &file); err != nil {
		t.Fatal(err)
	}
	if file.APIVersion != 1 {
		t.Errorf("%s has API version %d", name, file.APIVersion)
	}
	return file
}

// Grafana has all alerts of Prometheus, with the same conditions.
func TestGrafanaHasEveryAlert(t *testing.T) {
	t.Parallel()
	groups := readAlerting(t, defaults(t), "rules.yaml").Groups
	alerts := catalog.Alerts(catalog.DefaultSettings(), catalog.Real())
	if len(groups) != 1 || groups[0].Folder == "" || len(groups[0].Rules) != len(alerts) {
		t.Fatalf("%d groups", len(groups))
	}
	uid := regexp.MustCompile(`^[a-z0-9-]{1,40}$`) // Grafana's limit
	for i, a := range alerts {
		rule := groups[0].Rules[i]
		if rule.Title != a.Name || !uid.MatchString(rule.UID) || rule.For != model.Duration(a.For).String() || rule.Labels["severity"] != string(a.Severity) {
			t.Errorf("rule %d is %s %s for %s", i, rule.UID, rule.Title, rule.For)
		}
		if got := rule.Data[0]; got.Model["expr"] != a.Expr || got.Model["instant"] != true || got.DatasourceUID != dataSource {
			t.Errorf("%s has the query %v", a.Name, got)
		}
		ids := make(map[string]bool)
		for _, q := range rule.Data {
			ids[q.RefID] = q.Model["refId"] == q.RefID
		}
		if !ids[rule.Condition] || !ids["B"] || rule.Data[2].Model["expression"] != "B" {
			t.Errorf("%s has the condition %s with the queries %v", a.Name, rule.Condition, rule.Data)
		}
		for name, text := range rule.Annotations {
			if strings.Contains(text, "$value ") || strings.Contains(text, "$value}") || strings.Contains(text, "${") {
				t.Errorf("%s: %s is not a Grafana template: %s", a.Name, name, text)
			}
		}
		if silent := rule.NoDataState == "OK" && rule.ExecErrState == "OK"; silent == (a.Name == "InstanceDown") {
			t.Errorf("%s: state without data %s, on errors %s", a.Name, rule.NoDataState, rule.ExecErrState)
		}
	}
}

// The webhook's URL is a secret: it is not in the file, and Grafana reads it from
// its environment.
func TestGrafanaSendsToDiscord(t *testing.T) {
	t.Parallel()
	points, policies := readAlerting(t, defaults(t), "contact-points.yaml").ContactPoints, readAlerting(t, defaults(t), "policies.yaml").Policies
	if len(points) != 1 || len(policies) != 1 || policies[0].Receiver != points[0].Name {
		t.Fatalf("contact points %v, policies %v", points, policies)
	}
	to := points[0].Receivers[0]
	if to.Type != "discord" || to.Settings["url"] != "$DISCORD_URL" || !strings.Contains(to.Settings["message"].(string), "$DISCORD_MENTION ") {
		t.Errorf("receiver %v", to)
	}
	p := policies[0]
	if p.GroupWait != "24s" || p.GroupInterval != "1m" || p.RepeatInterval != "4h" || !strings.Contains(strings.Join(p.GroupBy, " "), "alertname") {
		t.Errorf("policy %v", p)
	}
}
