package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onsale/internal/sale"
	"onsale/internal/server"
)

// retryPause is the pause between two tries to reach the database at start.
const retryPause = 500 * time.Millisecond

// prepare gets the schema and the plan into place, however long the database is
// away, and then says that the server is ready. It returns an error when
// another try would meet the same refusal.
func (a *App) prepare(ctx context.Context) error {
	for first := true; ; first = false {
		err := a.prepareOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			a.seller.Start(ctx)
			close(a.prepared)
			a.announce()
			return nil
		case !errors.Is(err, sale.ErrUnavailable):
			return fmt.Errorf("prepare database: %w", err)
		case first:
			a.say("listening on http://%s, waiting for the database: %v", a.Addr(), err)
		}
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *App) prepareOnce(ctx context.Context) error {
	check := a.store.CheckSchema
	if a.options.Migrate {
		check = a.store.Migrate
	}
	if err := check(ctx); err != nil {
		return err
	}
	if a.options.Faults == nil {
		return a.injector.Load(ctx)
	}
	_, err := a.injector.Set(ctx, *a.options.Faults)
	return err
}

func (a *App) announce() {
	if a.options.AdminToken == server.OpenToAll {
		a.say("WARNING: admin calls are open to everybody (admin token %q)", server.OpenToAll)
	}
	hint := ""
	if len(a.injector.Active()) > 0 {
		hint = "; --faults off sells for real"
	}
	a.say("%s%s", a.injector.State().Plan.Summary(), hint)
	a.say("ready on http://%s", a.Addr())
}
