package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"onsale/internal/app"
)

// upCmd is `onsale up`: everything in one process.
type upCmd struct {
	apiFlags

	Crowd    int    `help:"How many demo buyers there are; 0 for none." default:"25" group:"Demo"`
	Scenario string `help:"What they do: tickets or tickets-random-deny." default:"tickets" group:"Demo"`
	Pace     string `help:"How fast the monitoring looks and tells: demo, every second, or real, every 5 s." enum:"demo,real" default:"demo" group:"Demo"`
	Fresh    bool   `help:"Wipe the data directory first, after asking." group:"Demo"`
	Yes      bool   `help:"Answer yes to that question." group:"Demo"`

	Monitor    string `help:"Whether to monitor: on or off." enum:"on,off" default:"on" group:"Monitoring"`
	watchFlags `group:"Monitoring"`
}

// Help is shown under `onsale up --help`.
func (upCmd) Help() string {
	return `The API, its monitoring, demo concerts and a demo crowd, in one process on one
address. What is kept, is kept in the data directory, and the next start goes on
with it. DISCORD_URL is the webhook that alerts go to, and DISCORD_MENTION whom
critical ones mention; not set, alerts stay in the inbox, /inbox. Further
variables are those of onsale serve --help.`
}

// Run serves until the context ends.
func (c *upCmd) Run(ctx context.Context, e *env) error {
	o, err := c.options(e)
	if err != nil {
		return &usageError{err}
	}
	up := app.DefaultUp()
	up.Users, up.Scenario = c.Crowd, c.Scenario
	up.Watch = nil
	if c.Monitor == "on" {
		watch := c.watch(e, c.Pace)
		up.Watch = &watch
	}
	if c.BooksInterval == 0 && c.Pace == "demo" {
		o.BooksInterval = app.DemoBooksInterval
	}
	o.Up = &up
	if err := o.Validate(); err != nil {
		return &usageError{err}
	}
	if c.Fresh {
		if err := c.wipe(e, o); err != nil {
			return err
		}
	}
	a, err := app.New(ctx, o)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// wipe removes what Onsale keeps in the data directory, after asking.
func (c *upCmd) wipe(e *env, o app.Options) error {
	kept, err := app.Kept(o)
	if err != nil {
		return &usageError{err}
	}
	if len(kept) == 0 {
		return nil
	}
	if !c.Yes {
		fmt.Fprintf(e.stderr, "onsale: --fresh removes %s from %s. Go on? [y/N] ", strings.Join(kept, ", "), o.DataDir)
		answer, err := bufio.NewReader(e.stdin).ReadString('\n')
		if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
			if err != nil {
				fmt.Fprintln(e.stderr)
			}
			return &usageError{errors.New("--fresh was not confirmed, nothing was removed; --yes confirms it without asking")}
		}
	}
	return app.Wipe(o)
}
