// Package automatecmd is `onsale automate`: the items client, and the record of its calls.
package automatecmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/automate"
)

// Bounds of --timeout.
const (
	minCallTimeout = 10 * time.Millisecond
	maxCallTimeout = 10 * time.Minute
)

// Command is `onsale automate`.
type Command struct {
	Host     string        `help:"URL of the server." short:"H" default:"http://127.0.0.1:8000"`
	Rate     float64       `help:"Calls per second, all users together; above 50 only with --force." default:"2"`
	Force    bool          `help:"Allow a rate above 50."`
	Duration time.Duration `help:"Time to create items; 30s without --count." placeholder:"30s"`
	Count    int64         `help:"Number of items to create." placeholder:"N"`

	Users      int     `help:"Number of simulated users." default:"1"`
	UserPrefix string  `help:"Prefix of the user ids; a number from 1 follows it." default:"automate-"`
	KeepRatio  float64 `help:"Share of the items to keep, 0 to 1; the others are deleted." default:"0"`

	Retries         int           `help:"Retries after a transient failure: 429, 5xx or a network error." default:"5"`
	Timeout         time.Duration `help:"Time to wait for an answer." default:"10s"`
	ShutdownTimeout time.Duration `help:"Time that calls in flight and the deletion of the last items get at the end." default:"10s"`
	MaxFailures     int64         `help:"Number of failed operations up to which the exit code is 0." default:"0"`
	Seed            uint64        `help:"Random seed; 0 picks a new one each time." default:"0"`

	Log    string `help:"File that logs every call as a line of JSON; - is standard output." placeholder:"FILE"`
	Record string `help:"PostgreSQL database that records every call, in the table onsale.automate_calls." placeholder:"postgres://…"`
}

// Help is shown under `onsale automate --help`.
func (Command) Help() string {
	return `Gets a token for each user, creates items with it and deletes them again.
Ctrl-C stops it: it deletes the items that it has created, and prints a summary.
The exit code is 0 on success and 2 for a usage error. It is 1 if operations
failed after all retries, items were left behind or calls were not recorded.`
}

// errFailed is the error of an automation that ran to its end, but with failures.
var errFailed = errors.New("automate failed")

// Run creates and deletes items until it is finished or the context ends, and writes a
// summary. It fails if more operations failed than --max-failures, if items were left behind
// that should have been deleted, or if calls were not recorded. Any other error is a
// [command.UsageError], and comes before the first call.
func (c *Command) Run(ctx context.Context, e *command.Env) error {
	err := c.run(ctx, e)
	if err == nil || errors.Is(err, errFailed) {
		return err
	}
	return &command.UsageError{Err: err} // no call was made
}

// check returns an error that names the first invalid flag.
func (c *Command) check() error {
	if c.Log != "" && c.Record != "" {
		return errors.New("--log and --record are both set: choose one")
	}
	if c.MaxFailures < 0 {
		return fmt.Errorf("--max-failures must be at least 0, not %d", c.MaxFailures)
	}
	if c.Timeout < minCallTimeout || c.Timeout > maxCallTimeout {
		return fmt.Errorf("--timeout must be between %s and %s, not %s", minCallTimeout, maxCallTimeout, c.Timeout)
	}
	return nil
}

// options returns the options from the flags, with a recorder that records nothing.
func (c *Command) options() automate.Options {
	o := automate.Options{
		Rate: c.Rate, Force: c.Force, Duration: c.Duration, Count: c.Count,
		Users: c.Users, UserPrefix: c.UserPrefix, KeepRatio: c.KeepRatio,
		Retries: c.Retries, ShutdownTimeout: c.ShutdownTimeout, Seed: c.Seed,
		Recorder: automate.Nowhere{}, Now: time.Now,
	}
	if c.Duration == 0 && c.Count == 0 {
		o.Duration = automate.DefaultDuration
	}
	return o
}
