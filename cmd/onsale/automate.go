package main

import (
	"context"
	"errors"
	"time"

	"onsale/internal/app"
)

// automateCmd is `onsale automate`: the items client.
type automateCmd struct {
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
func (automateCmd) Help() string {
	return `Gets a token for each user, creates items with it and deletes them again.
Ctrl-C stops it: it deletes what it has created, and sums up. The exit code is
0 when all went well, 1 when operations failed for good, items were left behind
or calls were not recorded, and 2 for wrong use.`
}

// Run calls the server until the end or the signal to stop.
func (c *automateCmd) Run(ctx context.Context, e *env) error {
	o := app.AutomateOptions{
		Host: c.Host, Timeout: c.Timeout, MaxFailures: c.MaxFailures, Log: c.Log, Record: c.Record,
		Out: e.stdout, Err: e.stderr, Logger: e.log,
	}
	o.Rate, o.Force, o.Duration, o.Count = c.Rate, c.Force, c.Duration, c.Count
	o.Users, o.UserPrefix, o.KeepRatio = c.Users, c.UserPrefix, c.KeepRatio
	o.Retries, o.ShutdownTimeout, o.Seed = c.Retries, c.ShutdownTimeout, c.Seed
	err := app.Automate(ctx, o)
	if err == nil || errors.Is(err, app.ErrUnwell) {
		return err
	}
	return &usageError{err} // nothing was called: it could not be used as it was asked to
}
