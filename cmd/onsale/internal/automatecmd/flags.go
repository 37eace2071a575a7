// Package automatecmd is `onsale automate`: the items client, with what it records of its calls.
package automatecmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/automate"
)

// The time that one call of `onsale automate` may be given.
const (
	minCallTimeout = 10 * time.Millisecond
	maxCallTimeout = 10 * time.Minute
)

// Command is `onsale automate`.
type Command struct {
	Host     string        `help:"URL of the server." short:"H" default:"http://127.0.0.1:8000"`
	Rate     float64       `help:"Calls a second, all together; above 50 only with --force." default:"2"`
	Force    bool          `help:"Allow a rate above 50."`
	Duration time.Duration `help:"How long to create items; 30s when --count is not given either." placeholder:"30s"`
	Count    int64         `help:"How many items to create." placeholder:"N"`

	Users      int     `help:"How many users to be." default:"1"`
	UserPrefix string  `help:"What the users' ids begin with; a number from 1 follows." default:"automate-"`
	KeepRatio  float64 `help:"Share of the items that are not deleted, 0 to 1." default:"0"`

	Retries         int           `help:"How often a call is repeated that failed in passing: 429, 5xx, or the network." default:"5"`
	Timeout         time.Duration `help:"How long to wait for an answer." default:"10s"`
	ShutdownTimeout time.Duration `help:"How long to wait, at the end, for calls in flight and the deletion of what is left." default:"10s"`
	MaxFailures     int64         `help:"How many operations may fail for good before the exit code is 1." default:"0"`
	Seed            uint64        `help:"Makes the dice repeatable; 0 rolls others each time." default:"0"`

	Log    string `help:"Log every call to this file, as lines of JSON; - is standard output." placeholder:"FILE"`
	Record string `help:"Record every call in this PostgreSQL, in the table onsale.automate_calls." placeholder:"postgres://…"`
}

// Help is shown under `onsale automate --help`.
func (Command) Help() string {
	return `Gets a token for each user, creates items with it and deletes them again.
Ctrl-C stops it: it deletes what it has created, and sums up. The exit code is
0 when all went well, 1 when operations failed for good, items were left behind
or calls were not recorded, and 2 for wrong use.`
}

// errUnwell is the error of an automation that ran to its end, but not well.
var errUnwell = errors.New("not all went well")

// Run creates and deletes items until it is through or the context ends, and writes a
// summary. It is a failure when more operations failed than may, items were left behind
// that should not be, or calls were not recorded. Any other error is met before the first
// call, and is a [command.UsageError].
func (c *Command) Run(ctx context.Context, e *command.Env) error {
	err := c.run(ctx, e)
	if err == nil || errors.Is(err, errUnwell) {
		return err
	}
	return &command.UsageError{Err: err} // nothing was called: it could not be used as it was asked to
}

// check returns an error that names the first flag that makes no sense.
func (c *Command) check() error {
	if c.Log != "" && c.Record != "" {
		return errors.New("--log and --record are both set: choose one")
	}
	if c.MaxFailures < 0 {
		return fmt.Errorf("--max-failures must not be negative, but is %d", c.MaxFailures)
	}
	if c.Timeout < minCallTimeout || c.Timeout > maxCallTimeout {
		return fmt.Errorf("--timeout must be between %s and %s, not %s", minCallTimeout, maxCallTimeout, c.Timeout)
	}
	return nil
}

// options returns what the flags say of the automation itself, which records nothing.
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
