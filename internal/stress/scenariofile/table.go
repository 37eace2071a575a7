package scenariofile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"unicode/utf8"
)

// maxTable limits the size of a CSV file, in bytes: it is kept in memory.
const maxTable = 256 << 20

// table is a CSV file.
type table struct {
	file, name string
	columns    []string
	rows       [][]string
	random     bool
	// perTask takes another row for each task; otherwise each user keeps one.
	perTask bool
}

// tableFields are the fields of an entry under csv.
const tableFields = "file as order per delimiter"

// table reads an entry under csv and its file.
func (d *decoder) table(n node, o Options) *table {
	fields := d.object(n, tableFields)
	t := &table{name: "row"}
	if f, ok := fields["as"]; ok {
		t.name = d.text(f)
		if why := reserved(t.name); why != "" {
			d.fail(f, "%s", why)
		}
	}
	if f, ok := fields["order"]; ok {
		t.random = d.choice(f, "sequential", "random") == "random"
	}
	if f, ok := fields["per"]; ok {
		t.perTask = d.choice(f, "user", "task") == "task"
	}
	delimiter := ','
	if f, ok := fields["delimiter"]; ok {
		delimiter = d.delimiter(f)
	}
	f, ok := fields["file"]
	if !ok {
		if n.mapping() {
			d.fail(n, "needs file, the path of the CSV file")
		}
		return t
	}
	if t.file = d.text(f); t.file != "" {
		d.readTable(f, t, delimiter, o)
	}
	return t
}

// delimiter returns the character between two columns.
func (d *decoder) delimiter(n node) rune {
	text := []rune(d.text(n))
	if len(text) != 1 || text[0] == '"' || text[0] == '\n' || text[0] == '\r' || text[0] == utf8.RuneError {
		d.fail(n, `must be one character, such as ; or "\t"`)
		return ','
	}
	return text[0]
}

// readTable reads a CSV file, whose path is relative to the scenario file.
func (d *decoder) readTable(n node, t *table, delimiter rune, o Options) {
	file := t.file
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(d.file), file)
	}
	data, err := o.ReadFile(file)
	switch {
	case err != nil:
		d.fail(n, "cannot be read: %v", err)
		return
	case len(data) > maxTable:
		d.fail(n, "has more than %d bytes", maxTable)
		return
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	r.Comma = delimiter
	t.columns, t.rows, err = readRows(r)
	var wrong *csv.ParseError
	switch {
	case errors.As(err, &wrong):
		d.problems = append(d.problems, Problem{File: t.file, Line: wrong.Line, Message: tableMessage(wrong, len(t.columns))})
	case err != nil:
		d.fail(n, "cannot be used: %v", err)
	}
}

// tableMessage returns what is wrong with a row, without its content.
func tableMessage(e *csv.ParseError, columns int) string {
	if errors.Is(e.Err, csv.ErrFieldCount) {
		return fmt.Sprintf("has a row that does not have %d columns like the first line", columns)
	}
	return "is not valid CSV: " + e.Err.Error()
}

// readRows reads the line with the column names and the rows.
func readRows(r *csv.Reader) (columns []string, rows [][]string, err error) {
	columns, err = r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil, errors.New("it is empty; its first line must name the columns")
	}
	if err != nil {
		return nil, nil, err
	}
	seen := make(map[string]bool)
	for _, c := range columns {
		if seen[c] {
			return columns, nil, fmt.Errorf("its first line names the column %q twice", c)
		}
		seen[c] = true
	}
	if rows, err = r.ReadAll(); err != nil {
		return columns, nil, err
	}
	if len(rows) == 0 {
		return columns, nil, errors.New("it has no row after the line with the column names")
	}
	return columns, rows, nil
}

// cursor counts the rows that the users of one scenario have taken.
type cursor struct{ taken atomic.Int64 }

// first returns the row of a user. The user keeps it, unless each task takes another.
func (t *table) first(index int, random *rand.Rand) int {
	if t.random {
		return random.IntN(len(t.rows))
	}
	return index % len(t.rows)
}

// next returns the row of a user's next task. In sequential order, no row is taken twice
// before all are taken, across all workers.
func (t *table) next(c *cursor, random *rand.Rand, o Options) int {
	if t.random {
		return random.IntN(len(t.rows))
	}
	n := (c.taken.Add(1)-1)*int64(o.Workers) + int64(o.Worker)
	return int(n % int64(len(t.rows)))
}
