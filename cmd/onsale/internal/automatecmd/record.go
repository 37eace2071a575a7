package automatecmd

import (
	"context"
	"fmt"
	"os"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/automate"
	"onsale/internal/store/calls"
)

// standardOutput is the value of --log that means standard output.
const standardOutput = "-"

// openRecord opens the recorder of calls that the flags name, and returns its name for the summary.
func (c *Command) openRecord(ctx context.Context, e *command.Env) (r automate.Recorder, place string, closeRecord func() error, err error) {
	nothing := func() error { return nil }
	switch {
	case c.Log == standardOutput:
		return automate.NewLog(e.Stdout), "standard output", nothing, nil
	case c.Log != "":
		file, err := openLog(ctx, c.Log)
		if err != nil {
			return nil, "", nil, fmt.Errorf("--log: %w", err)
		}
		return automate.NewLog(file), c.Log, file.Close, nil
	case c.Record != "":
		recorder, err := calls.Open(c.Record, calls.Options{Logger: e.Log})
		if err != nil {
			return nil, "", nil, fmt.Errorf("--record: %w", err)
		}
		if err := recorder.Start(ctx); err != nil {
			return nil, "", nil, fmt.Errorf("--record: %w", err)
		}
		return inTable{recorder}, "table " + calls.Table, nothing, nil
	}
	return automate.Nowhere{}, "", nothing, nil
}

// openLog opens a file to append lines to. Opening a pipe waits for a reader, at most until
// the context ends.
func openLog(ctx context.Context, name string) (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	opened := make(chan result, 1)
	go func() {
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err == nil {
			err = endLine(file, name)
		}
		opened <- result{file, err}
	}()
	select {
	case r := <-opened:
		return r.file, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("open %s: %w", name, context.Cause(ctx))
	}
}

// endLine ends a line that an earlier run could not finish, for instance because the disk
// was full.
func endLine(file *os.File, name string) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return err
	}
	reader, err := os.Open(name)
	if err != nil {
		return nil // a file that cannot be read is used as it is
	}
	defer func() { _ = reader.Close() }()
	last := make([]byte, 1)
	if _, err := reader.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
		_, err = file.WriteString("\n")
		return err
	}
	return nil
}

// inTable records calls in PostgreSQL.
type inTable struct{ *calls.Recorder }

// Record implements [automate.Recorder]. The table has no column for messages.
func (t inTable) Record(c automate.Call) {
	t.Recorder.Record(calls.Call{
		Time: c.Time, User: c.User, Method: c.Method, Path: c.Path,
		Status: c.Status, Error: c.Error, Attempt: c.Attempt, Duration: c.Duration,
	})
}
