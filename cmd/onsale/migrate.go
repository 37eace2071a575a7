package main

import (
	"context"
	"fmt"

	"onsale/internal/app"
)

// migrateCmd is `onsale migrate`: for those who run it apart from the servers.
type migrateCmd struct {
	DataDir string `help:"Directory of the embedded database." default:"onsale-data" type:"path"`
}

// Run brings the schema to the newest version.
func (c *migrateCmd) Run(ctx context.Context, e *env) error {
	o := app.DefaultOptions()
	o.DataDir, o.Logger = c.DataDir, e.log
	o.DatabaseURL, o.DatabaseURLSet = e.lookup("DATABASE_URL")
	if err := app.Migrate(ctx, o); err != nil {
		return err
	}
	fmt.Fprintln(e.stderr, "onsale: the schema has the newest version")
	return nil
}
