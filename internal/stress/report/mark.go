package report

import (
	"onsale/internal/stress/format"
)

// mark is a vertical line with a label above the chart.
type mark struct {
	Class, X, Y, Label, Anchor string

	from, to float64 // the horizontal extent of the label, 0 to 1
	row      int
}

const (
	// letterShare is the share of a chart's width that a letter takes on a telephone.
	letterShare = 6.6 / 270
	markRow     = 15 // pixels between two rows of labels
)

// mark adds a vertical line with a label. Call it from left to right.
func (c *chart) mark(class string, at float64, label string) {
	words := letterShare * float64(format.Width(label))
	m := mark{Class: class, X: percentOf(at), Label: label, Anchor: "start", from: at, to: at + words}
	if m.to > 1 && at > 0.5 {
		m.Anchor, m.from, m.to = "end", at-words, at
	}
	c.Marks = append(c.Marks, m)
}

// settle puts each label into the lowest row in which it overlaps no other one. It
// begins on the right, so that few lines cross the labels to their left.
func (c *chart) settle() {
	for n := len(c.Marks) - 1; n >= 0; n-- {
		m := &c.Marks[n]
		for taken(*m, c.Marks[n+1:]) {
			m.row++
		}
		m.Y = px(-markRow * float64(m.row))
		c.MarkRows = max(c.MarkRows, m.row+1)
	}
}

// taken reports whether a label overlaps others in its row.
func taken(m mark, others []mark) bool {
	for _, other := range others {
		if other.row == m.row && m.from < other.to && other.from < m.to {
			return true
		}
	}
	return false
}
