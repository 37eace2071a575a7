package automatecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/automate"
	"onsale/internal/client"
)

// run builds the automation from the flags, and runs it.
func (c *Command) run(ctx context.Context, e *command.Env) error {
	if err := c.check(); err != nil {
		return err
	}
	api, err := client.New(c.Host, client.Options{Timeout: c.Timeout, UserAgent: "onsale-automate"})
	if err != nil {
		return fmt.Errorf("--host: %w", err)
	}
	defer api.Close()
	options := c.options()
	if err := options.Validate(); err != nil {
		return err // before a file is created
	}
	recorder, place, closeRecord, err := c.openRecord(ctx, e)
	if err != nil {
		return err
	}
	options.Recorder = recorder
	automation, err := automate.New(api, options)
	if err != nil {
		return errors.Join(err, closeRecord())
	}
	sum := watch(ctx, automation, e.Stderr)
	if err := closeRecord(); err != nil && sum.RecordError == nil {
		sum.RecordError = err
	}
	out := e.Stdout
	if c.Log == standardOutput {
		out = e.Stderr
	}
	sum.Write(out, place)
	return c.judge(sum)
}

// watch runs the automation and shows its progress.
func watch(ctx context.Context, a *automate.Automation, out io.Writer) automate.Summary {
	terminal := false
	if f, ok := out.(*os.File); ok {
		terminal = term.IsTerminal(int(f.Fd()))
	}
	showing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		a.Progress(showing, out, terminal)
	}()
	sum := a.Run(ctx)
	cancel()
	select {
	case <-shown:
	case <-time.After(showLimit): // nothing reads the output; the summary must not wait
	}
	return sum
}

// showLimit bounds the wait until the last line of progress is written.
const showLimit = time.Second

// judge returns an error if the automation failed.
func (c *Command) judge(sum automate.Summary) error {
	switch left := sum.LeftBehind(); {
	case sum.Failed+sum.CutOff > c.MaxFailures:
		return fmt.Errorf("%w: %d operations failed after all retries, and %d had not succeeded when the run ended; --max-failures allows %d",
			errFailed, sum.Failed, sum.CutOff, c.MaxFailures)
	case left > 0:
		return fmt.Errorf("%w: %d items were left behind", errFailed, left)
	case sum.Lost > 0 || sum.RecordError != nil:
		return fmt.Errorf("%w: %d calls were not recorded", errFailed, sum.Lost)
	}
	return nil
}
