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

	Crowd    int    `help:"How many demo buyers there are; 0 for none." default:"25" group:"Demo"`
	Scenario string `help:"What they do: tickets, tickets-random-deny or items." default:"tickets" group:"Demo"`
	Pace     string `help:"How fast the monitoring looks and tells: demo, every second, or real, every 5 s." enum:"demo,real" default:"demo" group:"Demo"`
	Fresh    bool   `help:"Wipe the data directory first, after asking." env:"-" group:"Demo"`
	Yes      bool   `help:"Answer yes to that question." env:"-" group:"Demo"`

	Monitor    string `help:"Whether to monitor: on or off." enum:"on,off" default:"on" group:"Monitoring"`
	watchFlags `group:"Monitoring"`
}

// Help is shown under `onsale up --help`.
func (upCmd) Help() string {
	return `The API, its monitoring, demo concerts and a demo crowd, on one address. The
monitoring runs in a process of its own. What is kept, is kept in the data
directory, and the next start goes on with it. DISCORD_URL is the webhook that
alerts go to, and DISCORD_MENTION whom critical ones mention; not set, alerts
stay in the inbox, /inbox. Further variables are those of onsale serve --help.`
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

// confirm returns what is to be wiped, after asking.
func (c *upCmd) confirm(ctx context.Context, e *command.Env, o app.Options) ([]string, error) {
	kept, err := app.Kept(o)
	if err != nil {
		return nil, &command.UsageError{Err: err}
	}
	if len(kept) == 0 || c.Yes {
		return kept, nil
	}
	if e.Ask(ctx, fmt.Sprintf("--fresh removes %s from %s. Go on?", strings.Join(kept, ", "), o.DataDir)) {
		return kept, nil
	}
	return nil, &command.UsageError{Err: errors.New("--fresh was not confirmed, nothing was removed; --yes confirms it without asking")}
}
