package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"onsale/internal/stress/history"
	"onsale/internal/stress/report"
	"onsale/internal/stress/result"
)

// StressList writes the runs that are kept in a data directory.
func StressList(out io.Writer, dataDir string, asJSON bool) error {
	runs, err := history.New(dataDir).List()
	switch {
	case err != nil:
		return err
	case asJSON:
		return writeJSON(out, runs)
	case len(runs) == 0:
		_, err := fmt.Fprintf(out, "no run is kept in %s yet\n", dataDir)
		return err
	}
	return history.WriteList(out, runs)
}

// StressShow writes a run that is kept: as text, for a terminal of that size or
// none, as JSON, or to a file as an HTML page. The id may be how it begins, or last, last-1 and so on; one that names no
// run is [ErrStressUse].
func StressShow(out io.Writer, size func() (columns, rows int, err error), dataDir, id, html string, asJSON bool) error {
	r, err := keptRun(dataDir, id)
	switch {
	case err != nil:
		return err
	case html != "":
		return named("--html", report.SaveHTML(html, r))
	case asJSON:
		return result.Write(out, r)
	}
	return report.WriteText(out, r, textOptions(size, true))
}

// StressCompare writes what has changed from run a to run b.
func StressCompare(out io.Writer, dataDir, a, b string, asJSON bool) error {
	base, err := keptRun(dataDir, a)
	if err != nil {
		return err
	}
	other, err := keptRun(dataDir, b)
	if err != nil {
		return err
	}
	if base.ID == other.ID && base.ID != "" {
		return fmt.Errorf("%w: %s and %s are one and the same run", ErrStressUse, a, b)
	}
	c := history.Compare(base, other)
	if asJSON {
		return writeJSON(out, c)
	}
	return c.Write(out)
}

// keptRun returns the run that a word names, or that a file has which --json wrote.
func keptRun(dataDir, id string) (result.Run, error) {
	if strings.HasSuffix(id, ".json") {
		file, err := os.Open(id)
		if err != nil {
			return result.Run{}, fmt.Errorf("%w: %w", ErrStressUse, err)
		}
		defer func() { _ = file.Close() }() // it was only read
		r, err := result.Read(file)
		if err != nil {
			return r, fmt.Errorf("%w: %s: %w", ErrStressUse, id, err)
		}
		return r, nil
	}
	r, err := history.New(dataDir).Get(id)
	if errors.Is(err, history.ErrNotFound) || errors.Is(err, history.ErrAmbiguous) {
		return r, fmt.Errorf("%w: %w", ErrStressUse, err)
	}
	return r, err
}

func writeJSON(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(value)
}
