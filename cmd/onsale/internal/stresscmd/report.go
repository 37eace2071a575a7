package stresscmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"onsale/internal/app"
	"onsale/internal/stress/report"
	"onsale/internal/stress/result"
)

// sayStep reports the outcome of one load in the search for the capacity.
func (t *test) sayStep(step result.Step) {
	unit := result.Capacity{Unit: "users"}
	if t.flags.Rate != "" {
		unit.Unit = "/s"
	}
	app.Say(t.live, "%s", report.StepLine(unit, step))
}

// writeReport writes the report to all outputs that the flags name, and saves the run. After
// an error it still writes the other outputs.
func (t *test) writeReport(r result.Run) error {
	c := t.flags
	table := t.env.Stdout
	if c.JSON == "-" {
		table = t.env.Stderr // standard output gets the JSON
	}
	failed := []error{report.WriteText(table, r, textOptions(t.env.Terminal(table), t.noColor))}
	if c.CSV != "" {
		failed = append(failed, named("--csv", report.SaveCSV(c.CSV, r)))
	}
	if c.JSON != "" {
		failed = append(failed, named("--json", report.SaveJSON(c.JSON, t.env.Stdout, r)))
	}
	if c.HTML != "" {
		failed = append(failed, named("--html", report.SaveHTML(c.HTML, r)))
	}
	if t.kept != nil {
		err := t.kept.Save(r)
		if err == nil {
			app.Say(t.live, "kept as %s in %s; show it with onsale stress show %s", r.ID, c.DataDir, r.ID)
		}
		failed = append(failed, named("save the run", err))
	}
	return errors.Join(failed...)
}

// canWrite checks that all outputs can be written, before any request is sent.
func (t *test) canWrite() error {
	c := t.flags
	for _, file := range []struct{ flag, path string }{{"--csv", c.CSV}, {"--json", c.JSON}, {"--html", c.HTML}} {
		if file.path == "" || file.path == "-" {
			continue
		}
		if err := tryDir(filepath.Dir(file.path)); err != nil {
			return fmt.Errorf("%s: %w", file.flag, err)
		}
	}
	if !c.Keep {
		return nil
	}
	if err := os.MkdirAll(c.DataDir, 0o750); err != nil {
		return fmt.Errorf("--data-dir: %w (--no-keep keeps nothing)", err)
	}
	if err := tryDir(c.DataDir); err != nil {
		return fmt.Errorf("--data-dir: %w (--no-keep keeps nothing)", err)
	}
	return nil
}

// tryDir creates a file in a directory, and removes it.
func tryDir(dir string) error {
	f, err := os.CreateTemp(dir, ".onsale-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// textOptions returns the options of a report for a terminal. A nil size means no terminal.
func textOptions(size func() (columns, rows int, err error), noColor bool) report.TextOptions {
	if size == nil {
		return report.TextOptions{}
	}
	columns, _, err := size()
	if err != nil {
		columns = 0
	}
	return report.TextOptions{Width: columns, Color: !noColor}
}

func named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
