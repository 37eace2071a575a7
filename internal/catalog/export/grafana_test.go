package export_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"go.yaml.in/yaml/v3"

	"onsale/internal/catalog/export"
)

// dataSource is the UID of Prometheus in Grafana's files.
const dataSource = "prometheus"

// TestMain registers the kinds of panels with the SDK, so that it reads them with
// all their options.
func TestMain(m *testing.M) {
	known := cog.NewRuntime()
	known.RegisterPanelcfgVariant(timeseries.VariantConfig())
	known.RegisterPanelcfgVariant(stat.VariantConfig())
	known.RegisterPanelcfgVariant(bargauge.VariantConfig())
	known.RegisterPanelcfgVariant(heatmap.VariantConfig())
	known.RegisterPanelcfgVariant(statetimeline.VariantConfig())
	known.RegisterPanelcfgVariant(table.VariantConfig())
	known.RegisterDataqueryVariant(prometheus.VariantConfig())
	os.Exit(m.Run())
}

// defaults returns the committed set.
func defaults(t *testing.T) *export.Set {
	t.Helper()
	set, err := export.New(export.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// dashboards returns the files of a set's dashboards.
func dashboards(t *testing.T, set *export.Set) []export.File {
	t.Helper()
	files, err := set.Dashboards()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("the set has no dashboards")
	}
	return files
}

// TestGrafanaReadsTheDashboards parses each file with the SDK's strict types, which
// reject unknown fields.
func TestGrafanaReadsTheDashboards(t *testing.T) {
	t.Parallel()
	for _, f := range dashboards(t, defaults(t)) {
		text := f.Content
		if problems := refused(text); problems != "" {
			t.Errorf("%s: %s", f.Name, problems)
		}
		if misspelt := bytes.Replace(text, []byte(`"legendFormat"`), []byte(`"legend"`), 1); refused(misspelt) == "" {
			t.Error("an unknown field is not rejected")
		}
		for _, word := range []string{"__inputs", "\\u003", "/api/webhooks"} {
			if bytes.Contains(text, []byte(word)) {
				t.Errorf("%s contains %q", f.Name, word)
			}
		}
	}
}

// page is a dashboard as the SDK reads it.
//
//nolint:staticcheck // SA1019: only the newest Grafana reads the format that the SDK prefers.
type page = dashboard.Dashboard

// refused returns the SDK's errors, or an empty text. The SDK's strict parser
// always returns an error value, which is empty for a valid file.
func refused(text []byte) string {
	var g page
	if err := g.UnmarshalJSONStrict(text); err != nil {
		return err.Error()
	}
	return ""
}

// TestPanelsDoNotOverlap checks that ids are unique and that no two panels overlap.
func TestPanelsDoNotOverlap(t *testing.T) {
	t.Parallel()
	type cell struct{ x, y uint32 }
	for _, f := range dashboards(t, defaults(t)) {
		ids, taken := map[uint32]string{}, map[cell]string{}
		place := func(title string, id uint32, p *dashboard.GridPos) {
			if other, ok := ids[id]; ok {
				t.Errorf("%s: %q and %q have the id %d", f.Name, other, title, id)
			}
			ids[id] = title
			if p.W == 0 || p.H == 0 || p.X+p.W > 24 {
				t.Errorf("%s: %q is at %+v", f.Name, title, *p)
			}
			for x := p.X; x < p.X+p.W; x++ {
				for y := p.Y; y < p.Y+p.H; y++ {
					if other, ok := taken[cell{x, y}]; ok {
						t.Fatalf("%s: %q covers %q", f.Name, title, other)
					}
					taken[cell{x, y}] = title
				}
			}
		}
		var g page
		if err := json.Unmarshal(f.Content, &g); err != nil {
			t.Fatal(err)
		}
		for _, p := range g.Panels {
			if p.RowPanel != nil {
				place(*p.RowPanel.Title, p.RowPanel.Id, p.RowPanel.GridPos)
				continue
			}
			place(*p.Panel.Title, *p.Panel.Id, p.Panel.GridPos)
		}
	}
}

// TestEveryPanelQueriesTheChosenDataSource reads the JSON without the SDK's types,
// as Grafana does.
func TestEveryPanelQueriesTheChosenDataSource(t *testing.T) {
	t.Parallel()
	type source struct{ Type, UID string }
	chosen := source{"prometheus", "${datasource}"}
	for _, f := range dashboards(t, defaults(t)) {
		var g struct {
			Annotations struct{ List []struct{ Datasource source } }
			Templating  struct{ List []struct{ Name, Type string } }
			Panels      []struct {
				Type, Title, Description string
				Datasource               source
				FieldConfig              struct{ Defaults struct{ Unit string } }
				Targets                  []struct {
					Datasource              source
					Expr, RefID, EditorMode string
				}
			}
		}
		if err := json.Unmarshal(f.Content, &g); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, v := range g.Templating.List {
			names = append(names, v.Name)
		}
		if !slices.Equal(names, []string{"datasource", "job", "window"}) {
			t.Errorf("%s has the variables %q", f.Name, names)
		}
		if len(g.Annotations.List) != 1 || g.Annotations.List[0].Datasource != chosen {
			t.Errorf("%s has the annotations %+v", f.Name, g.Annotations.List)
		}
		for _, p := range g.Panels {
			if p.Type == "row" {
				continue
			}
			if p.Datasource != chosen || p.FieldConfig.Defaults.Unit == "" || p.Description == "" || len(p.Targets) == 0 {
				t.Errorf("%s: %q lacks a data source, a unit, a description or a query", f.Name, p.Title)
			}
			refs := map[string]bool{}
			for _, q := range p.Targets {
				if q.Datasource != chosen || q.Expr == "" || q.EditorMode != "code" || refs[q.RefID] {
					t.Errorf("%s: %q has the query %+v", f.Name, p.Title, q)
				}
				refs[q.RefID] = true
			}
		}
	}
}

// TestProvisioningFindsTheDashboards checks that the dashboards' default data
// source is the provisioned one, and that the files are valid YAML.
func TestProvisioningFindsTheDashboards(t *testing.T) {
	t.Parallel()
	set := defaults(t)
	files, err := set.Grafana(export.DefaultPrometheusURL)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		if !strings.HasPrefix(f.Name, "provisioning/d") {
			continue
		}
		found++
		name := f.Name
		var file struct {
			APIVersion  int `yaml:"apiVersion"`
			Datasources []struct {
				UID, Type, URL string
				JSONData       struct {
					TimeInterval string `yaml:"timeInterval"`
				} `yaml:"jsonData"`
			}
			Providers []struct{ Options struct{ Path string } }
		}
		if err := yaml.Unmarshal(f.Content, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if file.APIVersion != 1 || len(file.Datasources)+len(file.Providers) != 1 {
			t.Errorf("%s is %+v", name, file)
		}
		for _, s := range file.Datasources {
			if s.UID != dataSource || s.Type != "prometheus" || !strings.HasPrefix(s.URL, "http://") || s.JSONData.TimeInterval != "5s" {
				t.Errorf("%s has the data source %+v", name, s)
			}
		}
		for _, p := range file.Providers {
			if p.Options.Path != "/etc/grafana/dashboards" {
				t.Errorf("%s reads dashboards from %q", name, p.Options.Path)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d files of data sources and dashboards, want 2", found)
	}
	for _, f := range dashboards(t, set) {
		if !bytes.Contains(f.Content, []byte(`"value": "`+dataSource+`"`)) {
			t.Errorf("%s does not select the data source %q by default", f.Name, dataSource)
		}
	}
}
