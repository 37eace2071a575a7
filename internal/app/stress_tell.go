package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"onsale/internal/field"
	"onsale/internal/stress"
	"onsale/internal/stress/report"
	"onsale/internal/stress/result"
)

// settings returns what was asked for in the words of the engine.
func (o StressOptions) settings() (result.Settings, error) {
	s := result.Settings{
		Users: o.Users, SpawnRate: o.SpawnRate, Shape: o.Shape, RunTime: o.RunTime, StopTimeout: o.StopTimeout,
		Seed: o.Seed, Worker: o.Worker, FailIf: o.FailIf, Abort: o.Abort, WarmUp: o.WarmUp, ResetStats: o.ResetStats,
	}
	if o.Timeout != 0 {
		s.Timeout = o.Timeout.String()
	}
	if o.Rate == "" && !strings.Contains(o.Shape, "/s") {
		return s, nil
	}
	s.Arrivals, s.MaxInFlight = o.Arrivals, o.MaxInFlight
	if o.Rate == "" {
		return s, nil
	}
	var err error
	if s.Rate, err = stress.ParseRate(o.Rate); err != nil {
		return s, fmt.Errorf("--rate: %w", err)
	}
	if s.Rate == 0 {
		return s, errors.New("--rate must be above 0/s")
	}
	return s, nil
}

// asFlag says the name of a flag for that of a field.
func asFlag(err error) error {
	if field, ok := errors.AsType[*field.Error](err); ok {
		return fmt.Errorf("--%s %s", strings.ReplaceAll(field.Field, "_", "-"), field.Rule)
	}
	return err
}

// sayStep says what came of one load in the search for the capacity.
func (t *test) sayStep(step result.Step) {
	unit := result.Capacity{Unit: "users"}
	if t.options.Rate != "" {
		unit.Unit = "/s"
	}
	say(t.live, "%s", report.StepLine(unit, step))
}

// tell writes the report wherever it was asked for, and keeps it. What could
// not be written does not keep the rest from being written.
func (t *test) tell(r result.Run) error {
	o := t.options
	table, size := o.Out, o.OutSize
	if o.JSON == "-" {
		table, size = o.Err, o.Size // standard output is the JSON's
	}
	failed := []error{report.WriteText(table, r, textOptions(size, o.NoColor))}
	if o.CSV != "" {
		failed = append(failed, named("--csv", report.SaveCSV(o.CSV, r)))
	}
	if o.JSON != "" {
		failed = append(failed, named("--json", report.SaveJSON(o.JSON, o.Out, r)))
	}
	if o.HTML != "" {
		failed = append(failed, named("--html", report.SaveHTML(o.HTML, r)))
	}
	if t.kept != nil {
		err := t.kept.Save(r)
		if err == nil {
			say(t.live, "kept as %s in %s; onsale stress show %s shows it again", r.ID, o.DataDir, r.ID)
		}
		failed = append(failed, named("keep the run", err))
	}
	return errors.Join(failed...)
}

// canWrite looks, before anything is sent, whether what comes of it can be
// written where it is to be.
func (t *test) canWrite() error {
	o := t.options
	for _, file := range []struct{ flag, path string }{{"--csv", o.CSV}, {"--json", o.JSON}, {"--html", o.HTML}} {
		if file.path == "" || file.path == "-" {
			continue
		}
		if err := tryDir(filepath.Dir(file.path)); err != nil {
			return fmt.Errorf("%s: %w", file.flag, err)
		}
	}
	if !o.Keep {
		return nil
	}
	if err := os.MkdirAll(o.DataDir, 0o750); err != nil {
		return fmt.Errorf("--data-dir: %w (--no-keep keeps nothing)", err)
	}
	if err := tryDir(o.DataDir); err != nil {
		return fmt.Errorf("--data-dir: %w (--no-keep keeps nothing)", err)
	}
	return nil
}

// tryDir makes a file in a directory, and removes it.
func tryDir(dir string) error {
	f, err := os.CreateTemp(dir, ".onsale-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// textOptions are those of a report on a terminal of that size; nil is none.
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
