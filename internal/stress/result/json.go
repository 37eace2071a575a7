package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"onsale/internal/stress/format"
)

// maxJSON bounds what [Read] takes. A report of a day has some megabytes.
const maxJSON = 64 << 20

// What is wrong with a report that is read.
var (
	// ErrSchema means that a newer Onsale wrote it.
	ErrSchema = errors.New("report is of a newer schema")
	// ErrNoReport means that it is no report: not JSON, cut off, or something else.
	ErrNoReport = errors.New("not a report of a load test")
)

// Write writes a report as indented JSON.
func Write(w io.Writer, r Run) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// Read reads what [Write] wrote, of this schema or an older one. Fields that
// it does not know are passed over, as a schema may gain some. Errors are [ErrSchema] and [ErrNoReport].
func Read(from io.Reader) (Run, error) {
	limited := &io.LimitedReader{R: from, N: maxJSON + 1}
	decoder := json.NewDecoder(limited)
	var r Run
	if err := decoder.Decode(&r); err != nil {
		return Run{}, fmt.Errorf("%w: %w", ErrNoReport, err)
	}
	switch _, err := decoder.Token(); {
	case limited.N <= 0:
		return Run{}, fmt.Errorf("%w: it is longer than %s", ErrNoReport, format.Bytes(maxJSON))
	case !errors.Is(err, io.EOF):
		return Run{}, fmt.Errorf("%w: something follows it", ErrNoReport)
	case r.Schema > Schema:
		return Run{}, fmt.Errorf("%w: %d, and this Onsale knows %d", ErrSchema, r.Schema, Schema)
	case r.Schema < 1:
		return Run{}, fmt.Errorf("%w: it has no schema", ErrNoReport)
	case r.Started.IsZero():
		return Run{}, fmt.Errorf("%w: it does not say when it started", ErrNoReport)
	}
	return r, nil
}
