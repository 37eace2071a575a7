package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
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

	"onsale/internal/catalog"
)

// repository is the root of this module, seen from this package.
const repository = "../../.."

// TestMain tells the SDK what the panels may be, so that it reads them with all
// their options.
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

// TestDashboardsAreCommitted compares what the generator writes with what
// stands in the repository: the files written, and no other beside them.
func TestDashboardsAreCommitted(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := writeDashboards(root); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"dashboards", "provisioning/dashboards", "provisioning/datasources"} {
		dir = "deploy/grafana/" + dir
		want := read(t, os.DirFS(root), dir)
		got := read(t, os.DirFS(repository), dir)
		for name, text := range want {
			if !bytes.Equal(got[name], text) {
				t.Errorf("%s is not what the generator writes; run make generate", name)
			}
			delete(got, name)
		}
		if len(got) > 0 {
			t.Errorf("the generator does not write %q", slices.Sorted(maps.Keys(got)))
		}
	}
}

// read returns the files of a directory by path.
func read(t *testing.T, tree fs.FS, dir string) map[string][]byte {
	t.Helper()
	names, err := fs.Glob(tree, dir+"/*")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = fs.ReadFile(tree, name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestGrafanaReadsTheDashboards reads each file back as the SDK's types do,
// which know every field of Grafana's and refuse all others.
func TestGrafanaReadsTheDashboards(t *testing.T) {
	t.Parallel()
	for _, d := range catalog.Dashboards() {
		text, err := dashboardJSON(d)
		if err != nil {
			t.Fatal(err)
		}
		if problems := refused(text); problems != "" {
			t.Errorf("%s: %s", d.Name, problems)
		}
		if misspelt := bytes.Replace(text, []byte(`"legendFormat"`), []byte(`"legend"`), 1); refused(misspelt) == "" {
			t.Error("a field that Grafana does not know is not noticed")
		}
		for _, word := range []string{"__inputs", "\\u003", "/api/webhooks"} {
			if bytes.Contains(text, []byte(word)) {
				t.Errorf("%s contains %q", d.Name, word)
			}
		}
	}
}

// refused says what the SDK does not understand, or nothing. Its strict reading
// always returns an error, an empty one where all is well.
func refused(text []byte) string {
	var g page
	if err := g.UnmarshalJSONStrict(text); err != nil {
		return err.Error()
	}
	return ""
}

// TestPanelsStandSideBySide holds the layout: ids are unique, and no two panels
// claim the same place.
func TestPanelsStandSideBySide(t *testing.T) {
	t.Parallel()
	type cell struct{ x, y uint32 }
	for _, d := range catalog.Dashboards() {
		ids, taken := map[uint32]string{}, map[cell]string{}
		place := func(title string, id uint32, p *dashboard.GridPos) {
			if other, ok := ids[id]; ok {
				t.Errorf("%s: %q and %q have the id %d", d.Name, other, title, id)
			}
			ids[id] = title
			if p.W == 0 || p.H == 0 || p.X+p.W > 24 {
				t.Errorf("%s: %q stands at %+v", d.Name, title, *p)
			}
			for x := p.X; x < p.X+p.W; x++ {
				for y := p.Y; y < p.Y+p.H; y++ {
					if other, ok := taken[cell{x, y}]; ok {
						t.Fatalf("%s: %q covers %q", d.Name, title, other)
					}
					taken[cell{x, y}] = title
				}
			}
		}
		for _, p := range grafanaDashboard(d).Panels {
			if p.RowPanel != nil {
				place(*p.RowPanel.Title, p.RowPanel.Id, p.RowPanel.GridPos)
				continue
			}
			place(*p.Panel.Title, *p.Panel.Id, p.Panel.GridPos)
		}
	}
}

// TestEveryPanelAsksTheChosenDataSource reads the JSON as Grafana does, without
// the SDK's types.
func TestEveryPanelAsksTheChosenDataSource(t *testing.T) {
	t.Parallel()
	type source struct{ Type, UID string }
	chosen := source{"prometheus", "${datasource}"}
	for _, d := range catalog.Dashboards() {
		text, err := dashboardJSON(d)
		if err != nil {
			t.Fatal(err)
		}
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
		if err := json.Unmarshal(text, &g); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, v := range g.Templating.List {
			names = append(names, v.Name)
		}
		if !slices.Equal(names, []string{"datasource", "job", "window"}) {
			t.Errorf("%s has the variables %q", d.Name, names)
		}
		if len(g.Annotations.List) != 1 || g.Annotations.List[0].Datasource != chosen {
			t.Errorf("%s has the annotations %+v", d.Name, g.Annotations.List)
		}
		for _, p := range g.Panels {
			if p.Type == "row" {
				continue
			}
			if p.Datasource != chosen || p.FieldConfig.Defaults.Unit == "" || p.Description == "" || len(p.Targets) == 0 {
				t.Errorf("%s: %q lacks a data source, a unit, a description or a query", d.Name, p.Title)
			}
			refs := map[string]bool{}
			for _, q := range p.Targets {
				if q.Datasource != chosen || q.Expr == "" || q.EditorMode != "code" || refs[q.RefID] {
					t.Errorf("%s: %q has the query %+v", d.Name, p.Title, q)
				}
				refs[q.RefID] = true
			}
		}
	}
}

// TestProvisioningFindsTheDashboards holds that the data source that dashboards
// begin with is the one that is provisioned, and that the files are YAML.
func TestProvisioningFindsTheDashboards(t *testing.T) {
	t.Parallel()
	for name, text := range provisioning() {
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
		if err := yaml.Unmarshal(text, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if file.APIVersion != 1 || len(file.Datasources)+len(file.Providers) != 1 {
			t.Errorf("%s is %+v", name, file)
		}
		for _, s := range file.Datasources {
			if s.UID != dataSourceUID || s.Type != "prometheus" || !strings.HasPrefix(s.URL, "http://") || s.JSONData.TimeInterval != "5s" {
				t.Errorf("%s has the data source %+v", name, s)
			}
		}
		for _, p := range file.Providers {
			if p.Options.Path != dashboardDirectory {
				t.Errorf("%s looks for dashboards in %q", name, p.Options.Path)
			}
		}
	}
	if current := variables()[0].Current; *current.Value.String != dataSourceUID {
		t.Errorf("dashboards begin with the data source %q", *current.Value.String)
	}
}
