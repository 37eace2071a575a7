package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"onsale/internal/stress/format"
)

// maxJSON limits the input of [Read]. The report of a run of a day has a few megabytes.
const maxJSON = 64 << 20

// Errors of [Read].
var (
	// ErrSchema is returned for a report of a newer version of Onsale.
	ErrSchema = errors.New("the report has a newer schema")
	// ErrNoReport is returned if the input is not a report: not JSON, cut off, or
	// something else.
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

// Read reads a report that [Write] wrote, of this schema or an older one. It ignores
// unknown fields, because a schema can gain fields. Errors wrap [ErrSchema] and
// [ErrNoReport].
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
		return Run{}, fmt.Errorf("%w: there is data after it", ErrNoReport)
	case r.Schema > Schema:
		return Run{}, fmt.Errorf("%w: %d; this version of Onsale supports %d", ErrSchema, r.Schema, Schema)
	case r.Schema < 1:
		return Run{}, fmt.Errorf("%w: it has no schema", ErrNoReport)
	case r.Started.IsZero():
		return Run{}, fmt.Errorf("%w: it has no start time", ErrNoReport)
	}
	return r, nil
}
