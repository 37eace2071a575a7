package main

import (
	"context"
	"fmt"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
)

// migrateCmd is `onsale migrate`: the migration as a step of its own, for servers that run with --no-migrate.
type migrateCmd struct {
	DataDir string `help:"Directory of the embedded database." default:"onsale-data" type:"path"`
}

// Run updates the schema to the newest version.
func (c *migrateCmd) Run(ctx context.Context, e *command.Env) error {
	o := app.DefaultOptions()
	o.DataDir, o.Logger = c.DataDir, e.Log
	o.DatabaseURL, o.DatabaseURLSet = e.Lookup("DATABASE_URL")
	if err := app.Migrate(ctx, o); err != nil {
		return err
	}
	fmt.Fprintln(e.Stderr, "onsale: the database schema is up to date")
	return nil
}
