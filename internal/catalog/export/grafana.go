package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"

	"onsale/internal/catalog"
)

// Settings of all dashboards.
const (
	// dashboardTag lets each dashboard link to the others.
	dashboardTag = "onsale"
	// refresh is how often the panels are redrawn: at each scrape.
	refresh = "5s"
	// timeRange is the initial time range: long enough for an incident and the time
	// before it.
	timeRange = "now-15m"
	// annotationStep is the resolution of annotations. It is short because an alert
	// at demo pace may last only seconds.
	annotationStep = "5s"
)

// Dashboards returns a JSON file for each dashboard, named after it. It leaves out
// dashboards without panels.
func (s *Set) Dashboards() ([]File, error) {
	var files []File
	for _, d := range s.dashboards {
		text, err := s.dashboardJSON(d)
		if err != nil {
			return nil, fmt.Errorf("make dashboard %s: %w", d.Name, err)
		}
		files = append(files, File{d.Name + ".json", text})
	}
	return files, nil
}

// Grafana returns the files for Grafana's file provisioning: the dashboards, the
// alert rules with their contact point, and the data source. prometheusURL must be
// reachable from Grafana.
func (s *Set) Grafana(prometheusURL string) ([]File, error) {
	dashboards, err := s.Dashboards()
	if err != nil {
		return nil, err
	}
	files, err := s.alerting()
	if err != nil {
		return nil, err
	}
	for _, d := range dashboards {
		files = append(files, File{"dashboards/" + d.Name, d.Content})
	}
	return append(files, s.sources(prometheusURL)...), nil
}

// isDashboard reports whether a file contains a dashboard of the catalogue.
func isDashboard(content []byte) bool {
	var d struct {
		UID  string   `json:"uid"`
		Tags []string `json:"tags"`
	}
	return json.Unmarshal(content, &d) == nil && strings.HasPrefix(d.UID, dashboardTag+"-") && slices.Contains(d.Tags, dashboardTag)
}

// dashboardJSON returns a dashboard as Grafana stores it: with sorted keys and
// readable PromQL.
func (s *Set) dashboardJSON(d catalog.Dashboard) ([]byte, error) {
	g := s.grafanaDashboard(d)
	if err := g.Validate(); err != nil {
		return nil, err
	}
	// The SDK's types escape < and > for web pages. A second pass undoes that.
	escaped, err := json.Marshal(g)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(escaped))
	decoder.UseNumber()
	var plain any
	if err := decoder.Decode(&plain); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(plain); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// page is a dashboard in the format that every version of Grafana reads from a
// file.
//
//nolint:staticcheck // SA1019: only the newest Grafana reads the format that the SDK prefers.
type page = dashboard.Dashboard

// grafanaDashboard converts a dashboard to Grafana's format.
func (s *Set) grafanaDashboard(d catalog.Dashboard) *page {
	g := dashboard.NewDashboard()
	g.Uid = new(d.UID())
	g.Title = new(d.Title)
	g.Description = new(d.Description)
	g.Tags = []string{dashboardTag}
	g.GraphTooltip = new(dashboard.DashboardCursorSyncCrosshair)
	g.Time = &dashboard.DashboardDashboardTime{From: timeRange, To: "now"}
	g.Refresh = new(refresh)
	g.Templating.List = s.variables()
	g.Links = []dashboard.DashboardLink{{
		Title: "Onsale", Type: dashboard.DashboardLinkTypeDashboards, Icon: "external link",
		Tags: []string{dashboardTag}, IncludeVars: true, KeepTime: true,
	}}
	for _, a := range d.Annotations {
		g.Annotations.List = append(g.Annotations.List, annotation(a))
	}
	g.Panels = arrange(d.Rows)
	return g
}

// annotation writes its query twice, because some versions of Grafana read it in
// the target and others next to it.
func annotation(a catalog.Annotation) dashboard.AnnotationQuery {
	query := prometheus.NewDataquery()
	query.RefId, query.Expr, query.Interval, query.Range = new("Anno"), a.Expr, new(annotationStep), new(true)
	return dashboard.AnnotationQuery{
		Name:        a.Name,
		Datasource:  dataSource(),
		Enable:      true,
		IconColor:   string(a.Color),
		Expr:        new(a.Expr),
		TitleFormat: new(a.Title),
		TextFormat:  new("{{" + a.Tag + "}}"),
		TagKeys:     new(a.Tag),
		Step:        new(annotationStep),
		Target:      *query,
	}
}

// dataSource refers to the Prometheus that the dashboard's variable datasource
// selects.
func dataSource() *common.DataSourceRef {
	return &common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}
}
