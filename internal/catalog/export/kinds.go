package export

import (
	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"

	"onsale/internal/catalog"
)

// newest reduces a series to its newest value.
const newest = "lastNotNull"

// The opacity of areas under lines and of stacked areas, in per cent.
const (
	faintArea = 8
	solidArea = 45
)

func drawTimeSeries(g *dashboard.Panel, p catalog.Panel) {
	options := timeseries.NewOptions()
	options.Legend = common.VizLegendOptions{
		DisplayMode: common.LegendDisplayModeList, Placement: common.LegendPlacementBottom, ShowLegend: true, Calcs: []string{},
	}
	if p.Table {
		options.Legend.DisplayMode = common.LegendDisplayModeTable
		options.Legend.Calcs = []string{newest, "max"}
		options.Legend.SortBy, options.Legend.SortDesc = new("Last *"), new(true)
	}
	options.Tooltip.Mode, options.Tooltip.Sort = common.TooltipDisplayModeMulti, common.SortOrderDescending
	g.Options = options

	custom := timeseries.NewFieldConfig()
	custom.DrawStyle = new(common.GraphDrawStyleLine)
	custom.LineInterpolation = new(common.LineInterpolationLinear)
	custom.LineWidth = new(1.0)
	custom.FillOpacity = new(float64(faintArea))
	custom.ShowPoints = new(common.VisibilityModeNever)
	custom.ThresholdsStyle = &common.GraphThresholdsStyleConfig{Mode: common.GraphThresholdsStyleModeOff}
	custom.Stacking = stacking(common.StackingModeNone)
	if p.Stacked {
		custom.FillOpacity, custom.Stacking = new(float64(solidArea)), stacking(common.StackingModeNormal)
	}
	if len(p.Thresholds) > 0 {
		custom.ThresholdsStyle.Mode = common.GraphThresholdsStyleModeDashed
	}
	if p.Log {
		custom.ScaleDistribution = &common.ScaleDistributionConfig{
			Type: common.ScaleDistributionSymlog, Log: new(10.0), LinearThreshold: new(1.0),
		}
	}
	g.FieldConfig.Defaults.Custom = custom
	// With a colour per name, a series keeps its colour when others come and go.
	g.FieldConfig.Defaults.Color.Mode = dashboard.FieldColorModeIdPaletteClassicByName

	for i, q := range p.Queries {
		if q.Bound {
			override(g, "byFrameRefID", refID(i),
				property("custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{10, 10}}),
				property("custom.fillOpacity", 0),
				property("custom.stacking", map[string]any{"mode": "none", "group": "A"}))
		}
	}
}

func stacking(mode common.StackingMode) *common.StackingConfig {
	return &common.StackingConfig{Mode: &mode, Group: new("A")}
}

func drawStat(g *dashboard.Panel) {
	options := stat.NewOptions()
	options.ReduceOptions.Calcs = []string{newest}
	options.TextMode = common.BigValueTextModeValue
	options.Orientation = common.VizOrientationAuto
	g.Options = options
}

func drawBarGauge(g *dashboard.Panel) {
	options := bargauge.NewOptions()
	options.ReduceOptions.Calcs = []string{newest}
	options.DisplayMode = common.BarGaugeDisplayModeBasic
	options.Orientation = common.VizOrientationHorizontal
	options.Legend = hiddenLegend()
	g.Options = options
	// Names are long, so they are on the left. Colours depend on thresholds;
	// without thresholds, all bars have one colour.
	options.NamePlacement = common.BarGaugeNamePlacementLeft
	if len(g.FieldConfig.Defaults.Thresholds.Steps) == 1 {
		g.FieldConfig.Defaults.Color = &dashboard.FieldColor{
			Mode: dashboard.FieldColorModeIdFixed, FixedColor: new(string(catalog.Blue)),
		}
	}
}

func drawHeatmap(g *dashboard.Panel, p catalog.Panel) {
	options := heatmap.NewOptions()
	options.YAxis.Unit = new(p.Unit)
	options.YAxis.AxisPlacement = new(common.AxisPlacementLeft)
	options.Color.Mode = new(heatmap.HeatmapColorModeScheme)
	options.Tooltip.Mode = common.TooltipDisplayModeSingle
	options.CellValues = &heatmap.CellValues{Unit: new("reqps")}
	g.Options = options
}

func drawStateTimeline(g *dashboard.Panel) {
	options := statetimeline.NewOptions()
	options.ShowValue = common.VisibilityModeNever
	options.Legend = common.VizLegendOptions{
		DisplayMode: common.LegendDisplayModeList, Placement: common.LegendPlacementBottom, ShowLegend: true, Calcs: []string{},
	}
	options.Tooltip.Mode, options.Tooltip.Sort = common.TooltipDisplayModeSingle, common.SortOrderNone
	g.Options = options
	g.FieldConfig.Defaults.Custom = statetimeline.NewFieldConfig()
}

// drawTable shows the labels of the series and hides time and value.
func drawTable(g *dashboard.Panel) {
	options := table.NewOptions()
	options.Footer = nil
	g.Options = options
	g.Transformations = []dashboard.DataTransformerConfig{{
		Id: "organize",
		Options: map[string]any{
			"excludeByName": map[string]bool{"Time": true, "Value": true},
			"indexByName":   map[string]int{},
			"renameByName":  map[string]string{},
		},
	}}
}

func hiddenLegend() common.VizLegendOptions {
	return common.VizLegendOptions{
		DisplayMode: common.LegendDisplayModeHidden, Placement: common.LegendPlacementBottom, Calcs: []string{},
	}
}
