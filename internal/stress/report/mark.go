package report

import (
	"onsale/internal/stress/format"
)

// mark is an upright line with words above the chart.
type mark struct {
	Class, X, Y, Label, Anchor string

	from, to float64 // what the words take of the width
	row      int
}

const (
	// letterShare is how much of the width of a chart on a telephone a letter takes.
	letterShare = 6.6 / 270
	markRow     = 15 // pixels between the words of two rows
)

// mark draws an upright line with words. Marks are given from left to right.
func (c *chart) mark(class string, at float64, label string) {
	words := letterShare * float64(format.Width(label))
	m := mark{Class: class, X: percentOf(at), Label: label, Anchor: "start", from: at, to: at + words}
	if m.to > 1 && at > 0.5 {
		m.Anchor, m.from, m.to = "end", at-words, at
	}
	c.Marks = append(c.Marks, m)
}

// settle puts the words of each mark into the lowest row above the chart in which they meet no other's. It
// begins on the right, so that a line seldom runs through the words on its left.
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

// taken says whether words would meet others of the same row.
func taken(m mark, others []mark) bool {
	for _, other := range others {
		if other.row == m.row && m.from < other.to && other.from < m.to {
			return true
		}
	}
	return false
}
