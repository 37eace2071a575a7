package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"onsale/internal/catalog"
)

// judge leaves out everything that the service lacks the series for: alerts that
// can never fire, recording rules that no other rule reads, and panels that would
// be empty.
func (s *Set) judge() error {
	var alerts []catalog.Alert
	for _, a := range s.alerts {
		if missing := s.options.Metrics.missing(a); len(missing) > 0 {
			s.LeftOutRules = append(s.LeftOutRules, LeftOut{"alert " + a.Name, texts(missing)})
			continue
		}
		alerts = append(alerts, a)
	}
	s.alerts = alerts
	s.keepRecordings()
	var dashboards []catalog.Dashboard
	for _, d := range s.dashboards {
		if err := s.keepPanels(&d); err != nil {
			return err
		}
		if len(d.Rows) > 0 {
			dashboards = append(dashboards, d)
		}
	}
	s.dashboards = dashboards
	return nil
}

func texts(missing []catalog.Series) []string {
	var all []string
	for _, m := range missing {
		all = append(all, m.String())
	}
	return all
}

// keepRecordings keeps the recordings that the remaining alerts read, directly or
// through other recordings.
func (s *Set) keepRecordings() {
	kept := make([]bool, len(s.recordings))
	for _, a := range s.alerts {
		read := a.Expr
		for i, rec := range slices.Backward(s.recordings) {
			if strings.Contains(read, rec.Record) && belongs(rec, a) {
				kept[i] = true
				read += "\n" + rec.Expr
			}
		}
	}
	var recordings []catalog.Recording
	for i, rec := range s.recordings {
		if kept[i] {
			recordings = append(recordings, rec)
		}
	}
	s.recordings = recordings
}

// belongs reports whether an alert can read a recording. The recordings of
// different objectives have the same name and differ in the label slo.
func belongs(rec catalog.Recording, a catalog.Alert) bool {
	for name, value := range rec.Labels {
		if a.Labels[name] != value {
			return false
		}
	}
	return true
}

// keepPanels keeps the queries that can have results, the panels with such a query,
// and the rows with such a panel.
func (s *Set) keepPanels(d *catalog.Dashboard) error {
	var rows []catalog.Row
	for _, row := range d.Rows {
		var panels []catalog.Panel
		for _, p := range row.Panels {
			var queries []catalog.Query
			var missing []string
			for _, q := range p.Queries {
				expr, err := parse(q.Expr)
				if err != nil {
					return fmt.Errorf("dashboard %s, panel %s: %w", d.Name, p.Title, err)
				}
				if s.canDraw(expr) {
					queries = append(queries, q)
				} else {
					missing = append(missing, s.missing(expr)...)
				}
			}
			// A limit is useless without its measurement.
			if !slices.ContainsFunc(queries, func(q catalog.Query) bool { return !q.Bound }) {
				slices.Sort(missing)
				s.LeftOutPanels = append(s.LeftOutPanels, LeftOut{
					fmt.Sprintf("panel %q of dashboard %s", p.Title, d.Name), slices.Compact(missing),
				})
				continue
			}
			p.Queries = queries
			panels = append(panels, p)
		}
		if len(panels) > 0 {
			row.Panels = panels
			rows = append(rows, row)
		}
	}
	d.Rows = rows
	return nil
}

// parse parses a query with variables.
func parse(query string) (parser.Expr, error) {
	return parser.NewParser(parser.Options{}).ParseExpr(strings.ReplaceAll(query, "$window", "1m"))
}

// canDraw reports whether an expression can have a result with the service's
// series.
func (s *Set) canDraw(expr parser.Node) bool {
	switch e := expr.(type) {
	case *parser.VectorSelector:
		return s.options.Metrics.selects(e.LabelMatchers)
	case *parser.BinaryExpr:
		switch e.Op {
		case parser.LOR:
			return s.canDraw(e.LHS) || s.canDraw(e.RHS)
		case parser.LUNLESS:
			return s.canDraw(e.LHS)
		}
	case *parser.Call:
		if strings.HasPrefix(e.Func.Name, "absent") {
			return true
		}
	}
	for node := range parser.ChildrenIter(expr) {
		if !s.canDraw(node) {
			return false
		}
	}
	return true
}

// missing returns the names of the series that an expression reads and the service
// lacks, or has without the required labels.
func (s *Set) missing(expr parser.Expr) []string {
	var names []string
	for _, matchers := range parser.ExtractSelectors(expr) {
		if s.options.Metrics.selects(matchers) {
			continue
		}
		for _, m := range matchers {
			if m.Name == model.MetricNameLabel {
				names = append(names, m.Value)
			}
		}
	}
	return names
}
