package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/term"

	"onsale/internal/automate"
	"onsale/internal/client"
	"onsale/internal/store/calls"
)

// The time that one call of `onsale automate` may be given.
const (
	minCallTimeout = 10 * time.Millisecond
	maxCallTimeout = 10 * time.Minute
)

// AutomateOptions say what `onsale automate` is to do.
type AutomateOptions struct {
	// Options are those of the automation itself, but for Recorder and Now,
	// which are set here. Without a Duration and a Count it runs for
	// [automate.DefaultDuration].
	automate.Options

	// Host is the server's URL.
	Host string
	// Timeout ends a call.
	Timeout time.Duration
	// Log is a file that calls are logged to, or "-" for Out; empty for none.
	// Record is the URL of a PostgreSQL that they are recorded in. Only one may
	// be set.
	Log, Record string
	// MaxFailures is how many operations may fail for good.
	MaxFailures int64

	// Out gets the summary, and Err the progress; with the log on Out, Err gets both.
	Out, Err io.Writer
	Logger   *slog.Logger
}

// Validate returns an error that names the first option that makes no sense.
func (o AutomateOptions) Validate() error {
	if o.Log != "" && o.Record != "" {
		return errors.New("--log and --record are both set: choose one")
	}
	if o.MaxFailures < 0 {
		return fmt.Errorf("--max-failures must not be negative, but is %d", o.MaxFailures)
	}
	if o.Timeout < minCallTimeout || o.Timeout > maxCallTimeout {
		return fmt.Errorf("--timeout must be between %s and %s, not %s", minCallTimeout, maxCallTimeout, o.Timeout)
	}
	if _, err := o.client(); err != nil {
		return err
	}
	return o.engine().Validate()
}

// client returns a client of the server.
func (o AutomateOptions) client() (*client.Client, error) {
	c, err := client.New(o.Host, client.Options{Timeout: o.Timeout, UserAgent: "onsale-automate"})
	if err != nil {
		return nil, fmt.Errorf("--host: %w", err)
	}
	return c, nil
}

// engine returns the options of the automation itself.
func (o AutomateOptions) engine() automate.Options {
	engine := o.Options
	engine.Recorder, engine.Now = automate.Nowhere{}, time.Now
	if o.Duration == 0 && o.Count == 0 {
		engine.Duration = automate.DefaultDuration
	}
	return engine
}

// ErrUnwell is the error of an automation that ran to its end, but not well.
var ErrUnwell = errors.New("not all went well")

// Automate creates and deletes items until it is through or the context ends,
// and writes a summary. It returns an ErrUnwell when more operations failed
// than may, items were left behind that should not be, or calls were not
// recorded. Other errors are met before the first call.
func Automate(ctx context.Context, o AutomateOptions) error {
	if err := o.Validate(); err != nil {
		return err
	}
	api, err := o.client()
	if err != nil {
		return err
	}
	defer api.Close()
	engine := o.engine()
	recorder, place, closeRecord, err := o.openRecord(ctx)
	if err != nil {
		return err
	}
	engine.Recorder = recorder
	automation, err := automate.New(api, engine)
	if err != nil {
		return errors.Join(err, closeRecord())
	}
	sum := o.watch(ctx, automation)
	if err := closeRecord(); err != nil && sum.RecordError == nil {
		sum.RecordError = err
	}
	out := o.Out
	if o.Log == standardOutput {
		out = o.Err
	}
	sum.Write(out, place)
	return o.judge(sum)
}

// watch runs the automation and shows its progress meanwhile.
func (o AutomateOptions) watch(ctx context.Context, a *automate.Automation) automate.Summary {
	terminal := false
	if f, ok := o.Err.(*os.File); ok {
		terminal = term.IsTerminal(int(f.Fd()))
	}
	showing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		a.Progress(showing, o.Err, terminal)
	}()
	sum := a.Run(ctx)
	cancel()
	select {
	case <-shown:
	case <-time.After(showLimit): // nobody reads it; the summary is not to wait for that
	}
	return sum
}

// showLimit bounds the wait for the last line of progress to be written.
const showLimit = time.Second

// judge says whether all went well.
func (o AutomateOptions) judge(sum automate.Summary) error {
	switch left := sum.LeftBehind(); {
	case sum.Failed+sum.CutOff > o.MaxFailures:
		return fmt.Errorf("%w: %d operations failed for good and %d up to the end, and at most %d may (--max-failures)",
			ErrUnwell, sum.Failed, sum.CutOff, o.MaxFailures)
	case left > 0:
		return fmt.Errorf("%w: %d items were left behind", ErrUnwell, left)
	case sum.Lost > 0 || sum.RecordError != nil:
		return fmt.Errorf("%w: %d calls were not recorded", ErrUnwell, sum.Lost)
	}
	return nil
}

// standardOutput is the name of the log that goes there.
const standardOutput = "-"

// openRecord opens where calls are recorded, and says what that is called.
func (o AutomateOptions) openRecord(ctx context.Context) (r automate.Recorder, place string, closeRecord func() error, err error) {
	nothing := func() error { return nil }
	switch {
	case o.Log == standardOutput:
		return automate.NewLog(o.Out), "standard output", nothing, nil
	case o.Log != "":
		file, err := openLog(ctx, o.Log)
		if err != nil {
			return nil, "", nil, fmt.Errorf("--log: %w", err)
		}
		return automate.NewLog(file), o.Log, file.Close, nil
	case o.Record != "":
		recorder, err := calls.Open(o.Record, calls.Options{Logger: o.Logger})
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

// openLog opens a file to append lines to. A pipe that nobody reads keeps it
// waiting until the context ends.
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

// endLine ends a line that an earlier run could not write to its end, when the
// disk was full, say.
func endLine(file *os.File, name string) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return err
	}
	reader, err := os.Open(name)
	if err != nil {
		return nil // a file that may only be written to is taken as it is
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
