package catalog

// Dashboards are those of [DefaultSettings].
func Dashboards() []Dashboard { return DashboardsOf(DefaultSettings()) }

// DashboardsOf are all dashboards, in the order in which they are offered. The
// thresholds drawn in them are those of the settings.
func DashboardsOf(s Settings) []Dashboard {
	all := []Dashboard{tickets(s), items(s), runtime()}
	for i := range all {
		all[i].Annotations = []Annotation{firing()}
	}
	return all
}

// Dashboard is a page of panels that answers one question.
type Dashboard struct {
	// Name is its file's name, and with "onsale-" before it its name in links.
	Name               string
	Title, Description string
	Rows               []Row
	// Annotations are marked in all panels that have an axis of time.
	Annotations []Annotation
}

// UID is the dashboard's stable name in links.
func (d Dashboard) UID() string { return "onsale-" + d.Name }

// Row is a titled row of panels; the first one of a dashboard needs no title.
type Row struct {
	Title  string
	Panels []Panel
}

// Panel shows one thing.
type Panel struct {
	// Description says in plain words what is drawn and what good looks like.
	Title, Description string
	// Unit is Grafana's name of the unit of the values: reqps, s, percent, short …
	Unit string
	// Kind says how it is drawn.
	Kind PanelKind
	// Stacked puts the series on top of each other.
	Stacked bool
	// Log makes the axis logarithmic, 0 included, for values of every size.
	Log bool
	// Table makes the legend a table with the last and the highest value of each
	// series, the highest last value first.
	Table bool
	// Width is in 24ths of the page; the rest of the layout follows from it.
	Width int
	// Min and Max are the ends of the axis; nil leaves them to the values.
	Min, Max *float64
	// Thresholds are the values from which on a colour holds, in rising order.
	// Over time they are dashed lines.
	Thresholds []Threshold
	// States are the words for single values, such as up and down.
	States []State
	// Colors are those of the series that mean the same everywhere, by name.
	Colors map[string]Color
	// Queries are what is drawn.
	Queries []Query
}

// PanelKind is how a panel is drawn.
type PanelKind string

// The kinds of panels. Grafana calls them the same.
const (
	// TimeSeries draws lines, or areas when stacked.
	TimeSeries PanelKind = "timeseries"
	// Stat is a tile with the newest value and a small line of those before.
	Stat PanelKind = "stat"
	// BarGauge is a bar for the newest value of each series.
	BarGauge PanelKind = "bargauge"
	// Heatmap draws a histogram over time. Its series are cumulative buckets.
	Heatmap PanelKind = "heatmap"
	// StateTimeline is a band for each series, coloured by its state.
	StateTimeline PanelKind = "state-timeline"
	// Table is a line for each series with its labels. Values are not shown.
	Table PanelKind = "table"
)

// Query is one question to Prometheus. In Expr, $job stands for the scrape job
// and $window for the window of rates.
type Query struct {
	Expr string
	// Legend names the series; {{label}} stands for a label's value.
	Legend string
	// Instant asks for the newest value alone.
	Instant bool
	// Bound says that this is no measurement but what bounds one: it is drawn
	// dashed, without an area, and never stacked.
	Bound bool
}

// Threshold is the value from which on a colour holds.
type Threshold struct {
	From  float64
	Color Color
}

// State is what a value means.
type State struct {
	Value float64
	Text  string
	Color Color
}

// Annotation marks times in the panels: the query has a series while the mark
// lasts.
type Annotation struct {
	Name, Expr string
	// Title is the mark's text; {{label}} stands for a label's value.
	Title string
	// Tag is the label whose value is shown beside it.
	Tag   string
	Color Color
}

// firing marks when alerts fire. A user's own rules may have no label job.
func firing() Annotation {
	return Annotation{
		Name:  "Alerts",
		Expr:  alertsOf(`alertstate="firing"`),
		Title: "{{alertname}}",
		Tag:   "severity",
		Color: Red,
	}
}

// alertsOf selects the alerts of the job, and those without a job. The job's name
// may be no regular expression, so that it is compared as it is.
func alertsOf(matchers string) string {
	return `ALERTS{` + matchers + `,job="$job"} or ALERTS{` + matchers + `,job=""}`
}

// Color is a colour by the name that Grafana has for it.
type Color string

// The colours, and what they mean wherever something has a meaning: sold is
// green, sold out blue, for it is business, denied orange, and failed red.
const (
	Green  Color = "green"
	Blue   Color = "blue"
	Orange Color = "orange"
	Red    Color = "red"
	Gray   Color = "#808080"
)

// upStates are the states of what is there or is away.
func upStates() []State { return []State{{0, "away", Red}, {1, "up", Green}} }
