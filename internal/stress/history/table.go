package history

import (
	"io"
	"strings"

	"onsale/internal/stress/format"
)

// gap is the number of blanks between two columns.
const gap = 2

// table is a table whose columns are aligned on a terminal, where characters take none,
// one or two columns.
type table struct {
	rows [][]string
	// widths are the widths of all columns but the last.
	widths []int
}

// row adds a row. All rows have the same number of cells, and the last cell may be
// long.
func (t *table) row(cells ...string) {
	last := len(cells) - 1
	if t.widths == nil {
		t.widths = make([]int, last)
	}
	for i, c := range cells[:last] {
		cells[i] = clean(c)
		t.widths[i] = max(t.widths[i], format.Width(cells[i]))
	}
	cells[last] = cleanLine(cells[last])
	t.rows = append(t.rows, cells)
}

// write writes all rows.
func (t *table) write(w io.Writer) error {
	var b strings.Builder
	for _, cells := range t.rows {
		last := len(cells) - 1
		for i, c := range cells[:last] {
			b.WriteString(format.Pad(c, t.widths[i]+gap))
		}
		b.WriteString(cells[last] + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
