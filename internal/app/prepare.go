package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onsale/internal/item"
	"onsale/internal/sale"
	"onsale/internal/server"
)

// retryPause is the pause between two tries to reach the database at start.
const retryPause = 500 * time.Millisecond

// prepareLimit bounds one try, but for the migration: that may take any time, and
// has limits of its own.
const prepareLimit = 30 * time.Second

var errTooLong = fmt.Errorf("%w: not prepared within %s", sale.ErrUnavailable, prepareLimit)

// prepare gets the schema, the token key and the plan into place, however long
// the database is away, and then says that the server is ready. It returns an
// error when another try would meet the same refusal.
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
		case !passes(err):
			return fmt.Errorf("%s: %w", a.databaseName(), err)
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

// databaseName says whose setting is at fault when the database refuses.
func (a *App) databaseName() string {
	if a.options.DatabaseURLSet {
		return "DATABASE_URL"
	}
	return "--data-dir " + a.options.DataDir
}

// passes reports whether another try may succeed.
func passes(err error) bool {
	return errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrConflict) || errors.Is(err, sale.ErrOutcomeUnknown)
}

func (a *App) prepareOnce(ctx context.Context) error {
	if a.options.Migrate {
		if err := a.store.Migrate(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, prepareLimit, errTooLong)
	defer cancel()
	if err := a.store.CheckSchema(ctx); err != nil {
		return err
	}
	if err := a.loadTokenKey(ctx); err != nil {
		return err
	}
	if a.options.Faults == nil {
		return a.injector.Load(ctx)
	}
	_, err := a.injector.Set(ctx, *a.options.Faults)
	return err
}

// loadTokenKey takes the key that the replicas share from the database, unless
// this one was given a key.
func (a *App) loadTokenKey(ctx context.Context) error {
	if a.tokens.Ready() {
		return nil
	}
	key, err := a.store.TokenKey(ctx, item.NewKey())
	if err != nil {
		return err
	}
	return a.tokens.SetKey(key)
}

// warn says at once what an operator must know before anybody connects.
func (a *App) warn() {
	switch {
	case a.options.AdminToken == server.OpenToAll:
		a.say("WARNING: admin calls are open to everybody (admin token %q); requests to a domain name are refused "+
			"unless --allowed-hosts lists it", server.OpenToAll)
	case a.options.AdminToken == "" && !isLoopback(a.listener.Addr()):
		a.say("admin calls are disabled on this address: set ONSALE_ADMIN_TOKEN to enable them")
	}
}

func (a *App) announce() {
	summary := a.injector.State().InForce().Plan.Summary() // some of the plan may be over
	if len(a.injector.Active()) > 0 {
		summary += "; --faults off sells for real"
	}
	a.say("%s", summary)
	a.announceBeside()
	a.say("ready on http://%s", a.Addr())
}
