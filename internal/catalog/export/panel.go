package export

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"

	"onsale/internal/catalog"
)

// grafanaPanel converts a panel to Grafana's format, except for its position.
func grafanaPanel(p catalog.Panel) *dashboard.Panel {
	g := &dashboard.Panel{
		Type:        string(p.Kind),
		Title:       new(p.Title),
		Description: new(p.Description),
		Datasource:  dataSource(),
		FieldConfig: dashboard.NewFieldConfigSource(),
	}
	defaults := &g.FieldConfig.Defaults
	defaults.Unit = new(p.Unit)
	defaults.Min, defaults.Max = p.Min, p.Max
	defaults.Thresholds = thresholds(p)
	defaults.Mappings = mappings(p.States)
	defaults.Color = &dashboard.FieldColor{Mode: dashboard.FieldColorModeIdThresholds}

	for i, q := range p.Queries {
		g.Targets = append(g.Targets, target(p, q, refID(i)))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Colors)) {
		override(g, "byName", name, property("color", fixed(p.Colors[name])))
	}
	draw(g, p)
	return g
}

// refID returns Grafana's name for the i-th query of a panel: A, B, C.
func refID(i int) string { return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[i : i+1] }

func target(p catalog.Panel, q catalog.Query, ref string) variants.Dataquery {
	t := prometheus.NewDataquery()
	t.RefId = new(ref)
	t.Datasource = dataSource()
	t.EditorMode = new(prometheus.QueryEditorModeCode)
	t.Expr = q.Expr
	t.Instant = new(q.Instant)
	t.Range = new(!q.Instant)
	if q.Legend != "" {
		t.LegendFormat = new(q.Legend)
	}
	switch p.Kind {
	case catalog.Heatmap:
		t.Format = new(prometheus.PromQueryFormatHeatmap)
	case catalog.Table:
		t.Format = new(prometheus.PromQueryFormatTable)
	default:
		t.Format = new(prometheus.PromQueryFormatTimeSeries)
	}
	return *t
}

// thresholds converts the thresholds. Values below the first one are green. Tiles
// without thresholds have the colour of text.
func thresholds(p catalog.Panel) *dashboard.ThresholdsConfig {
	base := "text"
	if len(p.Thresholds) > 0 {
		base = string(catalog.Green)
	}
	steps := []dashboard.Threshold{{Color: base}}
	for _, t := range p.Thresholds {
		steps = append(steps, dashboard.Threshold{Value: new(t.From), Color: string(t.Color)})
	}
	return &dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute, Steps: steps}
}

func mappings(states []catalog.State) []dashboard.ValueMapping {
	if len(states) == 0 {
		return nil
	}
	words := dashboard.NewValueMap()
	for i, s := range states {
		words.Options[strconv.FormatFloat(s.Value, 'g', -1, 64)] = dashboard.ValueMappingResult{
			Text: new(s.Text), Color: new(string(s.Color)), Index: new(int32(i)),
		}
	}
	return []dashboard.ValueMapping{{ValueMap: words}}
}

// fixed returns the setting for a colour that does not depend on the value.
func fixed(c catalog.Color) map[string]any {
	return map[string]any{"mode": string(dashboard.FieldColorModeIdFixed), "fixedColor": string(c)}
}

func property(id string, value any) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: id, Value: value}
}

// override sets properties for some of the series: those of one name, or those of
// one query.
func override(g *dashboard.Panel, matcher, which string, properties ...dashboard.DynamicConfigValue) {
	g.FieldConfig.Overrides = append(g.FieldConfig.Overrides, dashboard.DashboardFieldConfigSourceOverrides{
		Matcher:    dashboard.MatcherConfig{Id: matcher, Options: which},
		Properties: properties,
	})
}

// draw sets the options of the panel's kind.
func draw(g *dashboard.Panel, p catalog.Panel) {
	switch p.Kind {
	case catalog.TimeSeries:
		drawTimeSeries(g, p)
	case catalog.Stat:
		drawStat(g)
	case catalog.BarGauge:
		drawBarGauge(g)
	case catalog.Heatmap:
		drawHeatmap(g, p)
	case catalog.StateTimeline:
		drawStateTimeline(g)
	case catalog.Table:
		drawTable(g)
	default:
		panic(fmt.Sprintf("panel %s has the unknown kind %q", p.Title, p.Kind))
	}
}
