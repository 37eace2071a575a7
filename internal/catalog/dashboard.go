package catalog

// Dashboards returns the dashboards of [DefaultSettings].
func Dashboards() []Dashboard { return DashboardsOf(DefaultSettings()) }

// DashboardsOf returns all dashboards in the order in which they are listed. They
// draw the thresholds of the settings.
func DashboardsOf(s Settings) []Dashboard {
	all := []Dashboard{tickets(s), items(s), runtime()}
	for i := range all {
		all[i].Annotations = []Annotation{firing()}
	}
	return all
}

// Dashboard is a page of panels that answers one question.
type Dashboard struct {
	// Name is the name of its file. With the prefix "onsale-", it is its UID.
	Name               string
	Title, Description string
	Rows               []Row
	// Annotations are drawn in all panels with a time axis.
	Annotations []Annotation
}

// UID returns the dashboard's stable name in links.
func (d Dashboard) UID() string { return "onsale-" + d.Name }

// Row is a titled row of panels. The first row of a dashboard needs no title.
type Row struct {
	Title  string
	Panels []Panel
}

// Panel is one chart, tile or table.
type Panel struct {
	// Description explains what is drawn and what good values look like.
	Title, Description string
	// Unit is the unit of the values as Grafana names it: reqps, s, percent, short
	// …
	Unit string
	// Kind is how the panel is drawn.
	Kind PanelKind
	// Stacked draws the series on top of each other.
	Stacked bool
	// Log makes the axis logarithmic, including 0, for values of very different
	// sizes.
	Log bool
	// Table makes the legend a table with the last and the maximum value of each
	// series, sorted by the last value in descending order.
	Table bool
	// Width is in 24ths of the page; the rest of the layout follows from it.
	Width int
	// Min and Max are the ends of the axis; nil leaves them to the values.
	Min, Max *float64
	// Thresholds are the values at which a colour begins, in ascending order. Time
	// series draw them as dashed lines.
	Thresholds []Threshold
	// States are texts for single values, such as up and down.
	States []State
	// Colors are the colours of series that mean the same in every panel, by series
	// name.
	Colors map[string]Color
	// Queries are the queries of the series that the panel draws.
	Queries []Query
}

// PanelKind is how a panel is drawn.
type PanelKind string

// The kinds of panels, with Grafana's names.
const (
	// TimeSeries draws lines, or areas when stacked.
	TimeSeries PanelKind = "timeseries"
	// Stat is a tile with the newest value and a small line of earlier values.
	Stat PanelKind = "stat"
	// BarGauge draws a bar for the newest value of each series.
	BarGauge PanelKind = "bargauge"
	// Heatmap draws a histogram over time. Its series must be cumulative buckets.
	Heatmap PanelKind = "heatmap"
	// StateTimeline draws a band for each series, coloured by its state.
	StateTimeline PanelKind = "state-timeline"
	// Table has a line for each series with its labels. It does not show values.
	Table PanelKind = "table"
)

// Query is a Prometheus query. In Expr, $job stands for the scrape job and $window
// for the window of rates.
type Query struct {
	Expr string
	// Legend names the series; {{label}} stands for a label's value.
	Legend string
	// Instant returns only the newest value.
	Instant bool
	// Bound marks a limit instead of a measurement. It is drawn as a dashed line
	// without an area, and never stacked.
	Bound bool
}

// Threshold is the value at which a colour begins.
type Threshold struct {
	From  float64
	Color Color
}

// State is the text and colour for a value.
type State struct {
	Value float64
	Text  string
	Color Color
}

// Annotation marks times in the panels. The mark lasts as long as the query returns
// a series.
type Annotation struct {
	Name, Expr string
	// Title is the text of the mark; {{label}} stands for a label's value.
	Title string
	// Tag is the label whose value is shown next to the title.
	Tag   string
	Color Color
}

// firing marks when alerts fire, including a user's own rules without a label job.
func firing() Annotation {
	return Annotation{
		Name:  "Alerts",
		Expr:  alertsOf(`alertstate="firing"`),
		Title: "{{alertname}}",
		Tag:   "severity",
		Color: Red,
	}
}

// alertsOf selects the alerts of the job and the alerts without a job. It compares
// with = twice, because the job's name may not be a valid regular expression.
func alertsOf(matchers string) string {
	return `ALERTS{` + matchers + `,job="$job"} or ALERTS{` + matchers + `,job=""}`
}

// Color is a colour, with Grafana's name.
type Color string

// The colours and their meaning in all panels: sold is green, sold out blue (normal
// business), denied orange, and failed red.
const (
	Green  Color = "green"
	Blue   Color = "blue"
	Orange Color = "orange"
	Red    Color = "red"
	Gray   Color = "#808080"
)

// upStates are the states of targets and databases.
func upStates() []State { return []State{{0, "down", Red}, {1, "up", Green}} }
