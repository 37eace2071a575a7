package history

import (
	"io"
	"strings"

	"onsale/internal/stress/format"
)

// gap is how many blanks are between two columns.
const gap = 2

// table is rows whose columns are aligned as a terminal shows them, where some
// characters take two columns and some none.
type table struct {
	rows [][]string
	// widths are those of the columns but the last.
	widths []int
}

// row adds a row, whose last cell may be long. All rows have as many cells.
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

// write writes all rows at once.
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
