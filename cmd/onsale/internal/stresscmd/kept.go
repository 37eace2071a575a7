package stresscmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/stress/history"
	"onsale/internal/stress/report"
	"onsale/internal/stress/result"
)

// keptFlags are the flags of commands that read saved runs.
type keptFlags struct {
	DataDir string `help:"Directory that keeps the last 50 runs." default:"onsale-data" type:"path"`
	JSON    bool   `help:"Print JSON." env:"-"`
}

// ListCommand is `onsale stress list`.
type ListCommand struct{ keptFlags }

// Run lists the runs.
func (c *ListCommand) Run(e *command.Env) error {
	runs, err := history.New(c.DataDir).List()
	switch {
	case err != nil:
		return err
	case c.JSON:
		return writeJSON(e.Stdout, runs)
	case len(runs) == 0:
		_, err := fmt.Fprintf(e.Stdout, "no runs in %s yet\n", c.DataDir)
		return err
	}
	return history.WriteList(e.Stdout, runs)
}

// ShowCommand is `onsale stress show`.
type ShowCommand struct {
	keptFlags

	ID   string `arg:"" optional:"" default:"last" help:"Run to show: its id or the start of it; last, last-1 and so on; or a file that --json wrote."`
	HTML string `help:"Write the report as one HTML page." env:"-" placeholder:"FILE"`
}

// Run shows a run as text, as JSON, or as an HTML page in a file.
func (c *ShowCommand) Run(e *command.Env) error {
	r, err := c.find(c.ID)
	switch {
	case err != nil:
		return err
	case c.HTML != "":
		return named("--html", report.SaveHTML(c.HTML, r))
	case c.JSON:
		return result.Write(e.Stdout, r)
	}
	return report.WriteText(e.Stdout, r, textOptions(e.Terminal(e.Stdout), true))
}

// CompareCommand is `onsale stress compare`.
type CompareCommand struct {
	keptFlags

	A string `arg:"" optional:"" default:"last-1" help:"Run to compare with, named as for show."`
	B string `arg:"" optional:"" default:"last" help:"Run to compare, named as for show."`
}

// Run writes the changes from run A to run B.
func (c *CompareCommand) Run(e *command.Env) error {
	base, err := c.find(c.A)
	if err != nil {
		return err
	}
	other, err := c.find(c.B)
	if err != nil {
		return err
	}
	if base.ID == other.ID && base.ID != "" {
		return noRun(fmt.Errorf("%s and %s are the same run; name two different runs", c.A, c.B))
	}
	compared := history.Compare(base, other)
	if c.JSON {
		return writeJSON(e.Stdout, compared)
	}
	return compared.Write(e.Stdout)
}

// find returns the saved run with this id, or the run in a file that --json wrote.
func (f keptFlags) find(id string) (result.Run, error) {
	if strings.HasSuffix(id, ".json") {
		file, err := os.Open(id)
		if err != nil {
			return result.Run{}, noRun(err)
		}
		defer func() { _ = file.Close() }() // the file was only read
		r, err := result.Read(file)
		if err != nil {
			return r, noRun(fmt.Errorf("%s: %w", id, err))
		}
		return r, nil
	}
	r, err := history.New(f.DataDir).Get(id)
	if errors.Is(err, history.ErrNotFound) || errors.Is(err, history.ErrAmbiguous) {
		return r, noRun(err)
	}
	return r, err
}

// noRun returns the error of a command that cannot find or read a run.
func noRun(err error) error {
	return &command.UsageError{Err: fmt.Errorf("cannot start: %w", err)}
}

func writeJSON(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(value)
}
