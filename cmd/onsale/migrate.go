package main

import (
	"context"
	"fmt"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
)

// migrateCmd is `onsale migrate`: for those who run it apart from the servers.
type migrateCmd struct {
	DataDir string `help:"Directory of the embedded database." default:"onsale-data" type:"path"`
}

// Run brings the schema to the newest version.
func (c *migrateCmd) Run(ctx context.Context, e *command.Env) error {
	o := app.DefaultOptions()
	o.DataDir, o.Logger = c.DataDir, e.Log
	o.DatabaseURL, o.DatabaseURLSet = e.Lookup("DATABASE_URL")
	if err := app.Migrate(ctx, o); err != nil {
		return err
	}
	fmt.Fprintln(e.Stderr, "onsale: the schema has the newest version")
	return nil
}
