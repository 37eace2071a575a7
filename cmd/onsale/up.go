package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
)

// upCmd is `onsale up`: everything on one address.
type upCmd struct {
	apiFlags

	Crowd    int    `help:"Number of demo users; 0 turns them off." default:"25" group:"Demo"`
	Scenario string `help:"Scenario that the demo users run: tickets, tickets-random-deny or items." default:"tickets" group:"Demo"`
	Pace     string `help:"Speed of scrapes and alerts: demo scrapes every second and one minute becomes 5 s, real scrapes every 5 s." enum:"demo,real" default:"demo" group:"Demo"`
	Fresh    bool   `help:"Wipe the data directory first. Asks for confirmation." env:"-" group:"Demo"`
	Yes      bool   `help:"Confirm --fresh without asking." env:"-" group:"Demo"`

	Monitor    string `help:"Run the monitoring: on or off." enum:"on,off" default:"on" group:"Monitoring"`
	watchFlags `group:"Monitoring"`
}

// Help is shown under `onsale up --help`.
func (upCmd) Help() string {
	return `Serves the API and its monitoring on one address, and runs demo users that buy
tickets for demo concerts. The monitoring runs in a process of its own. The data
directory keeps everything for the next start.

DISCORD_URL is the Discord webhook for alerts, and DISCORD_MENTION the people
that critical alerts mention. Without DISCORD_URL, alerts stay at /inbox. See
onsale serve --help for the other environment variables.`
}

// Run serves until the context ends.
func (c *upCmd) Run(ctx context.Context, e *command.Env) error {
	o, err := c.options(e)
	if err != nil {
		return &command.UsageError{Err: err}
	}
	up := app.DefaultUp()
	up.Users, up.Scenario = c.Crowd, c.Scenario
	up.Watch = nil
	if c.Monitor == "on" {
		watch, err := c.watch(e, c.Pace)
		if err != nil {
			return &command.UsageError{Err: err}
		}
		up.Watch, up.Child = &watch, monitorChild(e)
	}
	if c.BooksInterval == 0 && c.Pace == "demo" {
		o.BooksInterval = app.DemoBooksInterval
	}
	o.Up = &up
	if err := o.Validate(); err != nil {
		return &command.UsageError{Err: err}
	}
	if c.Fresh {
		if o.Wipe, err = c.confirm(ctx, e, o); err != nil {
			return err
		}
	}
	return start(ctx, o)
}

// confirm returns the names to wipe in the data directory, once the user has confirmed.
func (c *upCmd) confirm(ctx context.Context, e *command.Env, o app.Options) ([]string, error) {
	kept, err := app.Kept(o)
	if err != nil {
		return nil, &command.UsageError{Err: err}
	}
	if len(kept) == 0 || c.Yes {
		return kept, nil
	}
	if e.Ask(ctx, fmt.Sprintf("--fresh removes %s from %s. Continue?", strings.Join(kept, ", "), o.DataDir)) {
		return kept, nil
	}
	return nil, &command.UsageError{Err: errors.New("--fresh was not confirmed, so nothing was removed; --yes confirms it without asking")}
}
